/** Longest that a test waits for one thing, ms: below the limit of a test, so that the error says what was awaited. */
export const LIMIT = 120_000

/** The promise's value; rejects after `limit` ms with what was awaited, which is asked for at that moment. */
export async function within<Value>(what: () => string, promise: Promise<Value>, limit = LIMIT): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`not within ${limit} ms: ${what()}`)), limit)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Keep the event loop of this thread from going on for so long, ms, without using the processor, which others need. */
export function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Asks every 20 ms until the answer satisfies; rejects after `limit` ms with the last answer. */
export async function eventually<Value>(
  ask: () => Promise<Value>,
  satisfies: (value: Value) => boolean,
  limit = LIMIT,
): Promise<Value> {
  const end = performance.now() + limit
  for (;;) {
    const value = await ask()
    if (satisfies(value)) return value
    if (performance.now() > end) throw new Error(`not within ${limit} ms: ${satisfies}; last: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
