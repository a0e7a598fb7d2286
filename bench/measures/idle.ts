import type { Ended } from '../harness/order.ts'
import { cpuOf, rssOf } from '../harness/processes.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import type { Store } from '../stores/store.ts'

/** Until a worker that has started is idle, s. */
const SETTLE = 3
/** Of the window, as little happens in it. */
const FACTOR = 2

/** What a worker without work asks of its store, and what it costs. */
export async function idle<S extends Store>(conditions: Conditions, store: S, side: Side<S>): Promise<Figures> {
  const place = await placeOf(conditions, store, side)
  const window = FACTOR * conditions.window
  const worker = side.start({ role: 'idle', ...place, settle: Math.min(SETTLE, conditions.window), window })
  try {
    await worker.next()
    const before = { counted: await store.counters(), server: await store.cpu?.(), worker: cpuOf(worker.pid) }
    const { operations } = await worker.next<Ended>()
    const after = { counted: await store.counters(), server: await store.cpu?.(), worker: cpuOf(worker.pid) }
    const served = (after.counted.operations ?? Number.NaN) - (before.counted.operations ?? Number.NaN)
    return {
      'operations/s': (operations ?? served) / window,
      'worker CPU ms/s': (1000 * (after.worker - before.worker)) / window,
      ...(after.server !== undefined && before.server !== undefined
        ? { 'server CPU ms/s': (1000 * (after.server - before.server)) / window }
        : {}),
      'worker RSS MiB': rssOf(worker.pid),
    }
  } finally {
    await worker.end()
  }
}
