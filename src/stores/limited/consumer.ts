import type { Consumer, Delivery, Route } from '../../broker/broker.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { AsyncQueue } from '../../std/queue.ts'

/** One of the two consumers. */
interface Source {
  readonly consumer: Consumer
  /** How many of its deliveries are delivered, and not settled. */
  delivered: number
  /** Those that are not delivered yet. */
  readonly waiting: CountedDelivery[]
}

/** One that waits longer than this for a slot is put back, ms: another worker may have a free one. */
const MAX_WAIT_MS = 500

/**
 * Takes from two brokers as one consumer, which delivers of both in turn. Each may hold what the other one leaves free,
 * and one in any case, so that both have a next one. What gets no turn soon is put back, and no more is taken until
 * there is room.
 */
export class LimitedConsumer implements Consumer {
  /** The one whose turn it is first. */
  #sources: readonly Source[]
  readonly #line = new AsyncQueue<Delivery>()
  #prefetch: number
  readonly #loops: readonly Promise<void>[]
  /** Until those that wait are put back. */
  #timer: NodeJS.Timeout | undefined
  /** They were, and there has been no room since. */
  #isFull = false
  #isClosed = false

  constructor(messages: Consumer, lanes: Consumer, prefetch: number) {
    this.#sources = [lanes, messages].map((consumer) => ({ consumer, delivered: 0, waiting: [] }))
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
    this.#isFull = false
    this.#next()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
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
      source.waiting.push(new CountedDelivery(delivery, () => this.#settled(source)))
      if (!this.#isClosed) this.#next()
    }
    if (!this.#isClosed) this.#line.end()
  }

  #settled(source: Source): void {
    source.delivered--
    this.#isFull = false
    if (!this.#isClosed) this.#next()
  }

  #next(): void {
    this.#deliver()
    this.#apply()
    this.#watch()
  }

  get #delivered(): number {
    return this.#sources.reduce((sum, { delivered }) => sum + delivered, 0)
  }

  #deliver(): void {
    for (let free = this.#prefetch - this.#delivered; free > 0; free--) {
      const source = this.#sources.find(({ waiting }) => waiting.length > 0)
      const delivery = source?.waiting.shift()
      if (!source || !delivery) return
      this.#sources = [...this.#sources.filter((one) => one !== source), source]
      source.delivered++
      delivery.isDelivered = true
      this.#timer?.refresh()
      this.#line.push(delivery)
    }
  }

  /** What each holds at most. */
  #apply(): void {
    const held = this.#sources.map(({ delivered, waiting }) => delivered + waiting.length)
    const free = this.#prefetch - held.reduce((sum, count) => sum + count, 0)
    const least = this.#isFull ? 0 : Math.min(1, this.#prefetch)
    for (const [at, { consumer }] of this.#sources.entries())
      consumer.prefetch(Math.max(least, free + (held[at] as number)))
  }

  #watch(): void {
    const isWaiting = this.#sources.some(({ waiting }) => waiting.length > 0)
    if (!isWaiting) {
      clearTimeout(this.#timer)
      this.#timer = undefined
    } else this.#timer ??= setTimeout(() => this.#putBack(), MAX_WAIT_MS).unref()
  }

  #putBack(): void {
    this.#timer = undefined
    this.#isFull = true
    const late = this.#sources.flatMap(({ waiting }) => waiting.splice(0))
    this.#apply()
    // Where that fails, its consumer holds it until its lease ends, and its `problem` is the reason.
    for (const delivery of late) delivery.reject({ requeue: true }).catch(() => undefined)
  }
}

/** A delivery that says when it is settled. */
class CountedDelivery implements Delivery {
  readonly queue: string
  readonly redelivered: boolean
  readonly lost: number
  /** Else it waits, or is put back. */
  isDelivered = false
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
    if (!this.#isSettled && this.isDelivered) this.#settled()
    this.#isSettled = true
    return done
  }
}
