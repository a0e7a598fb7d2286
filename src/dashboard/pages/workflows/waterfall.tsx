import type { JSX } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Icon } from '../../parts/icon.tsx'
import { kindOf, State } from '../../parts/state.tsx'
import { count, duration } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { type Focus, useIsLit } from './flow/focus.ts'
import type { Flow, FlowNode } from './flow/model.ts'
import type { Order, Row } from './flow/order.ts'
import { placeOf, runOf, type TimeScale, ticksOf, waitOf } from './flow/times.ts'

/** Height of a row, px, as in the style. */
const ROW = 30
/** Rows that are there above and below those in sight, so that the keys reach them. */
const SPARE = 12
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

/** All jobs in the order of the tree, with when they waited and when they ran. Rows out of sight are not drawn. */
export function Waterfall(props: WaterfallProps): JSX.Element {
  const { order, scale } = props
  const { rows } = order
  const box = useRef<HTMLElement>(null)
  const { first, last } = useWindow(box, rows.length)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keys must reach what scrolls.
    <section ref={box} class="waterfall" tabIndex={0} aria-label="Waterfall">
      <table aria-rowcount={rows.length + 1}>
        <thead>
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
        </thead>
        <tbody>
          {first > 0 && <Space rows={first} />}
          {rows.slice(first, last).map((row, at) => (
            <WaterfallRow key={row.id} row={row} index={first + at + 2} {...props} />
          ))}
          {last < rows.length && <Space rows={rows.length - last} />}
        </tbody>
      </table>
    </section>
  )
}

function Space({ rows }: { rows: number }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: it cannot have the focus, and says nothing.
    <tr aria-hidden="true" class="space">
      <td colSpan={5} style={{ height: `${rows * ROW}px` }} />
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

/** The rows that are in sight, and some around them. */
function useWindow(
  element: { readonly current: HTMLElement | null },
  total: number,
): { readonly first: number; readonly last: number } {
  const [seen, setSeen] = useState({ first: 0, last: 40 })
  useLayoutEffect(() => {
    const { current } = element
    if (!current) return
    const look = (): void => {
      const first = Math.max(0, Math.floor(current.scrollTop / ROW) - SPARE)
      const last = Math.ceil((current.scrollTop + current.clientHeight) / ROW) + SPARE
      setSeen((before) => (before.first === first && before.last === last ? before : { first, last }))
    }
    const observer = new ResizeObserver(look)
    observer.observe(current)
    current.addEventListener('scroll', look, { passive: true })
    return () => {
      observer.disconnect()
      current.removeEventListener('scroll', look)
    }
  }, [])
  return { first: Math.min(seen.first, Math.max(0, total - SPARE)), last: Math.min(seen.last, total) }
}
