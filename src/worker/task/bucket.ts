import { MAX_WAIT_MS } from './line.ts'

/** One run, the next, is waited for so long, ms. */
const MAX_NEXT_WAIT_MS = 10_000
/** Most messages that wait here for one bucket. */
const MAX_HELD = 100
/** A message is put back for so long at most, ms. */
const MAX_AWAY_MS = 60_000
/** Messages return so much faster than they can run here: other workers have buckets of their own. */
const RETURN_RATE = 4

/**
 * The rate limit of one task in one worker: Celery's token bucket, of one token. Runs begin at least `interval` apart;
 * what was not used before is not made up for.
 */
export class Bucket {
  /** How many messages may wait here. */
  readonly held: number
  readonly #interval: number
  /** When the next run may begin, ms since the epoch. */
  #next = 0
  #lastReturn = 0

  /** `interval`: ms. */
  constructor(interval: number) {
    this.#interval = interval
    this.held = Math.min(Math.ceil(MAX_WAIT_MS / interval) + 1, MAX_HELD)
  }

  /**
   * Reserve a run: how long it has to wait, ms. Undefined, and nothing is reserved, where that is too long to wait
   * here. `now`: ms since the epoch.
   */
  reserve(now: number): number | undefined {
    const wait = this.#waitAt(now)
    const isNext = wait <= Math.min(this.#interval, MAX_NEXT_WAIT_MS)
    if (!isNext && wait > Math.min(MAX_WAIT_MS, MAX_HELD * this.#interval)) return undefined
    this.#next = now + wait + this.#interval
    return wait
  }

  /** Until when a message is put back that is not waited for, ms since the epoch. */
  returnAt(now: number): number {
    const next = Math.max(this.#lastReturn + this.#interval / RETURN_RATE, now + this.#waitAt(now))
    this.#lastReturn = Math.min(next, now + MAX_AWAY_MS)
    return this.#lastReturn
  }

  /** A clock that was set back does not stop the task. */
  #waitAt(now: number): number {
    const wait = Math.max(0, this.#next - now)
    return wait > Math.max(MAX_WAIT_MS, MAX_NEXT_WAIT_MS) + this.#interval ? 0 : wait
  }
}
