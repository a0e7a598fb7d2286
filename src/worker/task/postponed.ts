/** How long the ids are kept at least, ms: longer than a revoke takes to arrive. */
const MIN_REMEMBERED_MS = 10_000

/**
 * Tasks that arrived before their time and were requeued a moment ago, by id, with their queues. A caller that revoked
 * one of them in that moment found it neither in its queue nor running.
 */
export class Postponed {
  #recent = new Map<string, string>()
  #older = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined

  add(id: string, queue: string): void {
    this.#recent.set(id, queue)
    if (!this.#timer) this.#wait()
  }

  /** Undefined for a task that was not requeued here, or not recently. */
  queueOf(id: string): string | undefined {
    return this.#recent.get(id) ?? this.#older.get(id)
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      this.#older = this.#recent
      this.#recent = new Map()
      this.#timer = undefined
      if (this.#older.size > 0) this.#wait()
    }, MIN_REMEMBERED_MS).unref()
  }
}
