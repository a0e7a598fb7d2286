import { MAX_TIMER_MS } from './clock.ts'

/**
 * The value of a promise, or that of `late` when the promise has not settled within `ms`; `late` may throw. The promise
 * itself goes on.
 */
export async function withDeadline<Value, Late>(
  promise: Promise<Value>,
  ms: number,
  late: () => Late,
): Promise<Value | Late> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, Math.min(Math.max(0, ms), MAX_TIMER_MS))
  try {
    return await Promise.race([promise, over.then(late)])
  } finally {
    clearTimeout(timer)
  }
}
