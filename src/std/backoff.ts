/** How long to wait between tries. Times in milliseconds. */
export interface Backoff {
  readonly kind: 'exponential' | 'fixed'
  readonly delay: number
  readonly maxDelay: number
  readonly jitter: 'full' | 'none'
}

/**
 * Milliseconds before try number `retry` + 1 (`retry` 0 is the first repeat). Exponential doubles up to `maxDelay`;
 * full jitter draws from 0 to that, so that many failures of one moment do not come back together.
 */
export function backoffDelay(backoff: Backoff, retry: number, random: () => number = Math.random): number {
  const grown = backoff.kind === 'exponential' ? backoff.delay * 2 ** Math.min(retry, 52) : backoff.delay
  const bounded = Math.min(grown, backoff.maxDelay)
  return backoff.jitter === 'full' ? random() * bounded : bounded
}
