/** The words of a test runner that a suite needs: `vitest` and `node:test` are such kits, as they are. */
export interface Kit {
  describe(name: string, body: () => void): unknown
  it(name: string, body: () => Promise<void>): unknown
  /** Where the kit has it, suites tidy up in it. */
  afterEach?(body: () => Promise<void>): unknown
  /** Where the kit has it, cases share what is slow to start, and end it here. */
  afterAll?(body: () => Promise<void>): unknown
}

/** Longest that a suite waits for what must come, ms: far above what any store needs, as test machines are busy. */
export const WAIT_TIMEOUT_MS = 25_000

/** Wait until `test` says so, looking every few milliseconds; fails with `what` when it never does. */
export async function until(
  what: string,
  test: () => boolean | Promise<boolean>,
  limit: number = WAIT_TIMEOUT_MS,
): Promise<void> {
  const end = performance.now() + limit
  while (!(await test())) {
    if (performance.now() > end) throw new Error(`waited ${limit} ms in vain: ${what}`)
    await pause(5)
  }
}

/** The promise's value, or a failure that names what was awaited. */
export async function within<Value>(
  what: string,
  promise: Promise<Value>,
  limit: number = WAIT_TIMEOUT_MS,
): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`waited ${limit} ms in vain: ${what}`)), limit)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** True when the promise is still open after a while: for what must not come. */
export async function stays(promise: Promise<unknown>, ms = 50): Promise<boolean> {
  const open = Symbol('open')
  return (await Promise.race([promise, pause(ms).then(() => open)])) === open
}
