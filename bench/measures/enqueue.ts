import { requireCount } from '../harness/delivery.ts'
import { figuresOf, operationFigures, watchPhases } from '../harness/phases.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import type { Store } from '../stores/store.ts'

/** Calls, as many unanswered at a time as the side takes; no worker runs. Each call that was answered is one message. */
export async function enqueue<S extends Store>(conditions: Conditions, store: S, side: Side<S>): Promise<Figures> {
  const place = await placeOf(conditions, store, side)
  const before = await store.counters()
  const { window, cold } = conditions
  const client = side.start({ role: 'enqueue', ...place, inFlight: side.inFlight, cold, window })
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
