import { join } from 'node:path'
import { requireOnce } from '../harness/delivery.ts'
import type { Asked } from '../harness/order.ts'
import { perform } from '../harness/performer.ts'
import { cpuOf, rssOf } from '../harness/processes.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import { quantile } from '../report/statistics.ts'
import type { Store } from '../stores/store.ts'

const WARMUP = 20
/** Of the window. */
const SHARE = 0.3
const PAUSE_MS = 10
/** More calls than there can be. */
const LEDGER = 1_000_000

/** One call at a time, with a pause between, to an idle worker in another process: from the call to its result. */
export async function roundTrip<S extends Store>(conditions: Conditions, store: S, side: Side<S>): Promise<Figures> {
  const place = await placeOf(conditions, store, side)
  const ledger = join(conditions.folder, 'ledger')
  const worker = side.start({ role: 'work', ...place, tasks: LEDGER, ledger })
  try {
    await worker.next()
    const before = { worker: cpuOf(worker.pid), server: await store.cpu?.() }
    const window = conditions.window * SHARE
    const order = { role: 'ask', ...place, warmup: WARMUP, pause: PAUSE_MS, window } as const
    const asked = await perform<Asked>((one) => side.start(one), order)
    const server = await store.cpu?.()
    const workerCpu = cpuOf(worker.pid) - before.worker
    const rss = rssOf(worker.pid)
    await worker.end()
    requireOnce(side.name, ledger, asked.calls)
    return {
      'p50 ms': quantile(asked.roundTrips, 0.5),
      'p95 ms': quantile(asked.roundTrips, 0.95),
      'p99 ms': quantile(asked.roundTrips, 0.99),
      'client CPU µs/task': asked.cpuMicroseconds / asked.tasks,
      'worker CPU µs/task': (1e6 * workerCpu) / asked.calls,
      ...(server !== undefined && before.server !== undefined
        ? { 'server CPU µs/task': (1e6 * (server - before.server)) / asked.calls }
        : {}),
      'worker RSS MiB': rss,
      tasks: asked.calls,
    }
  } finally {
    await worker.end()
  }
}
