import { duration } from '../../../parts/text/format.ts'
import type { Flow, FlowNode } from './model.ts'

/** The time from the first moment of a workflow to its last one, ms since the epoch. */
export interface TimeScale {
  readonly from: number
  readonly to: number
}

/** Undefined where nothing has happened yet. */
export function timeScale({ nodes, done, total }: Flow, now: number): TimeScale | undefined {
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  for (const { queuedAt, startedAt, endedAt } of nodes.values())
    for (const at of [queuedAt, startedAt, endedAt]) {
      if (at === undefined) continue
      from = Math.min(from, at)
      to = Math.max(to, at)
    }
  if (from > to) return undefined
  return { from, to: Math.max(from + 1, done < total ? Math.max(to, now) : to) }
}

/** Where a moment is, percent. */
export function placeOf({ from, to }: TimeScale, at: number): number {
  return (100 * (at - from)) / (to - from)
}

/** Round times on the scale, at most five. */
export function ticksOf(scale: TimeScale): readonly { readonly place: number; readonly text: string }[] {
  const span = scale.to - scale.from
  const power = 10 ** Math.floor(Math.log10(span))
  const step = [0.2, 0.5, 1, 2].map((factor) => factor * power).find((one) => span / one <= 5) ?? power
  const count = Math.floor(span / step) + 1
  return Array.from({ length: count }, (_, at) => ({
    place: (100 * at * step) / span,
    text: at === 0 ? '0' : duration(at * step).replace(/[.]0+ /, ' '),
  }))
}

/** How long it ran, or has run until now. */
export function runOf({ startedAt, endedAt, state }: FlowNode, now: number): number | undefined {
  if (startedAt === undefined) return undefined
  if (endedAt !== undefined) return Math.max(0, endedAt - startedAt)
  return state === 'STARTED' || state === 'PROGRESS' ? Math.max(0, now - startedAt) : undefined
}

/** How long it waited from being sent to its last start, or has waited until now. */
export function waitOf({ queuedAt, startedAt, endedAt }: FlowNode, now: number): number | undefined {
  if (queuedAt === undefined) return undefined
  return Math.max(0, (startedAt ?? endedAt ?? now) - queuedAt)
}
