import type { Conditions, Figures } from '../harness/scenario.ts'
import type { Side } from '../harness/side.ts'
import type { PostgresStore } from '../stores/postgres.ts'
import { drainBacklog } from './drain.ts'

/** The window ends with the backlog. */
const NO_LIMIT = 1e6

/** A backlog of `tasks` tasks, all of it, twice: alone, and while a stranger's transaction keeps all dead rows. */
export async function heldXmin(
  conditions: Conditions,
  store: PostgresStore,
  side: Side<PostgresStore>,
  tasks: number,
): Promise<Figures> {
  const all = { tasks, cold: conditions.cold, window: NO_LIMIT }
  const alone = await drainBacklog(conditions, store, side, all)
  const held = await drainBacklog(conditions, store, side, { ...all, beside: () => store.holdXmin() })
  const deadRows = await store.deadRows()
  const [free, kept] = [alone, held].map(({ watched: { warm } }) => warm.tasks / warm.seconds) as [number, number]
  return {
    'tasks/s, alone': free,
    'tasks/s, xmin held': kept,
    'share kept': kept / free,
    'server CPU µs/task, alone': alone.figures['server CPU µs/task'] ?? Number.NaN,
    'server CPU µs/task, xmin held': held.figures['server CPU µs/task'] ?? Number.NaN,
    'dead rows': deadRows,
    tasks,
  }
}
