/** Node's timers fire at once for a longer delay, ms: nearly 25 days. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1

/**
 * The time of day, and a timer that goes by it. An app has one clock, its option `clock`: every moment that the app
 * writes or compares is read from it, so a test can set the time.
 */
export interface Clock {
  /** ms since the epoch. May jump, either way, unless the clock is `steady`. */
  now(): number
  /**
   * Call `wake` once, this many ms later; the returned function prevents it. `background`: this timer alone must not
   * keep the process alive.
   */
  after(ms: number, wake: () => void, background?: boolean): () => void
  /**
   * True where each timer ends exactly when `now` reaches its moment. Absent: what waits for a moment compares it
   * with `now` every few seconds, as the time of a machine can be set.
   */
  readonly steady?: boolean
}

/**
 * The clock of the machine, the default of an app. The threads that renew leases always use it, since processes compare
 * the moments at which leases end.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, wake, background = false) => {
    let timer: NodeJS.Timeout
    // Node's timers have a longest delay.
    const wait = (left: number): void => {
      timer = left > MAX_TIMER_MS ? setTimeout(() => wait(left - MAX_TIMER_MS), MAX_TIMER_MS) : setTimeout(wake, left)
      if (background) timer.unref()
    }
    wait(ms)
    return () => clearTimeout(timer)
  },
}

let time = 0
let text = ''

/** A moment, ms since the epoch, as ISO 8601. Made once for each millisecond: a busy process asks more often. */
export function isoOf(moment: number): string {
  if (moment !== time || text === '') {
    text = new Date(moment).toISOString()
    time = moment
  }
  return text
}
