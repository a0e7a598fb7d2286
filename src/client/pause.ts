/** Wait `ms`; rejects with the signal's reason as soon as it aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}

/**
 * ms before the next of several attempts, the first being 0: doubled each time up to half a minute, and random, so that
 * clients do not come all at once.
 */
export function backoff(attempt: number, first = 250): number {
  return Math.min(30_000, first * 2 ** attempt) * (0.5 + Math.random() / 2)
}
