/** Clocks that differ by less are not reported, ms. */
const MAX_SKEW_MS = 2000

/** A clock that was read between two moments of our own, ms since the epoch. */
export interface ReadClock {
  readonly time: number
  readonly from: number
  readonly until: number
}

/** How far a clock is ahead of ours at least, ms; below 0: behind. Undefined where it may be right. */
export function skewOf({ time, from, until }: ReadClock): number | undefined {
  const skew = time > until ? time - until : Math.min(0, time - from)
  return Math.abs(skew) > MAX_SKEW_MS ? skew : undefined
}
