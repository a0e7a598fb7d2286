import { MAX_TIMER_MS } from './clock.ts'
import { TimeoutError } from './errors.ts'

/** A timer that fires later than this after its time was held up by a busy event loop, ms. */
const LATE_MS = 100

/**
 * The value of a promise, or that of `late` when the promise has not settled within `ms`; `late` may throw. Time in
 * which the event loop stands still is added once: the promise could not settle in it. The promise itself goes on.
 */
export async function withDeadline<Value, Late>(
  promise: Promise<Value>,
  ms: number,
  late: () => Late,
): Promise<Value | Late> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const limit = Math.min(Math.max(0, ms), MAX_TIMER_MS)
  const due = performance.now() + limit
  let timer = setTimeout(() => {
    const stood = performance.now() - due
    if (stood > LATE_MS) timer = setTimeout(resolve, stood)
    else resolve()
  }, limit)
  try {
    return await Promise.race([promise, over.then(late)])
  } finally {
    clearTimeout(timer)
  }
}

/** The value of a promise; rejects with TimeoutError when it has not settled within `ms`, as `withDeadline`. */
export function inTime<Value>(promise: Promise<Value>, ms: number): Promise<Value> {
  return withDeadline(promise, ms, () => {
    throw new TimeoutError(`it did not end within ${ms} ms`)
  })
}
