import { requireCount } from '../harness/delivery.ts'
import type { Watched } from '../harness/phases.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import type { PostgresStore } from '../stores/postgres.ts'
import { round } from './round.ts'

/** Of the rounds before and after. */
const SHORT = 60_000

/**
 * A stranger's transaction keeps all dead rows while `tasks` tasks are worked off, and a short round after them by a worker that
 * is new: beside such a round before the transaction.
 */
export async function heldXmin(
  conditions: Conditions,
  store: PostgresStore,
  side: Side<PostgresStore>,
  tasks: number,
): Promise<Figures> {
  const place = await placeOf(conditions, store, side)
  const short = Math.min(SHORT, tasks)
  const before = await round(conditions, store, side, place, short)
  const release = await store.holdXmin()
  try {
    const held = await round(conditions, store, side, place, tasks)
    const behind = await round(conditions, store, side, place, short)
    const deadRows = await store.deadRows()
    requireCount(side.name, 'messages', 0, await side.messages(store))
    requireCount(side.name, 'results', tasks + 2 * short, await side.results?.(store))
    return {
      ...costs('before', before),
      ...costs('xmin held', held),
      ...costs('behind dead rows', behind),
      'share kept': Math.min(rateOf(held), rateOf(behind)) / rateOf(before),
      'dead rows': deadRows,
      tasks,
    }
  } finally {
    await release()
  }
}

function rateOf({ warm }: Watched): number {
  return warm.tasks / warm.seconds
}

function costs(when: string, watched: Watched): Figures {
  const { tasks, serverCpu = Number.NaN } = watched.warm
  return { [`tasks/s, ${when}`]: rateOf(watched), [`server CPU µs/task, ${when}`]: (1e6 * serverCpu) / tasks }
}
