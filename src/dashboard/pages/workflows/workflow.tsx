import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { useValue } from '../../api/signal.ts'
import { to } from '../../app/location.ts'
import { useRowKeys } from '../../app/rowKeys.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Live } from '../../parts/live.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty, Problem } from '../../parts/problem.tsx'
import { isEnded, State } from '../../parts/state.tsx'
import { count, duration } from '../../parts/text/format.ts'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { Moment, now } from '../../parts/text/time.tsx'
import { revokeWorkflow } from './changes.tsx'
import { type CriticalPath, criticalPath } from './flow/criticalPath.ts'
import { newFocus } from './flow/focus.ts'
import { type Flow, joinFlow } from './flow/model.ts'
import { orderOf } from './flow/order.ts'
import { type TimeScale, timeScale } from './flow/times.ts'
import { Graph } from './graph/graph.tsx'
import { JobPanel } from './jobPanel.tsx'
import { StateCounts } from './stateCounts.tsx'
import { useWorkflow, type WorkflowData } from './useWorkflow.ts'
import { Waterfall } from './waterfall.tsx'

/** Jobs of the critical path that are drawn by themselves in any case. */
const MAX_PINNED = 50

/** One workflow: its graph, and when each of its jobs waited and ran. */
export function Workflow({ id }: { readonly id: string }): JSX.Element {
  const workflow = useWorkflow(id)
  const { data } = workflow
  const flow = useMemo(() => data && joinFlow(id, data.tree, data.jobs), [id, data?.tree, data?.jobs])
  useRowKeys('job')
  const open = flow ? flow.total - flow.done : 0
  const actions = (
    <>
      <Live />
      {flow && flow.nodes.size > 0 && (
        <Button
          kind="danger"
          disabled={open === 0 ? 'It has ended' : whyNot('revoke')}
          onPress={async () => (await revokeWorkflow(id, open)) && workflow.reload()}
        >
          Revoke the workflow
        </Button>
      )}
    </>
  )
  return (
    <Page title={<Title id={id} task={flow?.nodes.get(id)?.task ?? undefined} />} actions={actions}>
      <Shown of={workflow}>
        {(known) =>
          flow === undefined || flow.nodes.size === 0 ? (
            <Empty title="No such workflow">
              <p>No job of a workflow with this id is stored or recorded, or they are not kept any more.</p>
            </Empty>
          ) : (
            <Whole key={id} flow={flow} data={known} changed={workflow.reload} />
          )
        }
      </Shown>
    </Page>
  )
}

/** The first task, and the id of its job. */
function Title({ id, task }: { id: string; task: string | undefined }): JSX.Element {
  return (
    <>
      {task === undefined ? 'Workflow' : <Outside text={task} />}{' '}
      <a class="id" href={to(['jobs', id])} title="The first job">
        <Outside text={id} length={36} />
      </a>
    </>
  )
}

interface WholeProps {
  readonly flow: Flow
  readonly data: WorkflowData
  readonly changed: () => void
}

function Whole({ flow, data, changed }: WholeProps): JSX.Element {
  const focus = useMemo(newFocus, [])
  const order = useMemo(() => orderOf(flow), [flow])
  const isOver = flow.done === flow.total
  const at = useValue(now, (time) => (isOver ? 0 : time))
  const path = useMemo(() => criticalPath(flow, at), [flow, at])
  const ids = path?.ids.join() ?? ''
  const critical = useMemo(() => new Set(path?.ids), [ids])
  const pinned = useMemo(() => new Set(isOver ? path?.ids.slice(-MAX_PINNED) : []), [isOver && ids])
  const scale = timeScale(flow, at)
  const open = flow.nodes.get(useValue(focus.open) ?? '')
  return (
    <>
      <Notices flow={flow} data={data} />
      <About flow={flow} data={data} scale={scale} at={at} />
      {path && <PathWords path={path} total={flow.total} isOver={isOver} />}
      <Graph flow={flow} order={order} critical={critical} pinned={pinned} focus={focus} />
      <Waterfall flow={flow} order={order} critical={critical} focus={focus} scale={scale} now={at} />
      {open && (
        <JobPanel
          key={open.id}
          node={open}
          isCritical={critical.has(open.id)}
          now={at}
          changed={changed}
          close={() => {
            focus.open.value = undefined
          }}
        />
      )}
    </>
  )
}

/** What is not shown, and why. */
function Notices({ flow, data }: { flow: Flow; data: WorkflowData }): JSX.Element {
  const { tree, isCut, problem } = data
  return (
    <>
      {problem && <Problem error={problem} />}
      {tree?.truncated && (
        <p class="notice">
          It has {count(tree.total)} jobs: the result backend shows the first {count(tree.nodes.length)} of them.
        </p>
      )}
      {isCut && <p class="notice">It has more recorded jobs than these: the newest are shown.</p>}
      {flow.circles > 0 && (
        <p class="notice">Some jobs name each other as their parents: what would be a circle is not shown.</p>
      )}
    </>
  )
}

interface AboutProps extends Pick<WholeProps, 'flow' | 'data'> {
  readonly scale: TimeScale | undefined
  readonly at: number
}

function About({ flow, data, scale, at }: AboutProps): JSX.Element {
  const states: Record<string, number> = {}
  for (const { kind, state } of flow.nodes.values()) if (kind === 'task') states[state] = (states[state] ?? 0) + 1
  const isOver = flow.done === flow.total
  const length = scale && duration((isOver ? scale.to : Math.max(at, scale.to)) - scale.from)
  return (
    <Facts
      of={[
        ['State', <State state={stateOf(flow, data, states)} />],
        [
          'Jobs',
          <>
            {count(flow.done)} of {count(flow.total)} have ended <StateCounts states={states} />
          </>,
        ],
        ['Started', scale && <Moment at={scale.from} />],
        ['Duration', length],
      ]}
    />
  )
}

/** Of its result, where that is known; else of all its jobs. */
function stateOf(flow: Flow, { tree }: WorkflowData, states: Readonly<Record<string, number>>): string {
  const result = tree && flow.nodes.get(tree.id)?.state
  if (result !== undefined && isEnded(result) && tree?.id !== tree?.rootId) return result
  if (flow.done < flow.total) return states.PENDING === flow.total ? 'PENDING' : 'STARTED'
  if (states.FAILURE) return 'FAILURE'
  return states.REVOKED ? 'REVOKED' : 'SUCCESS'
}

/** As `Critical path: 5 of 40 jobs, 12.3 s, of which 8.1 s in resize.` */
function PathWords({ path, total, isOver }: { path: CriticalPath; total: number; isOver: boolean }): JSX.Element {
  const { ids, ms, tasks } = path
  const [longest] = tasks
  const isOne = tasks.length < 2
  return (
    <p class="critical-words">
      <strong>Critical path{isOver ? '' : ' so far'}</strong>: {count(ids.length)} of {count(total)} jobs,{' '}
      {duration(ms)}
      {longest && !isOne && (
        <>
          , of which {duration(longest.ms)} in{' '}
          <bdi>{longest.task === null ? 'unknown tasks' : visible(longest.task.slice(0, 120))}</bdi>
        </>
      )}
      . <span class="quiet">Waiting is part of it.</span>
    </p>
  )
}
