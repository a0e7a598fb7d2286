import { requireCount } from '../harness/delivery.ts'
import { figuresOf, operationFigures, watchPhases } from '../harness/phases.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import type { Store } from '../stores/store.ts'

/** How calls are made; default: as many unanswered at a time as the side takes, each with one task. */
interface Calls {
  readonly inFlight?: number
  /** Tasks of each call, which follow each other. */
  readonly bulk?: number
}

/** Calls, as many unanswered at a time as the side takes; no worker runs. Each call that was answered is one message. */
export async function enqueue<S extends Store>(
  conditions: Conditions,
  store: S,
  side: Side<S>,
  { inFlight = side.inFlight, bulk }: Calls = {},
): Promise<Figures> {
  const place = await placeOf(conditions, store, side)
  const before = await store.counters()
  const { window, cold } = conditions
  const client = side.start({ role: 'enqueue', ...place, inFlight, cold, window, ...(bulk && { bulk }) })
  try {
    const watched = await watchPhases(client, store)
    await client.end()
    const after = await store.counters()
    const { tasks } = watched.ended
    requireCount(side.name, 'messages', tasks, await side.messages(store))
    return { ...figuresOf('client', watched), ...operationFigures(before, after, watched.ended), tasks }
  } finally {
    await client.end()
  }
}
