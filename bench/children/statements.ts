/** An object whose methods are counted. */
type Methods = Record<string, unknown>

/** Counts the calls of these methods from now on, in this process and thread: what has been called so far. */
export function countCalls(counted: readonly (readonly [prototype: object, names: readonly string[]])[]): () => number {
  let calls = 0
  for (const [prototype, names] of counted) {
    const methods = prototype as Methods
    for (const name of names) {
      const method = methods[name] as (this: unknown, ...args: unknown[]) => unknown
      methods[name] = function (this: unknown, ...args: unknown[]): unknown {
        calls++
        return method.apply(this, args)
      }
    }
  }
  return () => calls
}
