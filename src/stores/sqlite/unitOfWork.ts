import type { Handout } from '../../backend/eventLog.ts'
import {
  MAX_ATOMIC_SUBMISSIONS,
  type Message,
  type Origin,
  type Settlement,
  type Submission,
  type UnitOfWork,
} from '../../backend/unitOfWork.ts'
import type { Delivery } from '../../broker/broker.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { pieces } from '../../std/chunks.ts'
import type { SqliteBroker } from './broker/broker.ts'
import { SqliteDelivery } from './broker/delivery.ts'
import type { SqliteNotes } from './results/notes.ts'

/** The records, inside a transaction. */
interface Records {
  save(meta: TaskMeta, settling: boolean, origin?: Origin): boolean
  log(handout: Handout): boolean
}

/** Broker and backend in one file: message and record, result and acknowledgement, are one transaction each. */
export class SqliteUnitOfWork implements UnitOfWork {
  readonly #broker: SqliteBroker
  readonly #records: Records
  readonly #notes: SqliteNotes

  constructor(broker: SqliteBroker, records: Records, notes: SqliteNotes) {
    this.#broker = broker
    this.#records = records
    this.#notes = notes
  }

  submit(submission: Submission): Promise<boolean> {
    return this.#broker.store.writer.write(() => this.#submit(submission))
  }

  async submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    const { writer } = this.#broker.store
    const sent: boolean[] = []
    // One after the other: each is a transaction, between which others write.
    for (const some of pieces(submissions, MAX_ATOMIC_SUBMISSIONS)) {
      sent.push(...(await writer.write(() => some.map((submission) => this.#submit(submission)))))
    }
    return sent
  }

  #submit({ message, meta, once, origin, note }: Submission): boolean {
    if (note && this.#notes.recall(note.key) !== undefined) return false
    const fresh = meta === undefined || this.#records.save(meta, false, origin)
    if (once && !fresh) return false
    if (note) this.#notes.keep(note)
    this.#publish(message)
    return true
  }

  settle({ delivery, meta, publish = [], also = [], end }: Settlement): Promise<boolean> {
    if (!(delivery instanceof SqliteDelivery)) throw new TypeError('settle: expected a delivery of this store')
    const { messages } = this.#broker
    return delivery.settle(() => {
      const ours = end === 'requeue' ? messages.give(delivery.hold) : messages.ack(delivery.hold)
      if (!ours) return false
      if (meta) this.#records.save(meta, true)
      for (const other of also) this.#records.save(other, false)
      for (const message of publish) this.#publish(message)
      return true
    })
  }

  emit(handout: Handout, delivery: Delivery | undefined): Promise<boolean> {
    if (delivery !== undefined && !(delivery instanceof SqliteDelivery))
      throw new TypeError('emit: expected a delivery of this store')
    const { store, messages } = this.#broker
    return store.writer.write(() => (!delivery || messages.holds(delivery.hold)) && this.#records.log(handout))
  }

  #publish({ envelope, route, notBefore }: Message): void {
    this.#broker.messages.publish(envelope, route, { notBefore })
  }
}
