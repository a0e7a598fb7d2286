import type { StatsPointDocument } from '../../../protocol/recordedDocument.ts'

/** Numbers of all steps of a time, also of those in which nothing happened. */
export interface Steps {
  /** Where each begins, ms. */
  readonly times: readonly number[]
  /** Undefined: nothing happened. */
  readonly points: readonly (StatsPointDocument | undefined)[]
}

/** The steps from `from` to `to`, ms; `step`: their length, ms. */
export function stepsOf(points: readonly StatsPointDocument[], from: number, to: number, step: number): Steps {
  const known = new Map(points.map((point) => [Date.parse(point.at), point]))
  const first = Math.ceil(from / step) * step
  const times = Array.from({ length: Math.max(0, Math.floor((to - first) / step)) }, (_, index) => first + index * step)
  return { times, points: times.map((at) => known.get(at)) }
}

/** Points with newer ones: each replaces that of the same moment; those before `since`, ms, are dropped. */
export function newerPoints(
  points: readonly StatsPointDocument[],
  newer: readonly StatsPointDocument[],
  since: number,
): readonly StatsPointDocument[] {
  const known = new Map(points.map((point) => [point.at, point]))
  for (const point of newer) known.set(point.at, point)
  return [...known.values()].filter(({ at }) => Date.parse(at) >= since)
}

/** Share of the runs that ended that failed; undefined where none has ended. */
export function failureShare(sums: { readonly succeeded: number; readonly failed: number }): number | undefined {
  const ended = sums.succeeded + sums.failed
  return ended === 0 ? undefined : sums.failed / ended
}
