import { earliest } from '../../broker/backlog.ts'
import type { ConsumeOptions, Consumer, Delivery, Queue } from '../../broker/broker.ts'
import { isLane, queueOfLane } from '../../broker/lane.ts'
import { QueueTurns } from '../../broker/queueTurns.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { type Clock, MAX_TIMER_MS } from '../../std/clock.ts'
import { AsyncQueue } from '../../std/queue.ts'
import type { MemoryLimits } from './limits.ts'

/** A message in memory. `holder` is the delivery that may settle it. */
export interface Item {
  readonly seq: number
  /** Or its lane. */
  queue: string
  envelope: Envelope
  due: number
  claims: number
  /** How often its holder died. */
  lost: number
  holder: MemoryDelivery | undefined
}

/** What consumers take from. */
export interface MessageStore {
  readonly clock: Clock
  readonly limits: MemoryLimits
  /** The messages that may be taken from a queue or lane now, in their order. */
  waiting(queue: string, now: number): Item[]
  /** The next message that may be taken of a queue that has these lanes. */
  next(queue: string, lanes: readonly string[], now: number): Item | undefined
  /** When the next delayed message is due, of those that `waiting` at the same `now` does not return. */
  nextDue(now: number): number | undefined
  /** Drop a message for its holder. True when the message was there. */
  drop(seq: number): boolean
  /** Messages may be available now that were not before. */
  changed(): void
  forget(consumer: MemoryConsumer, queues: readonly Queue[]): void
}

/** Takes messages as slots become free. */
export class MemoryConsumer implements Consumer {
  readonly problem = undefined
  readonly #broker: MessageStore
  readonly #queues: readonly Queue[]
  readonly #line = new AsyncQueue<Delivery>()
  readonly #held = new Set<MemoryDelivery>()
  #prefetch: number
  readonly #turns: QueueTurns
  #closed = false
  /** Ends the wait for the next delayed message. */
  #stopWaiting: (() => void) | undefined

  constructor(broker: MessageStore, queues: readonly Queue[], { prefetch }: ConsumeOptions) {
    this.#broker = broker
    this.#queues = queues
    this.#turns = new QueueTurns(queues)
    this.#prefetch = prefetch
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery> {
    return this.#line[Symbol.asyncIterator]()
  }

  reads(queue: string): boolean {
    return this.#queues.some(({ name }) => name === queue)
  }

  prefetch(count: number): void {
    this.#prefetch = count
    this.look()
  }

  look(): void {
    this.#stopWaiting?.()
    if (this.#closed) return
    const { clock } = this.#broker
    const now = clock.now()
    for (const { name } of this.#turns.next()) {
      const free = this.#prefetch - this.#held.size
      if (free <= 0) return
      this.#turns.took(this.#takeFrom(name, free, now))
    }
    // By the same moment: what passes since then has not been taken.
    const queues = this.#queues.map(({ name }) => name)
    const moments = [this.#broker.nextDue(now), this.#broker.limits.next(queues, now)]
    const due = earliest(moments)
    if (due !== undefined)
      this.#stopWaiting = clock.after(Math.min(Math.max(due - clock.now(), 1), MAX_TIMER_MS), () => this.look())
  }

  /** Take up to `free` messages. */
  #takeFrom(queue: string, free: number, now: number): readonly Item[] {
    const lanes = this.#broker.limits.lanesOf(queue)
    const items = lanes.length === 0 ? this.#broker.waiting(queue, now).slice(0, free) : []
    for (const item of items) this.#hold(item)
    if (lanes.length === 0) return items
    while (items.length < free) {
      const item = this.#broker.next(queue, this.#broker.limits.lanesOf(queue), now)
      if (!item) break
      this.#hold(item)
      items.push(item)
    }
    return items
  }

  #hold(item: Item): void {
    if (isLane(item.queue)) this.#broker.limits.hold(item.queue, true)
    const delivery: MemoryDelivery = new MemoryDelivery(this.#broker, item, () => this.#held.delete(delivery))
    this.#held.add(delivery)
    this.#line.push(delivery)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stopWaiting?.()
    const unread = this.#line.drain()
    this.#line.end()
    await Promise.all(unread.map((delivery) => delivery.reject({ requeue: true })))
  }

  /** Its process has died. */
  die(): void {
    this.#closed = true
    this.#stopWaiting?.()
    for (const delivery of this.#held) delivery.die()
  }

  /** Its lease has expired: the messages that it held wait again. */
  rescue(): void {
    for (const delivery of this.#held) delivery.lose()
    this.#held.clear()
    this.#broker.forget(this, this.#queues)
    this.#broker.changed()
  }

  async release(): Promise<void> {
    await this.close()
    await Promise.all([...this.#held].map((delivery) => delivery.reject({ requeue: true })))
    this.#broker.forget(this, this.#queues)
  }
}

/** A claimed message. */
export class MemoryDelivery implements Delivery {
  readonly envelope: Envelope
  readonly queue: string
  readonly redelivered: boolean
  readonly lost: number
  readonly limited: boolean
  /** Its holder has died. */
  #dead = false
  readonly #broker: MessageStore
  readonly #item: Item
  readonly #onSettle: () => void

  constructor(broker: MessageStore, item: Item, onSettle: () => void) {
    this.envelope = item.envelope
    this.queue = queueOfLane(item.queue)
    this.limited = isLane(item.queue)
    this.redelivered = item.claims > 0
    this.lost = item.lost
    this.#broker = broker
    this.#item = item
    this.#onSettle = onSettle
    item.holder = this
    item.claims++
    item.due = 0
  }

  async ack(): Promise<boolean> {
    return this.#settle(() => this.#broker.drop(this.#item.seq))
  }

  async reject({ requeue }: { requeue: boolean }): Promise<boolean> {
    if (!requeue) return this.ack()
    return this.#settle(() => true)
  }

  die(): void {
    this.#dead = true
  }

  /** The lease of its holder has expired. */
  lose(): void {
    this.#item.holder = undefined
    this.#item.lost++
    this.#giveBack()
  }

  #settle(end: () => boolean): boolean {
    if (this.#dead || this.#item.holder !== this) return false
    const done = end()
    this.#item.holder = undefined
    this.#giveBack()
    this.#onSettle()
    this.#broker.changed()
    return done
  }

  #giveBack(): void {
    if (this.limited) this.#broker.limits.giveBack(this.#item.queue)
  }
}
