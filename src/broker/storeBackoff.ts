import { backoffDelay } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'

const STORE_BACKOFF = { kind: 'exponential', delay: 100, maxDelay: 1000, jitter: 'full' } as const

/** Wait before the next attempt at a store that did not take a write; `attempt` counts from 0. */
export function pauseForStore(attempt: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.after(backoffDelay(STORE_BACKOFF, attempt), resolve)
  })
}
