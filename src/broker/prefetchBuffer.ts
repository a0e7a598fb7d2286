import { DEFAULT_AHEAD } from './broker.ts'

/** The buffer takes what the worker finishes in this time, ms: about what a claim takes on a distant server. */
const PREFETCH_WINDOW_MS = 20
/** A message that waits longer than this for a slot is released, ms: another worker may have a free one. */
const MAX_BUFFERED_MS = 500
/** The pace is measured over this many tasks. Where fewer end within this time, ms, nothing is prefetched. */
const PACE_SAMPLE_TASKS = 16
const MAX_PACE_SAMPLE_MS = 100
/** How much of the pace before counts at least, from one measurement to the next. */
const PACE_DECAY = 0.8

/**
 * Messages taken before a slot is free, so that a worker of short tasks need not wait for its server. Only as many as
 * it finishes within 20 ms: slow tasks prefetch nothing, and messages that wait behind a task that became slow are
 * released.
 */
export class PrefetchBuffer<Item> {
  readonly #giveBack: (stale: Item[]) => unknown
  readonly #items: Item[] = []
  #timer: NodeJS.Timeout | undefined
  #ended = 0
  #since = performance.now()
  /** Ended per ms. */
  #pace = 0
  readonly #perSlot: number
  readonly #window: number

  /**
   * `perSlot`: most messages ahead for each slot. `window`: what the worker finishes in this time is taken ahead, ms;
   * about twice what a claim takes.
   */
  constructor(
    giveBack: (stale: Item[]) => unknown,
    perSlot: number = DEFAULT_AHEAD,
    window: number = PREFETCH_WINDOW_MS,
  ) {
    this.#giveBack = giveBack
    this.#perSlot = perSlot
    this.#window = window
  }

  /** Those that wait, the next one first. */
  get items(): readonly Item[] {
    return this.#items
  }

  /** A task has ended. */
  ended(): void {
    this.#ended++
  }

  /** How many more to take now, with this many slots; below 0 when fewer would be enough. */
  wanted(places: number): number {
    return this.most(places) - this.#items.length
  }

  /** How many may wait now, with this many slots. */
  most(places: number): number {
    const passed = performance.now() - this.#since
    if (this.#ended >= PACE_SAMPLE_TASKS || passed >= MAX_PACE_SAMPLE_MS) {
      // A worker that has waited for its server is as quick as it was before.
      this.#pace =
        this.#ended < PACE_SAMPLE_TASKS ? 0 : Math.max(this.#ended / Math.max(passed, 1), this.#pace * PACE_DECAY)
      this.#ended = 0
      this.#since += passed
    }
    return Math.min(places * this.#perSlot, Math.floor(this.#pace * this.#window))
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
    this.#timer = setTimeout(() => this.#giveBack(this.#items.splice(0)), MAX_BUFFERED_MS)
    this.#timer.unref()
  }
}
