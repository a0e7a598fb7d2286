/** Submits calls of one key together. Resolves with an answer for each. */
type Submit<Call, Value> = (calls: readonly Call[]) => Promise<readonly Value[]>

/** A call that waits for its turn. */
interface Waiting<Call, Value> {
  readonly call: Call
  readonly answer: PromiseWithResolvers<Value>
}

/** The calls of one key that wait, by the stores that they go to. */
// biome-ignore lint/suspicious/noExplicitAny: of any calls.
const LINES = new WeakMap<object, Map<string, Waiting<any, any>[]>>()

/**
 * Calls of one key in this process take turns: at once, they would only be in each other's way in the store. Those that
 * wait behind each other are one turn where each `joins`.
 */
export function inTurn<Call, Value>(
  stores: object,
  key: string,
  call: Call,
  { submit, joins }: { readonly submit: Submit<Call, Value>; readonly joins: (call: Call) => boolean },
): Promise<Value> {
  const lines = LINES.get(stores) ?? new Map<string, Waiting<Call, Value>[]>()
  LINES.set(stores, lines)
  const answer = Promise.withResolvers<Value>()
  const line = lines.get(key)
  if (line) line.push({ call, answer })
  else {
    const own = [{ call, answer }]
    lines.set(key, own)
    void serve(own, submit, joins, () => lines.delete(key))
  }
  return answer.promise
}

/** Until none waits. `end`: at once then, before another call can come. */
async function serve<Call, Value>(
  line: Waiting<Call, Value>[],
  submit: Submit<Call, Value>,
  joins: (call: Call) => boolean,
  end: () => void,
): Promise<void> {
  while (line.length > 0) {
    // Those of the same moment have come by then.
    await Promise.resolve()
    const alone = line.findIndex(({ call }) => !joins(call))
    const some = line.splice(0, alone === -1 ? line.length : Math.max(1, alone))
    try {
      const values = await submit(some.map(({ call }) => call))
      for (const [at, { answer }] of some.entries()) answer.resolve(values[at] as Value)
    } catch (error) {
      for (const { answer } of some) answer.reject(error)
    }
  }
  end()
}
