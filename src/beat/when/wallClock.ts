import { ArgumentError } from '../../std/errors.ts'
import { type Calendar, DAY_MS } from './calendar.ts'
import type { Zone } from './zone.ts'

/*
 * From times on the wall to moments: where the clocks of a time zone are changed, a time may exist twice or not at all.
 */

/** Where the search begins that proves that an expression comes true at all. */
export const SEARCH_START: number = Date.UTC(2000, 0, 1)

/**
 * A gap up to this long moves what is due in it to its end, as in vixie cron; a longer one (a day left out) drops it.
 */
const MAX_GAP_MS = 3 * 3_600_000

/** Throws ArgumentError for an Invalid Date; else its milliseconds. */
export function momentOf(after: Date): number {
  const moment = after instanceof Date ? after.getTime() : Number.NaN
  if (Number.isNaN(moment)) throw new ArgumentError(`next(): expected a valid Date, got ${String(after)}`)
  return moment
}

/**
 * The first due moment after `after` of a job at given times: each time of the wall clock counts once. One that exists
 * twice is due the first time; one that does not exist is due as soon as the gap is over.
 */
export function nextGiven(calendar: Calendar, zone: Zone, after: number): number | undefined {
  let local = calendar.following(after + zone.offsetAt(after) + 1)
  while (local !== undefined) {
    const moment = momentAt(local, zone)
    if (moment !== undefined && moment > after) return moment
    local = calendar.following(local + 1)
  }
  return undefined
}

/** The moment of a time on the wall: the first of two, or the end of the gap that it falls into. */
function momentAt(local: number, zone: Zone): number | undefined {
  const before = zone.offsetAt(local - DAY_MS)
  const after = zone.offsetAt(local + DAY_MS)
  if (before === after || zone.offsetAt(local - before) === before) return local - before
  if (zone.offsetAt(local - after) === after) return local - after
  return after - before > MAX_GAP_MS ? undefined : zone.changeIn(local - DAY_MS, local + DAY_MS)
}

/**
 * The first due moment after `after` of a job at intervals: it follows the wall clock as it goes, through both passes
 * of an hour that exists twice; times that do not exist are left out.
 */
export function nextWild(calendar: Calendar, zone: Zone, after: number): number | undefined {
  let from = Math.floor(after / 1000) * 1000 + 1000
  while (true) {
    const offset = zone.offsetAt(from)
    const local = calendar.following(from + offset)
    if (local === undefined) return undefined
    const due = local - offset
    const horizon = from + 2 * DAY_MS
    const change = zone.changeIn(from, Math.min(due, horizon))
    if (change !== undefined) from = change
    else if (due <= horizon) return due
    // No change of the clocks moves a time by more than a day, so that nothing is due before this.
    else from = due - 2 * DAY_MS
  }
}
