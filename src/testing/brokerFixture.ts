import type { Broker, Consumer, Queue } from '../broker/broker.ts'
import { envelopeOf, toQueue } from './factories.ts'
import { Reader } from './reader.ts'

/** An empty store, and how to leave it. */
export interface OpenedBroker {
  readonly broker: Broker
  /** Another connection to the same store, where the store is shared. The suite closes it. */
  readonly second?: (() => Promise<Broker>) | undefined
  /** Close the broker and remove its store. */
  close(): Promise<void>
}

/** What a case works with; everything it opens here is closed after it. */
export interface Place {
  readonly broker: Broker
  /** A second connection where the store is shared, else the same broker. */
  other(): Promise<Broker>
  consume(queues: readonly string[] | readonly Queue[], prefetch: number, broker?: Broker): Promise<Consumer>
  read(queues: readonly string[] | readonly Queue[], prefetch: number, broker?: Broker): Promise<Reader>
  /** Submit messages with these task ids, in this order. */
  send(queue: string, ids: readonly string[]): Promise<void>
}

export type Case = (name: string, body: (place: Place) => Promise<void>) => void

export function placeOf(opened: OpenedBroker, closing: (() => Promise<void>)[]): Place {
  const { broker } = opened
  const consume: Place['consume'] = async (queues, prefetch, from = broker) => {
    const full = queues.map((queue) => (typeof queue === 'string' ? { name: queue } : queue))
    const consumer = await from.consume(full, { prefetch, name: 'celery@suite' })
    closing.push(() => consumer.release())
    return consumer
  }
  return {
    broker,
    consume,
    other: async () => {
      if (!opened.second) return broker
      const second = await opened.second()
      closing.push(() => second.close())
      return second
    },
    read: async (queues, prefetch, from) => new Reader(await consume(queues, prefetch, from)),
    send: async (queue, ids) => {
      await Promise.all(ids.map((id) => broker.publish(envelopeOf(id), toQueue(queue))))
    },
  }
}
