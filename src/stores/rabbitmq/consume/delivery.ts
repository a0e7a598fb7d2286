import type { Message } from 'amqplib'
import type { Delivery, Route } from '../../../broker/broker.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { isPassage } from '../delays.ts'
import { HELD_HEADER, LOST_HEADER, REASON_HEADER, readEnvelope } from '../envelope.ts'
import type { Settle } from './ackBatch.ts'

/**
 * How often a quorum queue redelivers a message before the consumer looks into the reason: the queue counts deaths
 * and releases alike.
 */
const MIN_SUSPECT_RETURNS = 3

/** A held message, for as long as the channel exists that brought it. */
export class AmqpDelivery implements Delivery {
  readonly queue: string
  readonly message: Message
  readonly #ended: () => void
  readonly #isHeld: () => boolean
  #settle: Settle
  #envelope: Envelope | undefined
  #settled = false
  /** Since when the server counts it as unacknowledged (`performance.now()`). */
  since: number = performance.now()

  /** `ended`: called when it is settled here, in any way. `isHeld`: false after that, or without its channel. */
  constructor(message: Message, queue: string, settle: Settle, ended: () => void, isHeld: () => boolean) {
    this.message = message
    this.queue = queue
    this.#settle = settle
    this.#ended = ended
    this.#isHeld = isHeld
  }

  get gone(): boolean {
    return !this.#settled && !this.#isHeld()
  }

  get envelope(): Envelope {
    this.#envelope ??= readEnvelope(this.message, isPassage)
    return this.#envelope
  }

  get settled(): boolean {
    return this.#settled
  }

  get route(): Route | undefined {
    const { exchange, routingKey } = this.message.fields
    return exchange === '' && routingKey === this.queue ? undefined : { exchange, routingKey }
  }

  get redelivered(): boolean {
    return this.message.fields.redelivered || this.#fromTheDead
  }

  /**
   * As far as it is known: copies carry the number, and a copy that returned because its holder was gone counts one
   * death more.
   */
  get lost(): number {
    const { headers } = this.message.properties
    const before: unknown = headers?.[LOST_HEADER]
    const died = this.#fromTheDead && headers?.[REASON_HEADER] !== 'rejected'
    return (typeof before === 'number' ? before : 0) + (died ? 1 : 0)
  }

  /**
   * By its own limit, the property `expiration`: the server adds that to the reason when it dead-letters the message.
   */
  get expired(): boolean {
    const deaths: unknown = this.message.properties.headers?.['x-death']
    if (!Array.isArray(deaths)) return false
    return deaths.some((death) => death?.reason === 'expired' && death['original-expiration'] !== undefined)
  }

  /**
   * It was redelivered, and it is not known whether its holder died or released it: if it is held by a copy from now
   * on, the copy will show that.
   */
  get suspect(): boolean {
    if (this.#fromTheDead) return true
    const counted: unknown = this.message.properties.headers?.['x-delivery-count']
    return typeof counted === 'number' ? counted >= MIN_SUSPECT_RETURNS : this.message.fields.redelivered
  }

  /** A copy whose holder released it, or died before it settled the copy. */
  get #fromTheDead(): boolean {
    return this.message.properties.headers?.[HELD_HEADER] !== undefined
  }

  ack(): Promise<boolean> {
    return this.#end('ack')
  }

  reject({ requeue }: { requeue: boolean }): Promise<boolean> {
    return this.#end(requeue ? 'requeue' : 'drop')
  }

  /**
   * From now on a copy replaces the message, which is acknowledged. False when the message was no longer ours: it is
   * delivered again, and the copy is dropped.
   */
  async replace(copy: Settle): Promise<boolean> {
    if (this.#settled) {
      await copy('ack')
      return false
    }
    const before = this.#settle
    this.#settle = copy
    this.since = performance.now()
    if (await before('ack')) return true
    this.#settle = () => Promise.resolve(false)
    await copy('ack')
    return false
  }

  #end(ending: Parameters<Settle>[0]): Promise<boolean> {
    if (this.#settled) return Promise.resolve(false)
    this.#settled = true
    this.#ended()
    return this.#settle(ending)
  }
}
