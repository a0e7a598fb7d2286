import type { JSX } from 'preact'
import { Icon } from '../../parts/icon.tsx'
import { Rows } from '../../parts/rows/rows.tsx'
import { kindOf, State } from '../../parts/state.tsx'
import { count, duration } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { type Focus, useIsLit } from './flow/focus.ts'
import type { Flow, FlowNode } from './flow/model.ts'
import type { Order, Row } from './flow/order.ts'
import { placeOf, runOf, type TimeScale, ticksOf, waitOf } from './flow/times.ts'

/** Height of a row, px, as in the style. */
const ROW = 30
/** A deeper level is not moved in any more. */
const MAX_DEPTH = 8

export interface WaterfallProps {
  readonly flow: Flow
  readonly order: Order
  readonly critical: ReadonlySet<string>
  readonly focus: Focus
  readonly scale: TimeScale | undefined
  readonly now: number
}

/** All jobs in the order of the tree, with when they waited and when they ran. */
export function Waterfall(props: WaterfallProps): JSX.Element {
  const { order, scale } = props
  const { rows } = order
  return (
    <div class="waterfall">
      <Rows
        label="Waterfall"
        count={rows.length}
        total={rows.length}
        height={ROW}
        head={<Head scale={scale} />}
        row={(index) => {
          const row = rows[index] as Row
          return <WaterfallRow key={row.id} row={row} index={index + 2} {...props} />
        }}
      />
    </div>
  )
}

function Head({ scale }: { scale: TimeScale | undefined }): JSX.Element {
  return (
    <tr aria-rowindex={1}>
      <th scope="col">Job</th>
      <th scope="col" class="state-column">
        State
      </th>
      <th scope="col" class="right wait-column">
        Wait
      </th>
      <th scope="col" class="right run-column">
        Run
      </th>
      <th scope="col" class="time-column">
        <span class="unseen">When it waited and ran</span>
        {scale && <Ticks scale={scale} />}
      </th>
    </tr>
  )
}

function Ticks({ scale }: { scale: TimeScale }): JSX.Element {
  return (
    <span class="ticks" aria-hidden="true">
      {ticksOf(scale).map(({ place, text }) => (
        <span key={place} style={{ left: `${place}%` }}>
          {text}
        </span>
      ))}
    </span>
  )
}

function WaterfallRow(props: WaterfallProps & { row: Row; index: number }): JSX.Element {
  const { flow, critical, focus, scale, now, row, index } = props
  const { id } = row
  const isLit = useIsLit(focus, id)
  const node = flow.nodes.get(id)
  const isCritical = critical.has(id)
  const light = (): void => {
    focus.lit.value = id
  }
  const dim = (): void => {
    focus.lit.value = undefined
  }
  if (!node) return <tr />
  return (
    <tr
      aria-rowindex={index}
      class={`${isCritical ? 'critical' : ''} ${isLit ? 'current' : ''}`}
      onPointerEnter={light}
      onPointerLeave={dim}
      onFocusCapture={light}
      onBlurCapture={dim}
    >
      <td class="job-column">
        <RowName
          node={node}
          depth={row.depth}
          focus={focus}
          members={flow.members.get(id)?.length ?? 0}
          isCritical={isCritical}
        />
      </td>
      <td class="state-column">
        <State state={node.state} />
      </td>
      <Times node={node} now={now} />
      <td class="time-column">{scale && node.kind === 'task' && <Bar node={node} scale={scale} now={now} />}</td>
    </tr>
  )
}

interface NameProps {
  readonly node: FlowNode
  readonly depth: number
  readonly focus: Focus
  readonly members: number
  readonly isCritical: boolean
}

function RowName({ node, depth, focus, members, isCritical }: NameProps): JSX.Element {
  const { id, kind, task, isKnown } = node
  const style = { paddingLeft: `${Math.min(depth, MAX_DEPTH) * 16}px` }
  const level = <span class="unseen">Level {depth + 1}: </span>
  if (kind === 'group')
    return (
      <span class="row-name" style={style}>
        {level}
        <Icon name="workflows" /> Group of {count(members)}
      </span>
    )
  return (
    <span class="row-name" style={style}>
      {level}
      <button
        type="button"
        data-row
        onClick={() => {
          focus.open.value = id
        }}
      >
        {task === null ? <i>{isKnown ? 'Unknown task' : 'Not recorded'}</i> : <Outside text={task} length={80} />}
      </button>
      {isCritical && (
        <span class="critical-mark" title="On the critical path">
          <Icon name="critical" />
          <span class="unseen">On the critical path</span>
        </span>
      )}
    </span>
  )
}

function Times({ node, now }: { node: FlowNode; now: number }): JSX.Element {
  const wait = node.kind === 'task' ? waitOf(node, now) : undefined
  const run = node.kind === 'task' ? runOf(node, now) : undefined
  return (
    <>
      <td class="right wait-column">{wait === undefined ? '' : duration(wait)}</td>
      <td class="right run-column">{run === undefined ? '' : duration(run)}</td>
    </>
  )
}

/** First how long it waited, then how long it ran. */
function Bar({ node, scale, now }: { node: FlowNode; scale: TimeScale; now: number }): JSX.Element {
  const { queuedAt, startedAt, endedAt, state } = node
  const end = endedAt ?? now
  const wait = queuedAt === undefined ? undefined : [queuedAt, startedAt ?? end]
  const run = startedAt === undefined ? undefined : [startedAt, end]
  return (
    <span class="bars" aria-hidden="true">
      {wait && <Span kind="wait" scale={scale} times={wait} />}
      {run && <Span kind={`run ${kindOf(state)}`} scale={scale} times={run} />}
    </span>
  )
}

function Span({ kind, scale, times }: { kind: string; scale: TimeScale; times: readonly number[] }): JSX.Element {
  const [from = 0, to = 0] = times
  const left = placeOf(scale, from)
  return <span class={kind} style={{ left: `${left}%`, width: `${Math.max(0, placeOf(scale, to) - left)}%` }} />
}
