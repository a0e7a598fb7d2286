import { backoffDelay } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { pause } from '../std/pause.ts'

const STORE_BACKOFF = { kind: 'exponential', delay: 100, maxDelay: 1000, jitter: 'full' } as const

/**
 * Wait before the next attempt at a store that did not take a write; `attempt` counts from 0. Ends early when `stop`
 * aborts: then there is no time to wait.
 */
export function pauseForStore(attempt: number, clock: Clock, stop: AbortSignal): Promise<void> {
  return pause(backoffDelay(STORE_BACKOFF, attempt), clock, stop)
}
