/** Least number of slots that the tasks of a worker may lend at once, and of a larger pool as many as it has. */
const MIN_LENT_SLOTS = 100
/** Changes within this time are one change of the consumer, ms: on RabbitMQ each asks the server. */
const CHANGE_DELAY_MS = 5

/** What the slots belong to. */
export interface LentSlotsParts {
  /** How many deliveries the worker holds where none has lent its slot. */
  size(): number
  /** How many deliveries the worker holds now. */
  held(): number
  /** Hold at most this many from now on. */
  limit(count: number): void
}

/**
 * The slots of tasks that wait for other tasks. Meanwhile as many more messages may be taken: a pool that is full of
 * tasks which wait for tasks behind them would else wait for itself. While a slot is free without them, nothing
 * changes.
 */
export class LentSlots {
  readonly #parts: LentSlotsParts
  #count = 0
  #limit: number
  #changing: NodeJS.Timeout | undefined

  constructor(parts: LentSlotsParts) {
    this.#parts = parts
    this.#limit = parts.size()
  }

  /** A task waits from now on; the returned function ends that. Undefined when too many do. */
  lend(): (() => void) | undefined {
    if (this.#count >= Math.max(MIN_LENT_SLOTS, this.#parts.size())) return undefined
    this.#count++
    this.changed()
    return () => {
      this.#count--
      this.changed()
    }
  }

  /** The worker has taken another message. */
  changed(): void {
    if (this.#wanted === this.#limit) return
    this.#changing ??= setTimeout(() => this.apply(), CHANGE_DELAY_MS).unref()
  }

  end(): void {
    clearTimeout(this.#changing)
  }

  get #wanted(): number {
    const size = this.#parts.size()
    return this.#parts.held() >= size ? size + this.#count : size
  }

  /** The size may be another one now. */
  apply(): void {
    clearTimeout(this.#changing)
    this.#changing = undefined
    if (this.#wanted === this.#limit) return
    this.#limit = this.#wanted
    this.#parts.limit(this.#limit)
  }
}
