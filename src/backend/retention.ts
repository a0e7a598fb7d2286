import type { TaskMeta } from '../protocol/result.ts'
import { isFinal } from '../protocol/states.ts'

/*
 * How long what is known of a task is kept: the same in every store. `expires` is the app's `resultExpires`, ms: how
 * long the record of a finished task is kept; 0 is for ever, as in Celery. A record may name a time of its own.
 */

/** A record that never becomes final is dropped after this time, or after the result lifetime if that is longer, ms. */
export const UNFINISHED_LIFETIME_MS: number = 7 * 86_400_000

/** A moment after all others, ms since the epoch: a record that is kept until then is kept for ever. */
export const NEVER: number = Number.MAX_SAFE_INTEGER

/** How long a record that is not final is kept after its last change, ms; 0: for ever. */
export function staleAfter(expires: number): number {
  return expires === 0 ? 0 : Math.max(Math.ceil(expires), UNFINISHED_LIFETIME_MS)
}

/** How long from now until the task is due, ms; 0 where it is due already, or has no such time. */
export function delayOf({ date_due }: Pick<TaskMeta, 'date_due'>, now: number): number {
  return date_due === undefined ? 0 : Math.max(0, Date.parse(date_due) - now)
}

/**
 * How long a record is kept from now on, ms; 0: for ever. For a record that is not final the time begins at the moment
 * that the task waits for.
 */
export function lifetimeOf(meta: Aging, expires: number, now: number): number {
  const own = meta.result_expires ?? expires
  if (own === 0) return 0
  return isFinal(meta.status) ? Math.ceil(own) : staleAfter(own) + delayOf(meta, now)
}

/** What of a record decides how long it is kept. */
type Aging = Pick<TaskMeta, 'status' | 'date_due' | 'result_expires'>

/** The moment, ms since the epoch, at which this lifetime ends if it begins now; `NEVER` for a lifetime of 0. */
export function endOf(lifetime: number, now: number): number {
  return lifetime === 0 ? NEVER : now + lifetime
}

/** How many revoked ids are kept in the memory of one process, the newest: as many as Celery's workers keep. */
export const MAX_REVOKED = 50_000
