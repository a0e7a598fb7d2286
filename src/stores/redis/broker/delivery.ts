import type { Delivery, Route } from '../../../broker/broker.ts'
import { isLane, queueOfLane } from '../../../broker/lane.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { StoreUnavailableError } from '../../../std/errors.ts'
import { type ReadEnvelope, readEnvelope } from './envelope.ts'

/** Messages taken in one step: their tags are `name` and 1, 2, 3 … */
export interface Claim {
  readonly name: string
  /** How many of them are still held. */
  left: number
}

/** One claim of one message. Its tag was made for it alone: a settlement must name it. */
export interface Hold {
  readonly tag: string
  /** Absent: its lease is not renewed. */
  readonly claim?: Claim
}

/** How a hold ends; `return` releases a message that was not begun. */
export type Ending = 'ack' | 'requeue' | 'return'

/** What a delivery needs of its consumer. */
export interface Holder {
  /** A message is about to be requeued: messages that were taken behind it must be returned first. */
  requeueing(): void
  /** Its slot is free. */
  settled(hold: Hold): void
  /**
   * It is still held, and occupies its slot again: this settlement failed. `reason`: why the store settles nothing now.
   */
  kept(hold: Hold, reason: StoreUnavailableError | undefined): void
  settle(hold: Hold, ending: Ending): Promise<boolean>
}

/** A claimed message. */
export class RedisDelivery implements Delivery {
  readonly queue: string
  readonly limited: boolean
  readonly hold: Hold
  readonly #text: string
  readonly #holder: Holder
  #read: ReadEnvelope | undefined
  #freed = false
  #failed = false

  /** Throws TypeError for a delivery of another store. */
  static of(delivery: Delivery): RedisDelivery {
    if (#holder in delivery) return delivery
    throw new TypeError('expected a delivery of this store')
  }

  /** `name`: of its queue or lane. */
  constructor(text: string, name: string, hold: Hold, holder: Holder) {
    this.#text = text
    this.queue = queueOfLane(name)
    this.limited = isLane(name)
    this.hold = hold
    this.#holder = holder
  }

  get envelope(): Envelope {
    return this.#parsed.envelope
  }

  get route(): Route | undefined {
    const { exchange, routingKey } = this.#parsed
    if (typeof exchange !== 'string' || typeof routingKey !== 'string') return undefined
    return exchange === '' && routingKey === this.queue ? undefined : { exchange, routingKey }
  }

  get redelivered(): boolean {
    return this.#parsed.redelivered
  }

  get lost(): number {
    return this.#parsed.lost
  }

  get #parsed(): ReadEnvelope {
    this.#read ??= readEnvelope(this.#text)
    return this.#read
  }

  ack(): Promise<boolean> {
    return this.ending('ack', () => this.#holder.settle(this.hold, 'ack'))
  }

  reject({ requeue }: { requeue: boolean }): Promise<boolean> {
    const ending = requeue ? 'requeue' : 'ack'
    return this.ending(ending, () => this.#holder.settle(this.hold, ending))
  }

  /**
   * Settle by `settle`. The slot is free from now on. If that fails, the message is still held and occupies its slot
   * again, until a later attempt succeeds: outcomes that wait for the store must not lead to more claims.
   */
  ending(end: 'ack' | 'requeue' | 'drop', settle: () => Promise<boolean>): Promise<boolean> {
    if (end === 'requeue') this.#holder.requeueing()
    // Requested first: the next claim, for the slot that becomes free, is then sent after it.
    const done = settle()
    if (!this.#failed) this.#free()
    done.then(
      () => this.#free(),
      (error: unknown) => this.#keep(error),
    )
    return done
  }

  #free(): void {
    if (this.#freed) return
    this.#freed = true
    this.#holder.settled(this.hold)
  }

  #keep(error: unknown): void {
    this.#failed = true
    const reason = error instanceof StoreUnavailableError ? error : undefined
    if (this.#freed) this.#holder.kept(this.hold, reason)
    this.#freed = false
  }
}

/** A message of a fanout exchange: no store keeps it, so there is nothing to settle. */
export class BroadcastDelivery implements Delivery {
  readonly queue: string
  readonly redelivered = false
  readonly lost = 0
  readonly #text: string
  #open = true

  constructor(text: string, queue: string) {
    this.#text = text
    this.queue = queue
  }

  get envelope(): Envelope {
    return readEnvelope(this.#text).envelope
  }

  async ack(): Promise<boolean> {
    const first = this.#open
    this.#open = false
    return first
  }

  reject(): Promise<boolean> {
    return this.ack()
  }
}
