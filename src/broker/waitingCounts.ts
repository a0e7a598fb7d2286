/** Room that submissions need together in one queue. */
export interface QueueNeed {
  readonly queue: string
  /** How many messages may wait in it. */
  readonly limit: number
  /** How many more of these submissions will wait in it. */
  readonly count: number
  /** A count that was made before is not used. */
  readonly again: boolean
}

/** A count of at most so many messages is cheap: made for each submission. */
const CHEAP_COUNT = 1000
/** A larger count is used for 1 ms for each so many messages of the limit, or for so many times as long as it took. */
const COUNTED_PER_MS = 1000
const USED_FACTOR = 20

interface Known {
  /** At most so many wait, as far as this process knows: the last count, and what it has submitted since. */
  waiting: number
  /** Until when that is used, by `performance.now()`. */
  readonly until: number
}

/**
 * How many messages wait in queues whose length is bounded, for stores that have to count them: a large count is kept
 * for some milliseconds, in which what other processes send is not seen.
 */
export class WaitingCounts {
  readonly #known = new Map<string, Known>()

  /** Whether they fit by what is known; undefined: count again. */
  fits({ queue, limit, count, again }: QueueNeed): boolean | undefined {
    const known = this.#known.get(queue)
    if (!known || again || performance.now() >= known.until) return undefined
    return known.waiting + count <= limit
  }

  /** So many wait in the queue now, or more, by a count that took so long, ms. Returns whether they fit. */
  counted({ queue, limit, count }: QueueNeed, waiting: number, took: number): boolean {
    const used = Math.max(limit / COUNTED_PER_MS, took * USED_FACTOR)
    if (limit > CHEAP_COUNT) this.#known.set(queue, { waiting, until: performance.now() + used })
    return waiting + count <= limit
  }

  /** They are submitted. */
  add(needs: readonly QueueNeed[]): void {
    for (const { queue, count } of needs) {
      const known = this.#known.get(queue)
      if (known) known.waiting += count
    }
  }
}
