import type { Delivery } from '../../../broker/broker.ts'
import { isLane, queueOfLane } from '../../../broker/lane.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import type { ClaimedMessage } from './claims.ts'
import { envelopeOf } from './messages.ts'

/** How a hold ends: the message is dropped; returns to its queue; returns as if it had not been taken. */
export type EndKind = 'drop' | 'requeue' | 'return'

/** Names the claim of a message: the fence of its settlement. */
export interface Hold {
  readonly seq: number
  readonly consumer: number
  /** Of which claim of the message, where this consumer has claimed it again. */
  readonly fence: number
  readonly queue: string
  /** It was taken under limits: they get back what it took. */
  readonly limited: boolean
}

/** What a delivery needs of what holds it. */
export interface Holder {
  end(hold: Hold, kind: EndKind): Promise<boolean>
  /** Its settlement begins: its slot is free. */
  settling(hold: Hold): void
}

/** A claimed message. */
export class PostgresDelivery implements Delivery {
  readonly queue: string
  readonly redelivered: boolean
  readonly lost: number
  readonly limited: boolean
  readonly hold: Hold
  readonly #message: ClaimedMessage
  readonly #holder: Holder
  #envelope: Envelope | undefined
  #freed = false

  /** Throws TypeError for a delivery of another store. */
  static of(delivery: Delivery): PostgresDelivery {
    if (#message in delivery) return delivery
    throw new TypeError('expected a delivery of this store')
  }

  constructor(message: ClaimedMessage, consumer: number, holder: Holder) {
    this.#message = message
    this.#holder = holder
    this.queue = queueOfLane(message.queue)
    this.limited = isLane(message.queue)
    this.redelivered = message.claims > 0
    this.lost = message.lost
    this.hold = { seq: message.seq, consumer, fence: message.fence, queue: this.queue, limited: this.limited }
  }

  get envelope(): Envelope {
    this.#envelope ??= envelopeOf(this.#message)
    return this.#envelope
  }

  ack(): Promise<boolean> {
    this.free()
    return this.#holder.end(this.hold, 'drop')
  }

  reject({ requeue }: { requeue: boolean }): Promise<boolean> {
    this.free()
    return this.#holder.end(this.hold, requeue ? 'requeue' : 'drop')
  }

  /** Its slot is free from now on; if the settlement fails, the message is still held, and may be settled again. */
  free(): void {
    if (this.#freed) return
    this.#freed = true
    this.#holder.settling(this.hold)
  }
}
