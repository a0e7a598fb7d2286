import { join } from 'node:path'
import { requireOnce } from '../harness/delivery.ts'
import type { Asked } from '../harness/order.ts'
import { perform } from '../harness/performer.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import { quantile } from '../report/statistics.ts'
import type { PoolSide } from '../sides/pools.ts'
import type { RedisStore } from '../stores/redis.ts'
import { drain, drainBacklog } from './drain.ts'

/** Of a task that computes, ms. */
const CPU_MS = 20
const SLOTS = 2
/** After how many tasks a child is replaced. */
const RECYCLE = 50
/** Tasks of each slot before the clock starts. */
const WARMUP = 5

/** No-op tasks through the children of a pool. */
export async function children(conditions: Conditions, store: RedisStore, pool: PoolSide): Promise<Figures> {
  const figures = await drain(conditions, store, pool.with({ slots: SLOTS }))
  return { 'tasks/s': figures['tasks/s'] ?? 0, 'worker RSS MiB': figures['worker RSS MiB'] ?? 0 }
}

/** Tasks that compute, by one slot and by two. */
export async function slots(conditions: Conditions, store: RedisStore, pool: PoolSide): Promise<Figures> {
  const one = await computing(conditions, store, pool.with({ slots: 1, cpu: CPU_MS }), 1)
  const two = await computing(conditions, store, pool.with({ slots: SLOTS, cpu: CPU_MS }), SLOTS)
  return { 'tasks/s, 1 slot': one, 'tasks/s, 2 slots': two, factor: two / one }
}

/** Tasks that compute, with children that stay and with children that are replaced. */
export async function recycling(conditions: Conditions, store: RedisStore, pool: PoolSide): Promise<Figures> {
  const load = { slots: SLOTS, cpu: CPU_MS }
  const kept = await computing(conditions, store, pool.with(load), SLOTS)
  const replaced = await computing(conditions, store, pool.with({ ...load, recycle: RECYCLE }), SLOTS)
  return { 'tasks/s, kept': kept, 'tasks/s, replaced': replaced, cost: kept / replaced }
}

/** Warm tasks/s. */
async function computing(
  conditions: Conditions,
  store: RedisStore,
  side: Side<RedisStore>,
  count: number,
): Promise<number> {
  const { window } = conditions
  const cold = WARMUP * count
  const tasks = Math.ceil((window * count * 1000) / CPU_MS) + 2 * cold
  const { watched } = await drainBacklog(conditions, store, side, { tasks, cold, window: 10 * window })
  return watched.warm.tasks / watched.warm.seconds
}

/** Slots, and how many of them are taken for longer than the window. */
const MIX_SLOTS = 4
const LONG = 3
const LONG_MS = 5000
const SHORT_MS = 1
const PAUSE_MS = 10
/** Calls before the clock starts: each slot has run something. */
const CALLS = 20
/** More calls than there can be. */
const LEDGER = 100_000

/** Tasks of 1 ms, one at a time, while all slots but one have a task of 5 s: from the call to the result. */
export async function mix(conditions: Conditions, store: RedisStore, pool: PoolSide): Promise<Figures> {
  const load = { slots: MIX_SLOTS }
  const place = await placeOf(conditions, store, pool.with(load))
  const start = (side: Side<RedisStore>) => (order: Parameters<typeof side.start>[0]) => side.start(order)
  const ledger = join(conditions.folder, 'ledger')
  const worker = pool.with(load).start({ role: 'work', ...place, tasks: LEDGER, ledger })
  try {
    await worker.next()
    const long = pool.with({ ...load, wait: LONG_MS })
    await perform(start(long), { role: 'fill', ...place, tasks: LONG })
    const short = pool.with({ ...load, cpu: SHORT_MS, first: LONG })
    const window = Math.min(conditions.window, LONG_MS / 2000)
    const order = { role: 'ask', ...place, warmup: CALLS, pause: PAUSE_MS, window } as const
    const asked = await perform<Asked>(start(short), order)
    await worker.end()
    requireOnce(pool.name, ledger, LONG + asked.calls)
    return { 'p50 ms': quantile(asked.roundTrips, 0.5), 'p99 ms': quantile(asked.roundTrips, 0.99) }
  } finally {
    await worker.end()
  }
}
