import type { ResultBackend } from '../backend/backend.ts'
import { isOver } from '../protocol/result.ts'
import { codeOf } from '../std/thrown.ts'

/** Watches tasks that other runs wait for, and calls back when one has ended. */
export class TaskWatcher {
  readonly #backend: ResultBackend
  readonly #ended: () => void
  readonly #watched = new Map<string, AbortController>()

  constructor(backend: ResultBackend, ended: () => void) {
    this.#backend = backend
    this.#ended = ended
  }

  /** Watch these from now on, and no others. */
  follow(ids: ReadonlySet<string>): void {
    for (const [id, stop] of this.#watched) {
      if (ids.has(id)) continue
      stop.abort()
      this.#watched.delete(id)
    }
    for (const id of ids) if (!this.#watched.has(id)) void this.#watch(id)
  }

  close(): void {
    this.follow(new Set())
  }

  async #watch(id: string): Promise<void> {
    const stop = new AbortController()
    this.#watched.set(id, stop)
    try {
      for await (const meta of this.#backend.watch([id], stop.signal)) if (isOver(meta)) break
    } catch (error) {
      // An unavailable store: the next tick reports that, or watches again.
      if (codeOf(error) !== 'UNKNOWN_JOB') stop.abort()
    }
    if (this.#watched.get(id) === stop) this.#watched.delete(id)
    if (!stop.signal.aborted) this.#ended()
  }
}
