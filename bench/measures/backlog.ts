import { statfsSync } from 'node:fs'
import { freemem } from 'node:os'
import type { Conditions, Figures } from '../harness/scenario.ts'
import type { Side } from '../harness/side.ts'
import { slope } from '../report/statistics.ts'
import type { Store } from '../stores/store.ts'
import { drainBacklog } from './drain.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30
/** Of a task with its record and indexes, in any store. */
const BYTES_PER_TASK = 2000
/** Drained before the clock starts, so that a short backlog is not measured with cold code. */
const WARMUP = 20_000
/** Below that memory has not settled. */
const LONG = 100_000
/** The window ends with the backlog. */
const NO_LIMIT = 1e6

/** A backlog of `tasks` tasks, all of it, by a worker that is warm. */
export async function backlog<S extends Store>(
  conditions: Conditions,
  store: S,
  side: Side<S>,
  tasks: number,
): Promise<Figures> {
  const all = { tasks: tasks + WARMUP, cold: WARMUP, window: NO_LIMIT }
  const { watched, figures } = await drainBacklog(conditions, store, side, all)
  const rss = (watched.ended.rss ?? []).map(([done, bytes]) => [done, bytes / MIB] as const)
  const warm = rss.filter(([done]) => done >= WARMUP)
  // Heap and page cache take their size in the first half.
  const settled = rss.filter(([done]) => done >= WARMUP + tasks / 2)
  return {
    ...figures,
    ...(warm[0] && {
      'worker RSS at start MiB': warm[0][1],
      'worker RSS max MiB': Math.max(...warm.map(([, mebibytes]) => mebibytes)),
    }),
    ...(tasks >= LONG && { 'worker RSS slope MiB/100k': slope(settled) * 100_000 }),
  }
}

/** Throws where memory or disk is too small for a backlog of so many tasks. */
export function requireRoom({ folder }: Pick<Conditions, 'folder'>, tasks: number): void {
  const disk = statfsSync(folder)
  for (const [what, free] of [
    ['memory', freemem()],
    ['disk', disk.bavail * disk.bsize],
  ] as const) {
    const needed = tasks * BYTES_PER_TASK
    if (free >= needed) continue
    const [need, have] = [needed, free].map((bytes) => (bytes / GIB).toFixed(1))
    throw new Error(`${tasks} tasks: expected ${need} GiB of ${what} that are free, got ${have}`)
  }
}
