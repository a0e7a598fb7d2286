/** The last call of each key that is in progress, by the stores that it goes to. */
const TURNS = new WeakMap<object, Map<string, Promise<unknown>>>()

/** Calls of one key in this process, one after the other: at once, they would only be in each other's way. */
export async function inTurn<Value>(stores: object, key: string, call: () => Promise<Value>): Promise<Value> {
  const turns = TURNS.get(stores) ?? new Map<string, Promise<unknown>>()
  TURNS.set(stores, turns)
  const turn = (turns.get(key) ?? Promise.resolve()).then(call)
  const ended = turn.catch(() => undefined)
  turns.set(key, ended)
  try {
    return await turn
  } finally {
    if (turns.get(key) === ended) turns.delete(key)
  }
}
