import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { requireOnce } from '../harness/delivery.ts'
import type { Asked } from '../harness/order.ts'
import { perform } from '../harness/performer.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import { quantile } from '../report/statistics.ts'
import type { Store } from '../stores/store.ts'

const WARMUP = 20
/** Of the window. */
const SHARE = 0.3
/** So that the worker is idle when the next call comes, and its last acknowledgements are sent. */
const PAUSE_MS = 50
/** More calls than there can be. */
const LEDGER = 1_000_000

/** One call at a time, with a pause between, to an idle worker in another process: from the call to the start of its task. */
export async function start<S extends Store>(conditions: Conditions, store: S, side: Side<S>): Promise<Figures> {
  const place = await placeOf(conditions, store, side)
  const [ledger, file] = [join(conditions.folder, 'ledger'), join(conditions.folder, 'starts')]
  const worker = side.start({ role: 'work', ...place, tasks: LEDGER, ledger, starts: file })
  try {
    await worker.next()
    const window = conditions.window * SHARE
    const order = { role: 'ask', ...place, warmup: WARMUP, pause: PAUSE_MS, window, starts: true } as const
    const { calls, sent = [] } = await perform<Asked>((one) => side.start(one), order)
    await worker.end()
    requireOnce(side.name, ledger, calls)
    const starts = JSON.parse(readFileSync(file, 'utf8')) as number[]
    const waits = sent.map((moment, call) => (starts[call] ?? Number.NaN) - moment).slice(WARMUP)
    waits.sort((a, b) => a - b)
    return { 'p50 ms': quantile(waits, 0.5), 'p95 ms': quantile(waits, 0.95), tasks: calls }
  } finally {
    await worker.end()
  }
}
