import type { Delivery } from '../../broker/broker.ts'
import { deadLetterQueue } from '../../broker/broker.ts'
import type { Stores } from '../stores.ts'
import { freshMessage } from './freshMessage.ts'

/** How long a queue that should have messages may bring none, ms: others have taken them. */
const SILENCE_MS = 2000

/**
 * Dead letters that are messages of queues named `<queue>.dead`: where results are messages (`rpc://`), and of versions
 * that had no other place for them. Their order is all that can be asked of them.
 */
export class QueuedLetters {
  readonly #stores: Stores
  readonly #queues: readonly string[]

  /** `queues`: those beside which they are. */
  constructor(stores: Stores, queues: readonly string[]) {
    this.#stores = stores
    this.#queues = queues
  }

  /** How many there are, by the queue that they came from; only those where there are any. */
  async count(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for (const queue of this.#queues) {
      const count = await this.#stores.broker.size(deadLetterQueue(queue))
      if (count > 0) counts.set(queue, count)
    }
    return counts
  }

  /** Drops all. Returns how many there were. */
  async drop(dryRun: boolean): Promise<number> {
    let all = 0
    for (const [queue, count] of await this.count())
      all += dryRun ? count : (await this.#stores.broker.purge(deadLetterQueue(queue))).count
    return all
  }

  /**
   * Those that are there now, each with what sends it again: to the queue that it came from, and acknowledged, in this
   * order. Ends early where `visit` returns false.
   */
  async each(visit: (send: () => Promise<unknown>) => Promise<boolean>): Promise<void> {
    for (const [queue, count] of await this.count()) if (!(await this.#eachOf(queue, count, visit))) return
  }

  async #eachOf(
    queue: string,
    count: number,
    visit: (send: () => Promise<unknown>) => Promise<boolean>,
  ): Promise<boolean> {
    const { broker } = this.#stores
    const consumer = await broker.consume([{ name: deadLetterQueue(queue) }], {
      prefetch: 1,
      ahead: 0,
      name: 'redrive',
    })
    const close = (): void => void consumer.close()
    let timer = setTimeout(close, SILENCE_MS)
    try {
      let left = count
      for await (const delivery of consumer) {
        clearTimeout(timer)
        if (!(await visit(() => this.#send(delivery, queue)))) return false
        if (--left === 0) break
        timer = setTimeout(close, SILENCE_MS)
      }
      return true
    } finally {
      clearTimeout(timer)
      await consumer.close()
      await consumer.release()
    }
  }

  /** On separate stores sent first: a crash before the acknowledgement sends it once more. */
  #send(delivery: Delivery, queue: string): Promise<unknown> {
    const { envelope } = delivery
    const from = envelope.headers['x-death-queue']
    const routingKey = typeof from === 'string' && from !== '' ? from : queue
    const message = { envelope: freshMessage(envelope, []), route: { exchange: '', routingKey } }
    return this.#stores.unitOfWork.settle({ delivery, publish: [message], end: 'ack' })
  }
}
