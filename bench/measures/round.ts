import { join } from 'node:path'
import { requireOnce } from '../harness/delivery.ts'
import { perform } from '../harness/performer.ts'
import { type Watched, watchPhases } from '../harness/phases.ts'
import type { Conditions } from '../harness/scenario.ts'
import type { placeOf, Side } from '../harness/side.ts'
import type { Store } from '../stores/store.ts'

/** The window ends with the round. */
const NO_LIMIT = 1e6

/** `tasks` tasks are submitted, then worked off by a new worker, in a store that is not empty. A third of them at most is cold. */
export async function round<S extends Store>(
  conditions: Conditions,
  store: S,
  side: Side<S>,
  place: Awaited<ReturnType<typeof placeOf<S>>>,
  tasks: number,
): Promise<Watched> {
  const ledger = join(conditions.folder, 'ledger')
  await perform<string>((order) => side.start(order), { role: 'fill', ...place, tasks })
  const cold = Math.min(conditions.cold, Math.floor(tasks / 3))
  const worker = side.start({ role: 'drain', ...place, tasks, cold, window: NO_LIMIT, ledger })
  try {
    const watched = await watchPhases(worker, store)
    await worker.end()
    requireOnce(side.name, ledger, tasks)
    return watched
  } finally {
    await worker.end()
  }
}
