import type { TaskMeta } from '../protocol/result.ts'
import { isFinal } from '../protocol/states.ts'
import { Deferred } from '../std/deferred.ts'
import { UnknownJobError } from '../std/errors.ts'

/** A record and the number of its last change: of two records, the one with the higher number is newer. */
export interface Versioned {
  readonly meta: TaskMeta
  readonly version: number
}

interface Listener {
  offer(record: Versioned): void
  fail(error: unknown): void
}

/** The subscribers of this process, by task. The backend notifies them; `watchRecords` reads from it. */
export class Watchers {
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #onUse: (used: boolean) => void

  /**
   * `onUse` is called when the first subscriber comes and when the last one goes, so that the backend listens only
   * while there are any.
   */
  constructor(onUse: (used: boolean) => void = () => undefined) {
    this.#onUse = onUse
  }

  on(id: string, listener: Listener): () => void {
    if (this.#listeners.size === 0) this.#onUse(true)
    const listeners = this.#listeners.get(id) ?? new Set()
    this.#listeners.set(id, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0 || !this.#listeners.delete(id)) return
      if (this.#listeners.size === 0) this.#onUse(false)
    }
  }

  /** Of all that are watched. */
  get ids(): readonly string[] {
    return [...this.#listeners.keys()]
  }

  watches(id: string): boolean {
    return this.#listeners.has(id)
  }

  tell(record: Versioned): void {
    for (const listener of [...(this.#listeners.get(record.meta.task_id) ?? [])]) listener.offer(record)
  }

  /** The records were dropped: subscribers in this process get UnknownJobError. */
  forgotten(ids: readonly string[]): void {
    for (const id of ids) this.fail(id, new UnknownJobError(id))
  }

  /** The record of this id cannot be read: its subscribers must not wait for ever. */
  fail(id: string, error: unknown): void {
    for (const listener of [...(this.#listeners.get(id) ?? [])]) listener.fail(error)
  }
}

/** `ResultBackend.watch` over `Watchers`: subscribe first, then read, so that no change is missed between the two. */
export async function* watchRecords(
  watchers: Watchers,
  load: (ids: readonly string[]) => Promise<(Versioned | undefined)[]>,
  ids: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<TaskMeta, void, void> {
  const open = new Set(ids)
  const seen = new Map<string, number>()
  const fresh = new Map<string, Versioned>()
  let waiting = new Deferred<void>()
  const wake = (): void => waiting.resolve()
  const offer = (record: Versioned): void => {
    if (record.version <= (seen.get(record.meta.task_id) ?? -1)) return
    seen.set(record.meta.task_id, record.version)
    fresh.set(record.meta.task_id, record)
    wake()
  }
  const failures: unknown[] = []
  const fail = (error: unknown): void => {
    failures.push(error)
    wake()
  }
  const stops = [...open].map((id) => watchers.on(id, { offer, fail }))
  signal.addEventListener('abort', wake, { once: true })
  try {
    for (const record of await load([...open])) if (record) offer(record)
    while (open.size > 0 && !signal.aborted) {
      if (fresh.size === 0) {
        await waiting.promise
        waiting = new Deferred()
      }
      if (failures.length > 0) throw failures[0]
      for (const [id, { meta }] of fresh) {
        fresh.delete(id)
        if (isFinal(meta.status)) open.delete(id)
        yield meta
        if (signal.aborted) return
      }
    }
  } finally {
    signal.removeEventListener('abort', wake)
    for (const stop of stops) stop()
  }
}
