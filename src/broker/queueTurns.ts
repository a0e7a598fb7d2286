import type { Queue } from './broker.ts'
import { queueOfLane } from './lane.ts'

/** A queue, and how many of its messages were taken, divided by its weight. */
interface Share {
  readonly queue: Queue
  readonly weight: number
  taken: number
}

/**
 * The turns of the queues of one consumer: which is served first by the next claim. The queue that has had least for
 * its weight is next, so of messages that wait in all of them each queue gives its share, however many a claim takes.
 * A queue that is empty when it is served gets no more for that later.
 */
export class QueueTurns {
  readonly #shares: readonly Share[]

  constructor(queues: readonly Queue[]) {
    this.#shares = queues.map((queue) => ({ queue, weight: queue.weight ?? 1, taken: 0 }))
  }

  /** All queues, in the order for the next claim. */
  next(): readonly Queue[] {
    // Stable: of several that have had as little, the one that was named first is first.
    return [...this.#shares].sort((a, b) => a.taken - b.taken).map(({ queue }) => queue)
  }

  /** A claim took these messages: the name of the queue of each, or of its lane. */
  took(messages: readonly { readonly queue: string }[]): void {
    if (this.#shares.length < 2 || messages.length === 0) return
    const counts = new Map<string, number>()
    for (const { queue } of messages) {
      const name = queueOfLane(queue)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    const served = this.#shares.filter(({ queue }) => counts.has(queue.name))
    // Queues before the last that gave messages were served, and had no more.
    const reached = Math.max(0, ...served.map(({ taken }) => taken))
    for (const share of this.#shares) {
      const count = counts.get(share.queue.name) ?? 0
      share.taken = Math.max(share.taken + count / share.weight, reached)
    }
  }
}
