import type { SqliteBroker } from '../broker/sqlite/broker.ts'
import { SqliteDelivery } from '../broker/sqlite/delivery.ts'
import type { TaskMeta } from '../protocol/result.ts'
import type { Joint, Message, Settlement, Submission } from './joint.ts'

/** Broker and backend in one file: message and record, result and acknowledgement, are one transaction each. */
export class SqliteJoint implements Joint {
  readonly #broker: SqliteBroker
  readonly #save: (meta: TaskMeta, settling: boolean) => boolean

  constructor(broker: SqliteBroker, save: (meta: TaskMeta, settling: boolean) => boolean) {
    this.#broker = broker
    this.#save = save
  }

  submit({ message, meta, once }: Submission): Promise<boolean> {
    return this.#broker.store.writer.write(() => {
      const fresh = meta === undefined || this.#save(meta, false)
      if (once && !fresh) return false
      this.#publish(message)
      return true
    })
  }

  settle({ delivery, meta, publish = [], also = [], end }: Settlement): Promise<boolean> {
    if (!(delivery instanceof SqliteDelivery)) throw new TypeError('settle: expected a delivery of this store')
    const { messages } = this.#broker
    return delivery.settle(() => {
      const ours = end === 'requeue' ? messages.give(delivery.hold) : messages.ack(delivery.hold)
      if (!ours) return false
      if (meta) this.#save(meta, true)
      for (const other of also) this.#save(other, false)
      for (const message of publish) this.#publish(message)
      return true
    })
  }

  #publish({ envelope, route, notBefore }: Message): void {
    this.#broker.messages.publish(envelope, route, { notBefore })
  }
}
