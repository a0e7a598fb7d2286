import { requireCount } from '../harness/delivery.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import type { PostgresStore, TableSizes } from '../stores/postgres.ts'
import { round } from './round.ts'

/** Tasks that are submitted, then worked off, before the sizes are read. */
const ROUND = 100_000
/** A table with fewer rows, of all tasks, is one from which tasks are removed: it should not grow. */
const DRAINED_SHARE = 0.01
const MIB = 2 ** 20

/** What `tasks` tasks, submitted and worked off in rounds, leave on disk under the server's own vacuum. */
export async function bloat(
  conditions: Conditions,
  store: PostgresStore,
  side: Side<PostgresStore>,
  tasks: number,
): Promise<Figures> {
  const place = await placeOf(conditions, store, side)
  const sizes: TableSizes[] = []
  const rates: number[] = []
  for (let done = 0; done < tasks; done += ROUND) {
    const { warm } = await round(conditions, store, side, place, Math.min(ROUND, tasks - done))
    rates.push(warm.tasks / warm.seconds)
    sizes.push(await store.sizes())
  }
  requireCount(side.name, 'messages', 0, await side.messages(store))
  requireCount(side.name, 'results', tasks, await side.results?.(store))
  return { ...(await sizeFigures(store, sizes, tasks)), ...rateFigures(rates), tasks }
}

async function sizeFigures(store: PostgresStore, sizes: readonly TableSizes[], tasks: number): Promise<Figures> {
  const last = sizes.at(-1) ?? new Map<string, number>()
  const drained: string[] = []
  for (const name of last.keys()) if ((await store.rows(name)) < tasks * DRAINED_SHARE) drained.push(name)
  const drainedSizes = sizes.map((tables) => drained.reduce((sum, name) => sum + (tables.get(name) ?? 0), 0))
  const half = Math.ceil(sizes.length / 2)
  const [early, late] = [drainedSizes.slice(0, half), drainedSizes.slice(half)].map((some) => Math.max(...some, 0))
  const all = [...last.values()].reduce((sum, bytes) => sum + bytes, 0)
  return {
    'all tables MiB': all / MIB,
    'bytes/task': all / tasks,
    'drained tables MiB': (drainedSizes.at(-1) ?? 0) / MIB,
    'drained tables max MiB': Math.max(...drainedSizes, 0) / MIB,
    // One round says nothing of growth.
    ...(late && early && { 'growth of drained tables': late / early }),
    'dead rows': await store.deadRows(),
  }
}

function rateFigures(rates: readonly number[]): Figures {
  const [first, last] = [rates[0], rates.at(-1)]
  if (first === undefined || last === undefined) return {}
  return { 'tasks/s, first round': first, 'tasks/s, last round': last }
}
