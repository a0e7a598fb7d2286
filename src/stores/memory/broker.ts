import { type Backlog, dueSince, earliest } from '../../broker/backlog.ts'
import {
  type Binding,
  type Broker,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type FoundMessage,
  MAX_PURGED_PARTS,
  type MessageChange,
  type PublishOptions,
  type Purged,
  type Queue,
  type Route,
} from '../../broker/broker.ts'
import { QueueTurns } from '../../broker/queueTurns.ts'
import { calledTask, type Envelope, mayBePart } from '../../protocol/envelope.ts'
import { EVENT_EXCHANGE, MAX_WAITING_EVENTS } from '../../protocol/event.ts'
import { edited } from '../../protocol/messageEdit.ts'
import { type Clock, MAX_TIMER_MS, systemClock } from '../../std/clock.ts'
import { fitsTopic } from '../../std/glob.ts'
import { AsyncQueue } from '../../std/queue.ts'

/** A message in memory. `holder` is the delivery that may settle it. */
interface Item {
  readonly seq: number
  queue: string
  envelope: Envelope
  due: number
  claims: number
  /** How often its holder died. */
  lost: number
  holder: MemoryDelivery | undefined
}

/** How long the messages of a consumer that died stay held, ms: the default of the option `lease`. */
const DEFAULT_LEASE_MS = 30_000

/** Messages in this process's memory, lost at its end: for tests and the eager mode. */
export class MemoryBroker implements Broker {
  readonly url = 'memory:'
  readonly first = 'highest'
  readonly clock: Clock
  readonly #items = new Map<number, Item>()
  readonly #consumers = new Set<MemoryConsumer>()
  /** Bindings by exchange, each with its queue. */
  readonly #bindings = new Map<string, (Binding & { readonly queue: string })[]>()
  #seq = 0

  readonly #lease: number

  /** `lease`: how long a consumer that died keeps the messages that it holds, ms. */
  constructor(clock: Clock = systemClock, lease: number = DEFAULT_LEASE_MS) {
    this.clock = clock
    this.#lease = lease
  }

  async publish(
    envelope: Envelope,
    { exchange, routingKey, queues: declared = [] }: Route,
    { notBefore = 0, transient = false }: PublishOptions = {},
  ): Promise<void> {
    if (transient && exchange === '' && !this.#isRead(routingKey)) return
    this.#bind(declared)
    const bound = (this.#bindings.get(exchange) ?? []).filter(
      (one) => one.kind === 'fanout' || fitsTopic(one.routingKey ?? '', routingKey),
    )
    const queues = exchange === '' ? [routingKey] : bound.map((one) => one.queue)
    for (const queue of queues) {
      if (exchange === EVENT_EXCHANGE && this.waiting(queue, this.clock.now()).length >= MAX_WAITING_EVENTS) continue
      const seq = ++this.#seq
      this.#items.set(seq, { seq, queue, envelope, due: notBefore, claims: 0, lost: 0, holder: undefined })
    }
    this.changed()
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    this.#bind(queues)
    const consumer = new MemoryConsumer(this, queues, options)
    this.#consumers.add(consumer)
    consumer.look()
    return consumer
  }

  async take(taskId: string): Promise<Delivery | undefined> {
    for (const item of this.#items.values()) {
      if (calledTask(item.envelope) === taskId && !item.holder) return new MemoryDelivery(this, item, () => undefined)
    }
    return undefined
  }

  async find(taskId: string, queue: string): Promise<FoundMessage | undefined> {
    const item = this.#find(taskId, queue)
    return item && this.#foundOf(item)
  }

  async change(taskId: string, queue: string, change: MessageChange): Promise<boolean> {
    const item = this.#find(taskId, queue)
    if (!item || item.holder) return false
    const changed = change(this.#foundOf(item))
    if (!changed) return true
    item.envelope = edited(item.envelope, changed)
    item.queue = changed.queue ?? item.queue
    item.due = changed.notBefore ?? item.due
    this.changed()
    return true
  }

  /** One that waits before one that is held. */
  #find(taskId: string, queue: string): Item | undefined {
    const now = this.clock.now()
    const items = [...this.#items.values()].filter(
      (item) =>
        calledTask(item.envelope) === taskId && (item.queue === queue || item.due > now || item.holder !== undefined),
    )
    return items.find((item) => !item.holder) ?? items[0]
  }

  #foundOf({ envelope, queue, lost, holder, due }: Item): FoundMessage {
    if (holder) return { envelope, queue, lost, place: 'held' }
    return due > this.clock.now()
      ? { envelope, queue, lost, place: 'delayed', due }
      : { envelope, queue, lost, place: 'waiting' }
  }

  async size(queue: string): Promise<number> {
    return this.waiting(queue, this.clock.now()).length
  }

  async backlog(queues: readonly string[]): Promise<Backlog> {
    const now = this.clock.now()
    const items = [...this.#items.values()]
    const found = queues.map((queue) => {
      const waiting = this.waiting(queue, now)
      const moments = waiting.map(({ envelope: { headers } }) => dueSince(headers.id, headers.eta))
      return [queue, { waiting: waiting.length, oldest: earliest(moments) }] as const
    })
    const delayed = items.filter(({ holder, due }) => !holder && due > now).length
    return { queues: new Map(found), delayed, held: items.filter(({ holder }) => holder).length }
  }

  async workers(queue: string): Promise<number> {
    return [...this.#consumers].filter((consumer) => consumer.reads(queue)).length
  }

  async purge(queue: string): Promise<Purged> {
    const gone = [...this.#items.values()].filter((item) => item.queue === queue && !item.holder)
    for (const { seq } of gone) this.#items.delete(seq)
    const envelopes = gone.map(({ envelope }) => envelope)
    const parts = envelopes.filter(mayBePart).slice(0, MAX_PURGED_PARTS)
    return { count: gone.length, taskIds: envelopes.flatMap((envelope) => calledTask(envelope) ?? []), parts }
  }

  async close(): Promise<void> {
    for (const consumer of [...this.#consumers]) await consumer.release()
  }

  /**
   * The process of this consumer has died: it takes and settles nothing more. No lease is renewed in memory,
   * where nothing else can end a consumer: one lease from now, what the consumer held waits again. Its iteration does
   * not end.
   */
  abandon(consumer: Consumer): void {
    if (!(consumer instanceof MemoryConsumer) || !this.#consumers.has(consumer)) return
    consumer.die()
    this.clock.after(this.#lease, () => consumer.rescue(), true)
  }

  #bind(queues: readonly Queue[]): void {
    for (const { name, bindings = [] } of queues) {
      for (const binding of bindings) {
        const others = (this.#bindings.get(binding.exchange) ?? []).filter((one) => one.queue !== name)
        this.#bindings.set(binding.exchange, [...others, { ...binding, queue: name }])
      }
    }
  }

  #isRead(queue: string): boolean {
    return [...this.#consumers].some((consumer) => consumer.reads(queue))
  }

  /** The messages that may be taken from a queue now, in their order. */
  waiting(queue: string, now: number): Item[] {
    const items = [...this.#items.values()].filter((item) => item.queue === queue && !item.holder && item.due <= now)
    return items.sort(
      (a, b) => (b.envelope.properties.priority ?? 0) - (a.envelope.properties.priority ?? 0) || a.seq - b.seq,
    )
  }

  /** When the next delayed message is due, of those that `waiting` at the same `now` does not return. */
  nextDue(now: number): number | undefined {
    const due = [...this.#items.values()].filter((item) => !item.holder && item.due > now).map((item) => item.due)
    return due.length ? Math.min(...due) : undefined
  }

  /** Drop a message for its holder. True when the message was there. */
  drop(seq: number): boolean {
    return this.#items.delete(seq)
  }

  /** Messages may be available now that were not before. */
  changed(): void {
    for (const consumer of this.#consumers) consumer.look()
  }

  forget(consumer: MemoryConsumer, queues: readonly Queue[]): void {
    this.#consumers.delete(consumer)
    for (const { name, transient } of queues) {
      if (!transient) continue
      for (const [exchange, bound] of this.#bindings) {
        this.#bindings.set(
          exchange,
          bound.filter((one) => one.queue !== name),
        )
      }
      for (const item of [...this.#items.values()]) if (item.queue === name) this.#items.delete(item.seq)
    }
  }
}

class MemoryConsumer implements Consumer {
  readonly problem = undefined
  readonly #broker: MemoryBroker
  readonly #queues: readonly Queue[]
  readonly #line = new AsyncQueue<Delivery>()
  readonly #held = new Set<MemoryDelivery>()
  #prefetch: number
  readonly #turns: QueueTurns
  #closed = false
  /** Ends the wait for the next delayed message. */
  #stopWaiting: (() => void) | undefined

  constructor(broker: MemoryBroker, queues: readonly Queue[], { prefetch }: ConsumeOptions) {
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
      const items = this.#broker.waiting(name, now).slice(0, free)
      for (const item of items) this.#hold(item)
      this.#turns.took(items)
    }
    const due = this.#broker.nextDue(now)
    if (due !== undefined)
      this.#stopWaiting = clock.after(Math.min(Math.max(due - clock.now(), 1), MAX_TIMER_MS), () => this.look())
  }

  #hold(item: Item): void {
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

class MemoryDelivery implements Delivery {
  readonly envelope: Envelope
  readonly queue: string
  readonly redelivered: boolean
  readonly lost: number
  /** Its holder has died. */
  #dead = false
  readonly #broker: MemoryBroker
  readonly #item: Item
  readonly #onSettle: () => void

  constructor(broker: MemoryBroker, item: Item, onSettle: () => void) {
    this.envelope = item.envelope
    this.queue = item.queue
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
  }

  #settle(end: () => boolean): boolean {
    if (this.#dead || this.#item.holder !== this) return false
    const done = end()
    this.#item.holder = undefined
    this.#onSettle()
    this.#broker.changed()
    return done
  }
}
