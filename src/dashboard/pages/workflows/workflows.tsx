import type { JSX } from 'preact'
import type { RecordedWorkflowDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { useLive } from '../../api/live.ts'
import { usePages } from '../../api/pages.ts'
import { useThrottled } from '../../api/throttled.ts'
import { here, setQuery, to } from '../../app/location.ts'
import { useRowKeys } from '../../app/rowKeys.ts'
import { TaskChoice } from '../../app/taskChoice.tsx'
import { Button } from '../../parts/ask/button.tsx'
import { Live } from '../../parts/live.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { State } from '../../parts/state.tsx'
import { count, duration } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago, Since } from '../../parts/text/time.tsx'
import { StateCounts } from './stateCounts.tsx'

const PAGE = 50
/** The list is loaded again at most so often while jobs change, ms. */
const RELOAD_MS = 1000

/** Jobs that belong together; those with the newest job first. */
export function Workflows(): JSX.Element {
  const task = here.value.query.get('task') ?? ''
  const { list, hasMore, more } = usePages(
    async (cursor, signal) => {
      const words = { task: task || undefined, limit: PAGE, cursor, signal }
      const page = await client.recorded.workflows(words)
      return { items: page.workflows, cursor: page.cursor }
    },
    [task],
    ({ root }) => root,
  )
  const reload = useThrottled(list.reload, RELOAD_MS)
  useLive({
    // That a job has changed is enough.
    watch: { watch: 'jobs', limit: 1 },
    begin: list.reload,
    change: (message) => {
      if (message.kind === 'jobs') reload()
    },
  })
  useRowKeys('workflow')
  return (
    <Page title="Workflows" actions={<Live />}>
      <Filter task={task} />
      <Shown of={list}>
        {(workflows) => (workflows.length === 0 ? <None task={task} /> : <Rows workflows={workflows} />)}
      </Shown>
      {hasMore && (
        <div class="row">
          <Button onPress={more}>Show older workflows</Button>
        </div>
      )}
    </Page>
  )
}

function Filter({ task }: { task: string }): JSX.Element {
  return (
    <search class="row">
      <TaskChoice task={task} label="First task" all="All first tasks" />
    </search>
  )
}

function None({ task }: { task: string }): JSX.Element {
  if (task !== '')
    return (
      <Empty title="No workflow begins with this task">
        <Button onPress={() => setQuery({ task: undefined })}>Show all workflows</Button>
      </Empty>
    )
  return (
    <Empty title="No workflows">
      <p>
        Jobs that follow from each other are one workflow: a chain, a group, a chord, or a job and the jobs that it has
        sent. They appear here when they are sent, from TypeScript and from Python.
      </p>
    </Empty>
  )
}

function Rows({ workflows }: { workflows: readonly RecordedWorkflowDocument[] }): JSX.Element {
  return (
    <div class="scroll">
      <table class="workflows">
        <thead>
          <tr>
            <th scope="col">First task</th>
            <th scope="col">State</th>
            <th scope="col" class="right wide-only">
              Jobs
            </th>
            <th scope="col">Jobs by state</th>
            <th scope="col" class="right wide-only">
              Started
            </th>
            <th scope="col" class="right">
              Duration
            </th>
          </tr>
        </thead>
        <tbody>
          {workflows.map((workflow) => (
            <Row key={workflow.root} workflow={workflow} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({ workflow }: { workflow: RecordedWorkflowDocument }): JSX.Element {
  const { root, task, states, total, firstAt, endedAt, isPartial } = workflow
  return (
    <tr>
      <td class="first-task">
        <a href={to(['workflows', root])} data-row>
          {task === null ? 'Not recorded' : <Outside text={task} />}
        </a>
        <div class="quiet id">
          <Outside text={root} length={36} />
        </div>
      </td>
      <td>
        <State state={stateOf(workflow)} />
      </td>
      <td class="right wide-only">{count(total)}</td>
      <td>
        <StateCounts states={states} />
        {isPartial && <span class="quiet"> of the newest jobs</span>}
      </td>
      <td class="right wide-only">
        <Ago at={firstAt} />
      </td>
      <td class="right">
        {endedAt === undefined ? <Since at={firstAt} /> : duration(Date.parse(endedAt) - Date.parse(firstAt))}
      </td>
    </tr>
  )
}

/** Of all its jobs; the first one may have ended long before the others. */
function stateOf({ states, endedAt, state }: RecordedWorkflowDocument): string {
  if (endedAt === undefined) return Object.keys(states).every((one) => one === 'PENDING') ? 'PENDING' : 'STARTED'
  if (states.FAILURE) return 'FAILURE'
  return states.REVOKED ? 'REVOKED' : (state ?? 'SUCCESS')
}
