/**
 * The time of day, and a timer that goes by it. An app has one clock, its option `clock`: every moment that the app
 * writes or compares is read from it, so a test can set the time.
 */
export interface Clock {
  /** ms since the epoch. May jump, either way. */
  now(): number
  /** Call `wake` once, this many ms later; the returned function prevents it. */
  after(ms: number, wake: () => void): () => void
}

/**
 * The clock of the machine, the default of an app. The threads that renew leases always use it, since processes compare
 * the moments at which leases end.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, wake) => {
    const timer = setTimeout(wake, ms)
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
