import { type Backlog, dueSince, earliest } from '../../broker/backlog.ts'
import {
  type Binding,
  type Broker,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type FoundMessage,
  MAX_PURGED_PARTS,
  type MessageBytes,
  type MessageChange,
  type PublishOptions,
  type Purged,
  type Queue,
  type Route,
} from '../../broker/broker.ts'
import { isLane, laneOf, queueOfLane } from '../../broker/lane.ts'
import { calledTask, type Envelope, mayBePart } from '../../protocol/envelope.ts'
import { EVENT_EXCHANGE, MAX_WAITING_EVENTS } from '../../protocol/event.ts'
import { edited } from '../../protocol/messageEdit.ts'
import { packedBytes } from '../../protocol/packedMessage.ts'
import { type Clock, systemClock } from '../../std/clock.ts'
import { fitsTopic } from '../../std/glob.ts'
import { type Item, MemoryConsumer, MemoryDelivery, type MessageStore } from './consumer.ts'
import { MemoryLimits } from './limits.ts'

/** How long the messages of a consumer that died stay held, ms: the default of the option `lease`. */
const DEFAULT_LEASE_MS = 30_000

/** Messages in this process's memory, lost at its end: for tests and the eager mode. */
export class MemoryBroker implements Broker, MessageStore {
  readonly url = 'memory:'
  readonly first = 'highest'
  readonly clock: Clock
  readonly limits: MemoryLimits
  readonly bytes: MessageBytes = {
    waiting: async (queue) =>
      this.#waitingIn(queue, this.clock.now()).reduce((sum, { envelope }) => sum + bytesOf(envelope), 0),
    of: bytesOf,
  }
  readonly #items = new Map<number, Item>()
  readonly #consumers = new Set<MemoryConsumer>()
  /** Bindings by exchange, each with its queue. */
  readonly #bindings = new Map<string, (Binding & { readonly queue: string })[]>()
  #seq = 0
  /** The turns of queues that have lanes: see `next`. */
  readonly #turns = new Map<string, boolean>()
  readonly #lease: number

  /** `lease`: how long a consumer that died keeps the messages that it holds, ms. */
  constructor(clock: Clock = systemClock, lease: number = DEFAULT_LEASE_MS) {
    this.clock = clock
    this.#lease = lease
    this.limits = new MemoryLimits({
      clock,
      waiting: (lane) => this.waiting(lane, clock.now()).length,
      changed: () => this.changed(),
    })
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
      const listed = this.#enter(queue, envelope)
      this.#items.set(seq, { seq, queue: listed, envelope, due: notBefore, claims: 0, lost: 0, holder: undefined })
    }
    this.changed()
  }

  /** Where a message of this queue waits. */
  #enter(queue: string, { headers }: Envelope): string {
    const lane = laneOf(queue, headers)
    if (lane) this.limits.open(lane)
    return lane?.name ?? queue
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
      if (calledTask(item.envelope) !== taskId || item.holder) continue
      if (isLane(item.queue)) this.limits.hold(item.queue, false)
      return new MemoryDelivery(this, item, () => undefined)
    }
    return undefined
  }

  async oldest(queue: string, count: number): Promise<readonly string[]> {
    const waiting = this.#waitingIn(queue, this.clock.now())
    const own = waiting.filter((item) => item.queue === queue)
    const some = own.length > 0 ? own : waiting
    const last = Math.min(...some.map(priorityOf))
    const ids = some.filter((item) => priorityOf(item) === last).flatMap(({ envelope }) => calledTask(envelope) ?? [])
    return ids.slice(0, count)
  }

  async peek(queue: string, count: number): Promise<readonly Envelope[]> {
    const now = this.clock.now()
    const lanes = new Set(this.#waitingIn(queue, now).map((item) => item.queue))
    lanes.delete(queue)
    return [queue, ...lanes].flatMap((name) => this.waiting(name, now).map(({ envelope }) => envelope)).slice(0, count)
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
    item.queue = this.#enter(changed.queue ?? queueOfLane(item.queue), item.envelope)
    item.due = changed.notBefore ?? item.due
    this.changed()
    return true
  }

  /** One that waits before one that is held. */
  #find(taskId: string, queue: string): Item | undefined {
    const now = this.clock.now()
    const items = [...this.#items.values()].filter(
      (item) =>
        calledTask(item.envelope) === taskId &&
        (queueOfLane(item.queue) === queue || item.due > now || item.holder !== undefined),
    )
    return items.find((item) => !item.holder) ?? items[0]
  }

  #foundOf({ envelope, queue: listed, lost, holder, due }: Item): FoundMessage {
    const queue = queueOfLane(listed)
    if (holder) return { envelope, queue, lost, place: 'held' }
    return due > this.clock.now()
      ? { envelope, queue, lost, place: 'delayed', due }
      : { envelope, queue, lost, place: 'waiting' }
  }

  async size(queue: string): Promise<number> {
    return this.#waitingIn(queue, this.clock.now()).length
  }

  async backlog(queues: readonly string[]): Promise<Backlog> {
    const now = this.clock.now()
    const items = [...this.#items.values()]
    const found = queues.map((queue) => {
      const waiting = this.#waitingIn(queue, now)
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
    const gone = [...this.#items.values()].filter((item) => queueOfLane(item.queue) === queue && !item.holder)
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

  /** All that wait in a queue and its lanes, and are not delayed. */
  #waitingIn(queue: string, now: number): readonly Item[] {
    return [...this.#items.values()].filter(
      (item) => queueOfLane(item.queue) === queue && !item.holder && item.due <= now,
    )
  }

  /**
   * The next message that may be taken of a queue that has lanes: one of the queue itself and one of a lane, in turns;
   * the lanes one after the other.
   */
  next(queue: string, lanes: readonly string[], now: number): Item | undefined {
    const [own] = this.waiting(queue, now)
    const lane = lanes.find((name) => this.limits.passing(name) > 0 && this.waiting(name, now).length > 0)
    const limited = lane === undefined ? undefined : this.waiting(lane, now)[0]
    const isLimited = !own || (limited !== undefined && !this.#turns.get(queue))
    this.#turns.set(queue, isLimited)
    return isLimited ? limited : own
  }

  /** The messages that may be taken from a queue or lane now, in their order. */
  waiting(queue: string, now: number): Item[] {
    const items = [...this.#items.values()].filter((item) => item.queue === queue && !item.holder && item.due <= now)
    return items.sort((a, b) => priorityOf(b) - priorityOf(a) || a.seq - b.seq)
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

/** As other stores would keep it. */
function bytesOf(envelope: Envelope): number {
  const known = SIZES.get(envelope)
  if (known !== undefined) return known
  const bytes = packedBytes(envelope)
  SIZES.set(envelope, bytes)
  return bytes
}
const SIZES = new WeakMap<Envelope, number>()

function priorityOf({ envelope }: Item): number {
  return envelope.properties.priority ?? 0
}
