import type { FollowUp } from '../../backend/followUp.ts'
import type { Clock } from '../../std/clock.ts'
import { type RevokingStores, takeOut } from '../revoke.ts'

/** Jobs that are dropped at once: a store that searches its queues finds all of them in one walk. */
const MAX_AT_ONCE = 200

/** Drops for all that was requested in one queue since the last step began. */
interface Step {
  count: number
  readonly done: Promise<number>
}

/**
 * Makes room in full queues: the jobs that have waited for the longest time are revoked, one step after the other, so
 * that two submissions do not choose the same job.
 */
export class OldestJobs {
  readonly #stores: RevokingStores
  readonly #followUps: readonly FollowUp[]
  readonly #clock: Clock
  readonly #next = new Map<string, Step>()
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(stores: RevokingStores, followUps: readonly FollowUp[], clock: Clock) {
    this.#stores = stores
    this.#followUps = followUps
    this.#clock = clock
  }

  /**
   * Drop so many jobs of a queue. Resolves with how many were dropped, together with those for other submissions;
   * `tell` is called once for all of these.
   */
  drop(queue: string, count: number, tell: (dropped: number) => void): Promise<number> {
    const waiting = this.#next.get(queue)
    if (waiting) {
      waiting.count += count
      return waiting.done
    }
    const before = this.#running.get(queue) ?? Promise.resolve()
    const done = before.then(async () => {
      const wanted = this.#next.get(queue)?.count ?? count
      this.#next.delete(queue)
      const dropped = await this.#dropNow(queue, wanted)
      tell(dropped)
      return dropped
    })
    this.#next.set(queue, { count, done })
    const running = done
      .catch(() => undefined)
      .finally(() => {
        if (this.#running.get(queue) === running) this.#running.delete(queue)
      })
    this.#running.set(queue, running)
    return done
  }

  async #dropNow(queue: string, wanted: number): Promise<number> {
    const { broker, backend } = this.#stores
    let dropped = 0
    for (let left = wanted; left > 0; ) {
      const ids = (await broker.oldest?.(queue, Math.min(left, MAX_AT_ONCE))) ?? []
      if (ids.length === 0) return dropped
      const known = await backend.load(ids)
      const taken = await Promise.all(
        ids.map((id, at) => {
          const job = { id, known: { ...known[at], queue }, reason: DROPPED } as const
          return takeOut(this.#stores, job, this.#followUps, this.#clock)
        }),
      )
      dropped += taken.filter(Boolean).length
      // A job that was not found any more is a worker's now, which makes room as well.
      left -= ids.length
    }
    return dropped
  }
}

const DROPPED = 'dropped: its queue was full'
