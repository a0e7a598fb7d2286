import type { Delivery } from '../../../broker/broker.ts'
import { LANE_PREFIX, queueOfLane } from '../../../broker/lane.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import type { SqliteFile } from '../file.ts'
import { envelopeOf, type Hold, type Messages, type Row } from './messages.ts'

/** A claimed message. Its hold (sequence number, owner, number of claims) is the fence that a stale holder fails. */
export class SqliteDelivery implements Delivery {
  readonly queue: string
  readonly redelivered: boolean
  readonly lost: number
  readonly limited: boolean
  readonly hold: Hold
  readonly #messages: Messages
  readonly #file: SqliteFile
  readonly #row: Row
  readonly #onSettle: (limited: boolean) => void
  #envelope: Envelope | undefined
  #freed = false

  /** Throws TypeError for a delivery of another store. */
  static of(delivery: Delivery): SqliteDelivery {
    if (#row in delivery) return delivery
    throw new TypeError('expected a delivery of this store')
  }

  constructor(
    parts: { file: SqliteFile; messages: Messages },
    row: Row,
    owner: number,
    onSettle: (limited: boolean) => void,
  ) {
    this.#row = row
    this.limited = row.queue.startsWith(LANE_PREFIX)
    this.queue = this.limited ? queueOfLane(row.queue) : row.queue
    this.redelivered = row.claims > 1
    this.lost = row.lost
    this.hold = { seq: row.seq, owner, claims: row.claims, lane: this.limited ? row.queue : undefined }
    this.#messages = parts.messages
    this.#file = parts.file
    this.#onSettle = onSettle
  }

  get envelope(): Envelope {
    this.#envelope ??= envelopeOf(this.#row)
    return this.#envelope
  }

  ack(): Promise<boolean> {
    return this.settle(() => this.#messages.ack(this.hold))
  }

  reject({ requeue }: { requeue: boolean }): Promise<boolean> {
    return this.settle(() => (requeue ? this.#messages.give(this.hold) : this.#messages.ack(this.hold)))
  }

  /**
   * Settle with the writes of `work`, in one transaction. The delivery's slot is free from now on; if the write fails,
   * the message is still held, and may be settled again.
   */
  settle(work: () => boolean): Promise<boolean> {
    if (!this.#freed) this.#onSettle(this.limited)
    this.#freed = true
    return this.#file.writer.write(work)
  }
}
