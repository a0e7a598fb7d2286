/** How long to wait between tries. Times in milliseconds. */
export interface Backoff {
  readonly kind: 'exponential' | 'fixed'
  readonly delay: number
  readonly maxDelay: number
  readonly jitter: 'full' | 'none'
  /** In place of the computed times: that of each try, the last one also of all that follow. */
  readonly delays?: readonly number[] | undefined
}

/**
 * Milliseconds before try number `retry` + 1 (`retry` 0 is the first repeat). Exponential doubles up to `maxDelay`;
 * full jitter draws from 0 to that, so that many failures of one moment do not come back together.
 */
export function backoffDelay(backoff: Backoff, retry: number, random: () => number = Math.random): number {
  const delay = listedDelay(backoff, retry) ?? Math.min(grownDelay(backoff, retry), backoff.maxDelay)
  return backoff.jitter === 'full' ? random() * delay : delay
}

function listedDelay({ delays }: Backoff, retry: number): number | undefined {
  return delays?.[Math.min(retry, delays.length - 1)]
}

function grownDelay({ kind, delay }: Backoff, retry: number): number {
  return kind === 'exponential' ? delay * 2 ** Math.min(retry, 52) : delay
}
