import type { Consumer, Delivery, Route } from '../../broker/broker.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { AsyncQueue } from '../../std/queue.ts'

/** One of the two consumers. */
interface Source {
  readonly consumer: Consumer
  /** How many of its deliveries are not settled. */
  held: number
  /** Those that are not delivered yet. */
  readonly waiting: Delivery[]
}

/**
 * Takes from two brokers as one consumer, which delivers of both in turn. Each may hold what the other one leaves free,
 * and one in any case, so that both have a next one: one more than `prefetch` is held, and a few while both take at
 * once; these are delivered when there is room.
 */
export class LimitedConsumer implements Consumer {
  /** The one whose turn it is first. */
  #sources: readonly Source[]
  readonly #line = new AsyncQueue<Delivery>()
  #prefetch: number
  /** Delivered, and not settled. */
  #delivered = 0
  readonly #loops: readonly Promise<void>[]
  #isClosed = false

  constructor(messages: Consumer, lanes: Consumer, prefetch: number) {
    this.#sources = [lanes, messages].map((consumer) => ({ consumer, held: 0, waiting: [] }))
    this.#prefetch = prefetch
    this.#loops = this.#sources.map((source) => this.#read(source))
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery> {
    return this.#line[Symbol.asyncIterator]()
  }

  get ahead(): readonly Delivery[] {
    return this.#sources.flatMap(({ consumer, waiting }) => [...waiting, ...(consumer.ahead ?? [])])
  }

  get problem(): Error | undefined {
    return this.#sources.map(({ consumer }) => consumer.problem).find((problem) => problem)
  }

  prefetch(count: number): void {
    this.#prefetch = count
    this.#apply()
    this.#deliver()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.all(this.#sources.map(({ consumer }) => consumer.close()))
    await Promise.all(this.#loops)
    const unread = [...this.#line.drain(), ...this.#sources.flatMap(({ waiting }) => waiting.splice(0))]
    this.#line.end()
    await Promise.all(unread.map((delivery) => delivery.reject({ requeue: true })))
  }

  async release(): Promise<void> {
    try {
      await this.close()
    } finally {
      await Promise.all(this.#sources.map(({ consumer }) => consumer.release()))
    }
  }

  /** Ends with its consumer; when one of the two is lost, all ends. */
  async #read(source: Source): Promise<void> {
    for await (const delivery of source.consumer) {
      source.held++
      source.waiting.push(new CountedDelivery(delivery, () => this.#settled(source)))
      if (this.#isClosed) continue
      this.#apply()
      this.#deliver()
    }
    if (!this.#isClosed) this.#line.end()
  }

  #deliver(): void {
    while (this.#delivered < this.#prefetch && !this.#isClosed) {
      const source = this.#sources.find(({ waiting }) => waiting.length > 0)
      const delivery = source?.waiting.shift()
      if (!delivery) return
      this.#sources = [...this.#sources.filter((one) => one !== source), ...(source ? [source] : [])]
      this.#delivered++
      this.#line.push(delivery)
    }
  }

  #settled(source: Source): void {
    source.held--
    this.#delivered--
    if (this.#isClosed) return
    this.#apply()
    this.#deliver()
  }

  /** What both hold at most. */
  #apply(): void {
    const held = this.#sources.reduce((sum, source) => sum + source.held, 0)
    for (const source of this.#sources)
      source.consumer.prefetch(Math.max(Math.min(1, this.#prefetch), this.#prefetch - (held - source.held)))
  }
}

/** A delivery that says when it is settled. */
class CountedDelivery implements Delivery {
  readonly queue: string
  readonly redelivered: boolean
  readonly lost: number
  readonly #delivery: Delivery
  readonly #settled: () => void
  #isSettled = false

  constructor(delivery: Delivery, settled: () => void) {
    this.#delivery = delivery
    this.#settled = settled
    this.queue = delivery.queue
    this.redelivered = delivery.redelivered
    this.lost = delivery.lost
  }

  get envelope(): Envelope {
    return this.#delivery.envelope
  }
  get route(): Route | undefined {
    return this.#delivery.route
  }
  get limited(): boolean {
    return this.#delivery.limited === true
  }
  get expired(): boolean {
    return this.#delivery.expired === true
  }
  get gone(): boolean {
    return this.#delivery.gone === true
  }

  ack(): Promise<boolean> {
    return this.#end(this.#delivery.ack())
  }

  reject(options: { requeue: boolean }): Promise<boolean> {
    return this.#end(this.#delivery.reject(options))
  }

  /** One that could not be settled is held on. */
  async #end(settling: Promise<boolean>): Promise<boolean> {
    const done = await settling
    if (!this.#isSettled) this.#settled()
    this.#isSettled = true
    return done
  }
}
