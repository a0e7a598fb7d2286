import { isOver, type TaskMeta } from '../protocol/result.ts'
import { Deferred } from '../std/deferred.ts'
import type { Versioned, Watchers } from './watchers.ts'

/**
 * `ResultBackend.watchEnds` over `Watchers`: the ends that have come since the last list are the next one. `load`:
 * records that are not final may be left out.
 */
export async function* watchEnds(
  watchers: Watchers,
  load: () => Promise<readonly (Versioned | undefined)[]>,
  ids: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<readonly TaskMeta[], void, void> {
  const open = new Set(ids)
  let ended: TaskMeta[] = []
  const failures: unknown[] = []
  let waiting = new Deferred<void>()
  const wake = (): void => waiting.resolve()
  const offer = ({ meta }: Versioned): void => {
    if (!isOver(meta) || !open.delete(meta.task_id)) return
    ended.push(meta)
    wake()
  }
  const fail = (error: unknown): void => {
    failures.push(error)
    wake()
  }
  const stops = [...open].map((id) => watchers.on(id, { offer, fail }))
  signal.addEventListener('abort', wake, { once: true })
  try {
    for (const record of await load()) if (record) offer(record)
    while (open.size + ended.length > 0 && !signal.aborted) {
      if (ended.length === 0) await waiting.promise
      waiting = new Deferred()
      if (failures.length > 0) throw failures[0]
      const some = ended
      ended = []
      if (some.length > 0 && !signal.aborted) yield some
    }
  } finally {
    signal.removeEventListener('abort', wake)
    for (const stop of stops) stop()
  }
}
