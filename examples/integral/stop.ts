/** A signal again within this time (ms) is the same wish: npm and the terminal may each deliver it. */
const SAME = 500
/** A stop that takes longer than this, ms, is given up. */
const LIMIT = 30_000

/** What a service does when it is told to end. */
export interface Stopping {
  /** Finish what runs, close everything. Takes at most 30 s. */
  gently(): Promise<void>
  /** End at once, also while `gently` waits. */
  now(): Promise<void>
}

/**
 * Waits for SIGINT, SIGTERM or SIGHUP, then stops gently: resolves with 0. When a second one comes meanwhile, it stops
 * now: resolves with 1.
 * Rejects when stopping fails or never ends.
 */
export function untilStopped({ gently, now }: Stopping): Promise<number> {
  return new Promise((resolve, reject) => {
    let first: number | undefined
    let hurried = false
    const hear = (): void => {
      const time = performance.now()
      if (first === undefined) {
        first = time
        setTimeout(() => reject(new Error(`not stopped within ${LIMIT / 1000} s`)), LIMIT)
        gently().then(() => hurried || resolve(0), reject)
      } else if (!hurried && time - first > SAME) {
        hurried = true
        now().then(() => resolve(1), reject)
      }
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, hear)
  })
}
