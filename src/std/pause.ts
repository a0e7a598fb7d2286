import type { Clock } from './clock.ts'
import type { StopSignal } from './stopSignal.ts'

/**
 * Resolves after this many ms by the clock, or as soon as the signal aborts. `background`: it alone does not keep the
 * process alive.
 */
export async function pause(ms: number, clock: Clock, signal: StopSignal, background = false): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const end = (): void => resolve()
  const cancel = clock.after(ms, end, background)
  signal.addEventListener('abort', end, { once: true })
  await promise
  cancel()
  signal.removeEventListener('abort', end)
}

/** Kept from the beginning: a test may replace the global timers. */
const immediate = setImmediate

/** Resolves in the next turn of the event loop, after all that is ready in this one. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    immediate(resolve)
  })
}
