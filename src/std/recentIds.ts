import { type Clock, systemClock } from './clock.ts'

/** Ids that were added lately: the newest so many, each until its time. */
export class RecentIds {
  readonly #count: number
  readonly #clock: Clock
  /** Until when each is remembered, ms since the epoch, the one that was added first first. */
  readonly #until = new Map<string, number>()

  /** `count`: how many are remembered at most. `clock` says when their time is over. */
  constructor(count: number, clock: Clock = systemClock) {
    this.#count = count
    this.#clock = clock
  }

  /** Remember it until then, ms since the epoch; default: as long as there is room. */
  add(id: string, until: number = Number.POSITIVE_INFINITY): void {
    const now = this.#clock.now()
    this.#until.delete(id)
    this.#until.set(id, until)
    for (const [oldest, end] of this.#until) {
      if (this.#until.size <= this.#count && end > now) break
      this.#until.delete(oldest)
    }
  }

  has(id: string): boolean {
    return (this.#until.get(id) ?? 0) > this.#clock.now()
  }

  /** The oldest first. */
  all(): string[] {
    return [...this.#until.keys()].filter((id) => this.has(id))
  }
}
