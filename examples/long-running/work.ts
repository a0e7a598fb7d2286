/** A lock that nobody opens: to wait for it is to hold the thread, as a computation would. */
const lock = new Int32Array(new SharedArrayBuffer(4))

/**
 * Stands for work that takes `ms` and leaves its thread no time for anything else. `await sleep(ms)` would not do: it gives the thread
 * back, and the service would answer others meanwhile.
 */
export function work(ms: number): void {
  Atomics.wait(lock, 0, 0, ms)
}

/** How long the task takes, ms. LONG_RUNNING_SECONDS says otherwise; default 30 s. */
export const TASK_TIME = secondsOf(process.env.LONG_RUNNING_SECONDS || '30') * 1000

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 3600) return seconds
  throw new RangeError(`LONG_RUNNING_SECONDS: expected a number of seconds, above 0 and at most 3600, got ${text}`)
}
