import type { Channel, ConsumeMessage } from 'amqplib'
import type { ConsumeOptions, Consumer, Delivery, Queue } from '../../../broker/broker.ts'
import { backoffDelay } from '../../../std/backoff.ts'
import { AsyncQueue } from '../../../std/queue.ts'
import { AckBatch } from './ackBatch.ts'
import { DeathCount } from './deathCount.ts'
import { AmqpDelivery } from './delivery.ts'
import type { HoldByCopyParts } from './holdByCopy.ts'
import { type ConsumerClock, HoldRenewal } from './holdRenewal.ts'
import { Slots } from './slots.ts'

/** What a consumer works with. */
export interface ConsumerParts extends HoldByCopyParts {
  readonly clock: ConsumerClock
  /** Why the broker as a whole does not work. */
  problem(): Error | undefined
  released(consumer: AmqpConsumer): void
}

/** One channel and its deliveries; a new one after each failure. */
interface Session {
  readonly channel: Channel
  readonly acks: AckBatch
  /** Consumer tags by queue. */
  readonly tags: Map<string, string>
  /** The limit that was last sent to the server. */
  told: number
}

const REOPEN_BACKOFF = { kind: 'exponential', delay: 50, maxDelay: 2000, jitter: 'full' } as const

/**
 * Takes the messages that the server pushes, at most `prefetch` at once, and consumes its queues again after each
 * failure, until it is closed.
 */
export class AmqpConsumer implements Consumer {
  readonly #parts: ConsumerParts
  readonly #queues: readonly Queue[]
  readonly #name: string
  readonly #line = new AsyncQueue<AmqpDelivery>()
  readonly #holds: HoldRenewal
  readonly #deaths: DeathCount
  readonly #slots: Slots
  #session: Session | undefined
  #prefetch: number
  #closed = false
  #released = false
  #count = 0
  #problem: Error | undefined
  /** The limit is set for each consumer, where the server supports none for the channel. */
  #perQueue: boolean
  #adjusting: Promise<void> = Promise.resolve()
  #retry: NodeJS.Timeout | undefined
  #failures = 0
  /** The caller of `#open` handles its failure. */
  #opening = false

  constructor(parts: ConsumerParts, queues: readonly Queue[], { prefetch, ahead, name }: ConsumeOptions) {
    this.#parts = parts
    this.#queues = queues
    this.#prefetch = prefetch
    this.#name = name
    this.#holds = new HoldRenewal({ ...parts, changed: () => this.#adjust(), copiesLost: () => this.#forgetLost() })
    this.#deaths = new DeathCount({
      renew: (delivery) => this.#holds.renew(delivery),
      ready: (delivery) => this.#handOn(delivery),
    })
    this.#slots = new Slots({
      count: () => this.#prefetch,
      ahead,
      hand: (delivery) => this.#line.push(delivery),
      changed: () => void this.#adjust(),
    })
    this.#perQueue = queues.some((queue) => parts.topology.isQuorum(queue.name))
  }

  /**
   * Rejects with StoreUnavailableError when the server does not answer, with ConfigError when a queue has other
   * arguments than expected.
   */
  async start(): Promise<this> {
    try {
      await this.#open()
    } catch (error) {
      if (!this.#mustBePerQueue()) throw this.#unusable(error)
      await this.#open().catch((second: unknown) => {
        throw this.#unusable(second)
      })
    }
    return this
  }

  get problem(): Error | undefined {
    return this.#parts.problem() ?? this.#problem
  }

  get ahead(): readonly Delivery[] {
    return this.#slots.ahead
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery> {
    return this.#line[Symbol.asyncIterator]()
  }

  prefetch(count: number): void {
    this.#prefetch = count
    this.#slots.fill()
    void this.#adjust()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#retry)
    await this.#adjust()
    const unread = [...this.#line.drain(), ...this.#slots.drain()]
    this.#line.end()
    await Promise.all(unread.map((delivery) => delivery.reject({ requeue: true })))
  }

  async release(): Promise<void> {
    await this.close()
    if (this.#released) return
    this.#released = true
    this.#parts.released(this)
    const session = this.#session
    this.#session = undefined
    // To release a message between copy and acknowledgement would leave both.
    await this.#holds.still()
    await this.#deaths.idle()
    await Promise.all(this.#holds.copies.map((delivery) => delivery.reject({ requeue: true })))
    await this.#holds.close()
    if (!session || session.acks.ended) return
    const { channel, acks } = session
    await acks.settleRest('requeue')
    acks.end()
    // If the connection ends now, the server itself requeues the held messages, and transient queues expire.
    await channel.close().catch(() => undefined)
    if (!this.#parts.connection.open) return
    for (const { name, transient } of this.#queues) if (transient) await this.#parts.topology.deleteQueue(name)
  }

  async #open(): Promise<void> {
    this.#opening = true
    try {
      await this.#begin()
    } finally {
      this.#opening = false
    }
  }

  /** It never began: nothing is tried again. */
  #unusable(error: unknown): Error {
    this.#closed = true
    this.#released = true
    return this.#parts.connection.errorOf(error)
  }

  /** Declare the queues, open the channel, and consume. */
  async #begin(): Promise<void> {
    const { connection } = this.#parts
    for (const queue of this.#queues) await this.#declare(queue)
    const channel = await connection.channel()
    if ((connection.serverMajor ?? 3) >= 4) this.#perQueue = true
    const session: Session = {
      channel,
      // The question is the channel's own limit again: RabbitMQ drops that limit when it is asked for one of future
      // consumers.
      acks: new AckBatch(channel, () => this.#limit(session)),
      tags: new Map(),
      told: -1,
    }
    let reason: Error | undefined
    channel.once('error', (error) => {
      reason = error
    })
    channel.once('close', () => this.#lost(session, reason))
    this.#session = session
    await this.#apply(session)
    if (this.#session !== session) throw connection.unavailable(reason ?? new Error('the channel has ended'))
    this.#problem = undefined
    this.#failures = 0
  }

  #declare(queue: Queue): Promise<void> {
    const { topology } = this.#parts
    return queue.transient ? topology.transient(queue) : topology.bound(queue)
  }

  /** The channel has ended: its messages are delivered again on the next one, also those that were not read yet. */
  #lost(session: Session, reason: Error | undefined): void {
    session.acks.end()
    if (reason) this.#parts.clock.heard(reason.message)
    this.#holds.lost()
    if (this.#session !== session) return
    this.#session = undefined
    this.#forgetLost()
    if (this.#closed) return
    // A missing queue may have been the reason.
    for (const { name } of this.#queues) this.#parts.topology.forgetQueue(name)
    if (reason) this.#problem = this.#parts.connection.unavailable(reason)
    if (this.#opening) return
    this.#mustBePerQueue()
    this.#again()
  }

  /** Drop deliveries that were not read yet and are no longer ours: they are delivered again. */
  #forgetLost(): void {
    for (const delivery of this.#line.drain()) if (this.#holds.has(delivery)) this.#line.push(delivery)
    this.#slots.keep((delivery) => this.#holds.has(delivery))
  }

  #again(): void {
    if (this.#closed || this.#retry) return
    const delay = backoffDelay(REOPEN_BACKOFF, this.#failures++)
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      if (this.#closed || this.#session) return
      this.#open().catch((error: unknown) => {
        this.#problem = this.#parts.connection.errorOf(error)
        this.#mustBePerQueue()
        this.#again()
      })
    }, delay)
  }

  /**
   * Another client has declared it as a quorum queue, for which the server supports no limit of the channel: it reports
   * that, and closes the connection.
   */
  #mustBePerQueue(): boolean {
    if (this.#perQueue || !/global qos/i.test(this.#parts.connection.problem?.message ?? '')) return false
    this.#perQueue = true
    return true
  }

  /** One change after the other; each applies the values of that moment. */
  #adjust(): Promise<void> {
    this.#adjusting = this.#adjusting.then(async () => {
      const session = this.#session
      // If the channel ends meanwhile, that is reported elsewhere, and the next one begins with the current values.
      if (session) await this.#apply(session).catch(() => undefined)
    })
    return this.#adjusting
  }

  async #apply(session: Session): Promise<void> {
    const { channel, tags } = session
    const places = this.#closed ? 0 : Math.max(0, this.#prefetch - this.#holds.moved)
    // The limit of a consumer can only be changed by consuming again; and quorum queues count released messages.
    const most = places === 0 || this.#perQueue ? places : places + this.#slots.extra
    if (most === 0 || (this.#perQueue && session.told !== most)) await this.#cancel(session)
    if (most === 0) return
    if (session.told !== most) {
      session.told = most
      await this.#limit(session)
    }
    for (const { name } of this.#queues) {
      if (tags.has(name)) continue
      const consumerTag = `${this.#name}-${++this.#count}`
      tags.set(name, consumerTag)
      await channel.consume(name, (message) => this.#receive(session, name, message), { consumerTag })
    }
  }

  async #limit({ channel, told }: Session): Promise<void> {
    if (this.#perQueue) await channel.prefetch(Math.max(1, Math.floor(told / this.#queues.length)), false)
    else await channel.prefetch(told, true)
  }

  async #cancel({ channel, tags }: Session): Promise<void> {
    const all = [...tags.values()]
    tags.clear()
    await Promise.all(all.map((tag) => channel.cancel(tag)))
  }

  #receive(session: Session, queue: string, message: ConsumeMessage | null): void {
    if (!message) {
      this.#cancelled(session, queue)
      return
    }
    const { deliveryTag } = message.fields
    session.acks.add(deliveryTag)
    const delivery: AmqpDelivery = new AmqpDelivery(
      message,
      queue,
      (ending) => session.acks.settle(deliveryTag, ending),
      () => {
        this.#holds.settled(delivery)
        this.#slots.settled(delivery)
      },
      () => this.#holds.has(delivery),
    )
    this.#holds.add(delivery)
    if (this.#deaths.busy || (delivery.suspect && this.#canRecount(queue))) this.#deaths.add(delivery)
    else if (this.#prefetch - this.#holds.moved <= 0) void delivery.reject({ requeue: true })
    else this.#handOn(delivery)
  }

  /** A server that takes no messages takes no copies. */
  #canRecount(queue: string): boolean {
    return !this.#closed && !this.#isTransient(queue) && !this.#parts.problem()
  }

  #isTransient(queue: string): boolean {
    return this.#queues.some(({ name, transient }) => name === queue && transient)
  }

  #handOn(delivery: AmqpDelivery): void {
    if (this.#closed) void delivery.reject({ requeue: true })
    else if (this.#holds.has(delivery)) this.#slots.add(delivery)
  }

  /** The queue was deleted: declare it again, on the same channel, because other deliveries belong to it. */
  #cancelled(session: Session, queue: string): void {
    session.tags.delete(queue)
    this.#parts.topology.forgetQueue(queue)
    const own = this.#queues.find(({ name }) => name === queue) as Queue
    this.#declare(own).then(
      () => {
        this.#problem = undefined
        void this.#adjust()
      },
      (error: Error) => {
        this.#problem = error
        setTimeout(() => {
          if (this.#session === session && !this.#closed) this.#cancelled(session, queue)
        }, REOPEN_BACKOFF.maxDelay).unref()
      },
    )
  }
}
