import { backoffDelay } from '../std/backoff.ts'

const STORE_BACKOFF = { kind: 'exponential', delay: 100, maxDelay: 1000, jitter: 'full' } as const

/** Wait before the next attempt at a store that did not take a write; `attempt` counts from 0. */
export function pauseForStore(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, backoffDelay(STORE_BACKOFF, attempt)))
}
