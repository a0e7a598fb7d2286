/** What is finished in this time is taken ahead, ms: about what a claim takes on a distant server. */
const REACH = 20
/** At most so many for each place: Celery's `worker_prefetch_multiplier`. */
const MOST = 4
/** What waits longer than this for a place is given back, ms: another worker may have one. */
const STALE = 500
/** The pace is measured over so many tasks; where so many do not end within this time, ms, nothing is taken ahead. */
const LEAST = 16
const SPAN = 100

/**
 * Messages taken ahead of free places, so that a worker of short tasks need not wait for its server. Only as many as it finishes within
 * 20 ms: slow tasks take nothing ahead, and what is stuck behind one that became slow is given back.
 */
export class Ahead<Item> {
  readonly #giveBack: (stale: Item[]) => unknown
  readonly #items: Item[] = []
  #timer: NodeJS.Timeout | undefined
  #ended = 0
  #since = performance.now()
  /** Ended per ms. */
  #pace = 0

  constructor(giveBack: (stale: Item[]) => unknown) {
    this.#giveBack = giveBack
  }

  /** A task has ended. */
  ended(): void {
    this.#ended++
  }

  /** How many more to take now, with so many places; below 0 when fewer would do. */
  wanted(places: number): number {
    return this.most(places) - this.#items.length
  }

  /** How many may wait now, with so many places. */
  most(places: number): number {
    const passed = performance.now() - this.#since
    if (this.#ended >= LEAST || passed >= SPAN) {
      this.#pace = this.#ended < LEAST ? 0 : this.#ended / Math.max(passed, 1)
      this.#ended = 0
      this.#since += passed
    }
    return Math.min(places * MOST, Math.floor(this.#pace * REACH))
  }

  push(items: readonly Item[]): void {
    if (items.length === 0) return
    this.#items.push(...items)
    this.#watch()
  }

  /** The next one. */
  shift(): Item | undefined {
    const item = this.#items.shift()
    if (item !== undefined) this.#watch()
    return item
  }

  drain(): Item[] {
    clearTimeout(this.#timer)
    return this.#items.splice(0)
  }

  #watch(): void {
    if (this.#timer) {
      this.#timer.refresh()
      return
    }
    this.#timer = setTimeout(() => this.#giveBack(this.#items.splice(0)), STALE)
    this.#timer.unref()
  }
}
