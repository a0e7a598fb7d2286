import { Deferred } from '../../../std/deferred.ts'
import { asError, isStoreAway } from '../../../std/thrown.ts'

export interface GatherOptions<Item> {
  /** How many runs may be under way at once. Default 1: then all items are run in the order in which they came. */
  readonly runs?: number
  /** The most items of one run. Default 1000. */
  readonly most?: number
  /** For how many an item counts. Default 1. One that counts for more than the most is a run of its own. */
  readonly size?: (item: Item) => number
}

interface Waiting<Item, Result> {
  readonly item: Item
  /** By the clock of `performance`. */
  readonly since: number
  readonly done: Deferred<Result>
}

/** Does them together; `since` is when the first of them was added, by the clock of `performance`. */
type Run<Item, Result> = (items: readonly Item[], since: number) => Promise<readonly Result[]>

/**
 * Gathers what comes in one turn of the event loop, and while earlier runs are under way, and does it together: one
 * transaction and one round trip for all.
 */
export class Gather<Item, Result> {
  readonly #run: Run<Item, Result>
  readonly #runs: number
  readonly #most: number
  readonly #size: (item: Item) => number
  readonly #open = new Set<Promise<void>>()
  readonly #waiting: Waiting<Item, Result>[] = []
  #scheduled = false

  /**
   * `run` answers for each item, in their order, and does all or nothing. Where it rejects for several items, and not
   * for an outage, each is run by itself, so that only the one that cannot be done fails.
   */
  constructor(run: Run<Item, Result>, { runs = 1, most = 1000, size = () => 1 }: GatherOptions<Item> = {}) {
    this.#run = run
    this.#runs = runs
    this.#most = most
    this.#size = size
  }

  add(item: Item): Promise<Result> {
    const done = new Deferred<Result>()
    this.#waiting.push({ item, since: performance.now(), done })
    this.#schedule()
    return done.promise
  }

  /** Resolves when all that was added before has ended, in whatever way. */
  async drain(): Promise<void> {
    await Promise.allSettled([...this.#waiting.map(({ done }) => done.promise), ...this.#open])
  }

  #schedule(): void {
    if (this.#scheduled || this.#open.size >= this.#runs || this.#waiting.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#begin()
    })
  }

  #begin(): void {
    while (this.#open.size < this.#runs && this.#waiting.length > 0) {
      const some = this.#waiting.splice(0, this.#count())
      const run = this.#together(some).finally(() => {
        this.#open.delete(run)
        this.#schedule()
      })
      this.#open.add(run)
    }
  }

  /** How many of the first items are one run. */
  #count(): number {
    let count = 0
    for (let size = 0; count < this.#waiting.length; count++) {
      size += this.#size((this.#waiting[count] as Waiting<Item, Result>).item)
      if (count > 0 && size > this.#most) break
    }
    return count
  }

  async #together(some: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const [first] = some
      const results = await this.#run(
        some.map(({ item }) => item),
        first?.since ?? 0,
      )
      for (const [at, { done }] of some.entries()) done.resolve(results[at] as Result)
    } catch (error) {
      if (some.length === 1 || isStoreAway(error)) for (const { done } of some) done.reject(asError(error))
      else for (const one of some) await this.#together([one])
    }
  }
}
