import type { FollowUp } from '../../backend/followUp.ts'
import type { Broker, Delivery } from '../../broker/broker.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { isFinal } from '../../protocol/states.ts'
import type { Clock } from '../../std/clock.ts'
import { endTaken, type RevokingStores, takeOut } from '../revoke.ts'

/** Jobs that are dropped at once: a store that searches its queues finds all of them in one walk. */
const MAX_AT_ONCE = 200

/** True where the oldest jobs of a queue can be dropped. */
export function dropsOldest({ oldest, take, takeOldest }: Broker): boolean {
  return takeOldest !== undefined || (oldest !== undefined && take !== undefined)
}

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
    const step = this.#stores.broker.takeOldest ? this.#endTaken : this.#endFound
    let dropped = 0
    for (let left = wanted; left > 0; ) {
      const { found, ended } = await step.call(this, queue, Math.min(left, MAX_AT_ONCE))
      if (found === 0) return dropped
      dropped += ended
      // A job that was not found any more is a worker's now, which makes room as well.
      left -= found
    }
    return dropped
  }

  async #endFound(queue: string, count: number): Promise<Dropped> {
    const { broker, backend } = this.#stores
    const ids = (await broker.oldest?.(queue, count)) ?? []
    if (ids.length === 0) return { found: 0, ended: 0 }
    const known = await backend.load(ids)
    const taken = await Promise.all(
      ids.map((id, at) => {
        const job = { id, known: { ...known[at], queue }, reason: DROPPED } as const
        return takeOut(this.#stores, job, this.#followUps, this.#clock)
      }),
    )
    return { found: ids.length, ended: taken.filter(Boolean).length }
  }

  /** What could not be ended goes back into its queue. */
  async #endTaken(queue: string, count: number): Promise<Dropped> {
    const { broker, backend } = this.#stores
    const deliveries = (await broker.takeOldest?.(queue, count)) ?? []
    if (deliveries.length === 0) return { found: 0, ended: 0 }
    const ids = deliveries.map(({ envelope }) => envelope.properties.correlationId ?? '')
    try {
      const known = await backend.load(ids)
      const ends = await Promise.allSettled(
        deliveries.map((delivery, at) => this.#endOne(delivery, ids[at] ?? '', known[at])),
      )
      const failed = ends.find((end) => end.status === 'rejected')
      if (failed) throw failed.reason
      return { found: ids.length, ended: ends.filter((end) => end.status === 'fulfilled' && end.value).length }
    } catch (error) {
      // False for those that were settled.
      await Promise.all(deliveries.map((delivery) => delivery.reject({ requeue: true })))
      throw error
    }
  }

  /** One that has ended before, and whose message was delivered again, has its end already. */
  #endOne(delivery: Delivery, id: string, known: TaskMeta | undefined): Promise<boolean> {
    if (known && isFinal(known.status)) return delivery.ack()
    const { queue } = delivery
    const job = { id, known: { ...known, queue }, reason: DROPPED } as const
    return endTaken(this.#stores, delivery, job, this.#followUps, this.#clock)
  }
}

interface Dropped {
  /** 0: no job waits. */
  readonly found: number
  readonly ended: number
}

const DROPPED = 'dropped: its queue was full'
