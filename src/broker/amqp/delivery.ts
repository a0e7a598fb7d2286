import type { ConsumeMessage } from 'amqplib'
import type { Envelope } from '../../protocol/envelope.ts'
import type { Delivery } from '../broker.ts'
import { isPassage } from './delays.ts'
import { HELD_HEADER, LOST_HEADER, readEnvelope } from './envelope.ts'
import type { Settle } from './settler.ts'

/** A message in our hands, for as long as the channel lives that brought it. */
export class AmqpDelivery implements Delivery {
  readonly queue: string
  readonly message: ConsumeMessage
  readonly #ended: () => void
  #settle: Settle
  #envelope: Envelope | undefined
  #settled = false
  /** Since when the server counts it as unacknowledged (`performance.now()`). */
  since: number = performance.now()

  /** `ended`: told when it is settled here, by whatever means. */
  constructor(message: ConsumeMessage, queue: string, settle: Settle, ended: () => void) {
    this.message = message
    this.queue = queue
    this.#settle = settle
    this.#ended = ended
  }

  get envelope(): Envelope {
    this.#envelope ??= readEnvelope(this.message, isPassage)
    return this.#envelope
  }

  get settled(): boolean {
    return this.#settled
  }

  get redelivered(): boolean {
    return this.message.fields.redelivered || this.#fromTheDead
  }

  /** Only quorum queues count; they count what was given back on purpose, too. */
  get lost(): number {
    const { headers } = this.message.properties
    const counted: unknown = headers?.['x-delivery-count']
    const before: unknown = headers?.[LOST_HEADER]
    return (
      (typeof counted === 'number' ? counted : 0) +
      (typeof before === 'number' ? before : 0) +
      (this.#fromTheDead ? 1 : 0)
    )
  }

  /** A copy that somebody held for long, and gave back or did not live to settle. */
  get #fromTheDead(): boolean {
    return this.message.properties.headers?.[HELD_HEADER] !== undefined
  }

  ack(): Promise<boolean> {
    return this.#end('ack')
  }

  reject({ requeue }: { requeue: boolean }): Promise<boolean> {
    return this.#end(requeue ? 'requeue' : 'drop')
  }

  /** From now on a copy stands for it: the one before is acknowledged. False when that was ours no longer: it comes again, and the copy goes. */
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
