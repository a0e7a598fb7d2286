/** The time of day and a timer: an argument, so that a minute of schedules can be tested in a second. */
export interface Clock {
  /** ms since the epoch. May jump, either way. */
  now(): number
  /** Call `wake` once, this many ms later; the returned function prevents it. */
  after(ms: number, wake: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, wake) => {
    const timer = setTimeout(wake, ms)
    return () => clearTimeout(timer)
  },
}
