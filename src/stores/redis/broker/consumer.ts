import type { ConsumeOptions, Consumer, Delivery, Queue } from '../../../broker/broker.ts'
import { PrefetchBuffer } from '../../../broker/prefetchBuffer.ts'
import { QueueTurns } from '../../../broker/queueTurns.ts'
import { uuid } from '../../../std/id.ts'
import { AsyncQueue } from '../../../std/queue.ts'
import type { Command, RedisConnection } from '../connection/connection.ts'
import { CLAIM, CLAIM_WITH_LANES } from './claimScript.ts'
import { BroadcastDelivery, type Claim, type Ending, type Hold, type Holder, RedisDelivery } from './delivery.ts'
import { bindingMember, type Keys, PRIORITY_STEPS } from './keys.ts'
import type { LeaseRenewer } from './leaseRenewer.ts'
import { ListWaiter } from './listWaiter.ts'
import type { Rescuer } from './rescuer.ts'
import { SIGNAL_EXCHANGES, TRANSIENT_QUEUE_LIFETIME_MS } from './sending.ts'

/** What a consumer works with. */
export interface ConsumerParts {
  readonly connection: RedisConnection
  readonly keys: Keys
  readonly renewer: LeaseRenewer
  readonly rescuer: Rescuer
  /** Seconds: lease minus visibility timeout, added to the server's time for the score of held messages. */
  readonly scoreOffset: number
  settle(hold: Hold, ending: Ending): Promise<boolean>
  /** Send the settlements that wait, now. */
  flush(): void
  released(consumer: RedisConsumer): void
}

/**
 * Takes messages as slots become free, many at a time; when there are none, it waits until the server reports one. A
 * message that it holds is in `unacked` from the same step that takes it out of its list.
 */
export class RedisConsumer implements Consumer, Holder {
  readonly #parts: ConsumerParts
  readonly #queues: readonly Queue[]
  readonly #id = uuid()
  readonly #line = new AsyncQueue<Delivery>()
  /** Taken before a slot was free. */
  readonly #ahead: PrefetchBuffer<RedisDelivery>
  readonly #held = new Map<string, Hold>()
  /** Why a held message could not be settled, by tag. */
  readonly #kept = new Map<string, Error>()
  readonly #waiters: ListWaiter[] = []
  /** Queues that have, or had, lanes. */
  readonly #laned = new Set<string>()
  readonly #turns: QueueTurns
  readonly #stops: (() => unknown)[] = []
  #prefetch: number
  #places = 0
  /** The claim in progress, and how many requeues wait until its messages are returned first. */
  #taking: Promise<number> | undefined
  #requeues = 0
  #scheduled = false
  /** How many claims are to come within two turns. */
  #coming = 0
  #claims = 0
  #closed = false
  #problem: Error | undefined
  #again: NodeJS.Timeout | undefined

  constructor(parts: ConsumerParts, queues: readonly Queue[], { prefetch, ahead }: ConsumeOptions) {
    this.#parts = parts
    this.#queues = queues
    this.#turns = new QueueTurns(this.#fed)
    this.#prefetch = prefetch
    this.#ahead = new PrefetchBuffer((stale) => this.#tooLong(stale), ahead)
  }

  async start(): Promise<this> {
    const { connection, keys, rescuer } = this.#parts
    for (const queue of this.#queues) await this.#bind(queue)
    for (const { name, transient } of this.#fed) {
      const lists = transient ? [keys.list(name)] : keys.lists(name)
      for (const list of lists) this.#waitFor(list)
    }
    if (this.#waiters.length > 0) {
      this.#stops.push(
        rescuer.use(() => this.#soon()),
        connection.onReconnect(() => {
          for (const waiter of this.#waiters) waiter.renew()
          this.#soon()
        }),
      )
    }
    this.#soon()
    return this
  }

  #waitFor(list: string): void {
    const events = {
      found: () => this.#found(),
      failed: (error: Error) => this.#failed(error),
    }
    this.#waiters.push(new ListWaiter(this.#parts.connection, list, events))
  }

  get problem(): Error | undefined {
    return (
      this.#parts.connection.problem ?? this.#parts.renewer.problem ?? this.#problem ?? this.#kept.values().next().value
    )
  }

  get ahead(): readonly Delivery[] {
    return this.#ahead.items
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery> {
    return this.#line[Symbol.asyncIterator]()
  }

  prefetch(count: number): void {
    this.#prefetch = count
    this.#soon()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const waiter of this.#waiters) waiter.stop()
    const unread = this.#line.drain()
    this.#line.end()
    await Promise.all([
      ...unread.map((delivery) => delivery.reject({ requeue: true })),
      this.#giveBack(this.#ahead.drain()),
    ])
  }

  async release(): Promise<void> {
    try {
      await this.close()
      const { problem } = this.#parts.connection
      if (problem) throw problem
      await Promise.all([...this.#held.values()].map((hold) => this.#parts.settle(hold, 'requeue')))
      for (const queue of this.#queues) await this.#unbind(queue)
    } finally {
      // If the store is unavailable, the held messages are rescued when their leases expire: nothing of this consumer
      // may continue.
      await Promise.allSettled(this.#stops.splice(0).map((stop) => stop()))
      this.#parts.renewer.remove([...this.#held.values()])
      this.#held.clear()
      this.#parts.released(this)
    }
  }

  requeueing(): void {
    void this.#giveBack(this.#ahead.drain())
  }

  settled({ tag }: Hold): void {
    this.#places--
    this.#ahead.ended()
    this.#held.delete(tag)
    this.#kept.delete(tag)
    this.#soon()
  }

  kept(hold: Hold, reason: Error | undefined): void {
    this.#places++
    this.#held.set(hold.tag, hold)
    if (reason) this.#kept.set(hold.tag, reason)
  }

  settle(hold: Hold, ending: Ending): Promise<boolean> {
    return ending === 'requeue' && this.#taking !== undefined
      ? this.#requeue(hold, this.#taking)
      : this.#parts.settle(hold, ending)
  }

  /** The messages of a claim in progress were behind this one: they are returned before it. */
  async #requeue(hold: Hold, taking: Promise<number>): Promise<boolean> {
    this.#requeues++
    // The caller that awaited the claim first reports its failure.
    await taking.catch(() => undefined)
    this.#requeues--
    return this.#parts.settle(hold, 'requeue')
  }

  /** Queues that are lists: one for signals alone has none. */
  get #fed(): readonly Queue[] {
    return this.#queues.filter(({ bindings = [] }) => !bindings.some(({ exchange }) => SIGNAL_EXCHANGES.has(exchange)))
  }

  /** A list is not empty. If nothing is unsettled there is nothing to flush first, so claim at once. */
  #found(): void {
    if (this.#places === 0 && !this.#scheduled) void this.#claim()
    else this.#soon()
  }

  /** Fill the slots that became free in this turn: from the prefetched messages, then by one claim. */
  #soon(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    this.#coming++
    setImmediate(() => {
      this.#scheduled = false
      for (let free = this.#prefetch - this.#places; free > 0; free--) {
        const delivery = this.#ahead.shift()
        if (!delivery) break
        this.#hand(delivery)
      }
      // One turn later: settlements of this turn are sent before it.
      setImmediate(() => {
        this.#coming--
        void this.#claim()
      })
    })
  }

  async #claim(): Promise<void> {
    const places = this.#prefetch - this.#places + this.#ahead.wanted(this.#prefetch)
    if (this.#closed || this.#taking !== undefined || places <= 0 || this.#waiters.length === 0) return
    try {
      this.#taking = this.#take(places)
      const taken = await this.#taking
      this.#problem = undefined
      this.#taking = undefined
      // One turn later: a task that has ended by then may have sent the next message, and its end claims again.
      if (taken < places) setImmediate(() => this.#arm())
      else this.#soon()
    } catch (error) {
      this.#taking = undefined
      this.#failed(error as Error)
    }
  }

  /** Be notified of the next message, where no claim is to find out whether there is one. */
  #arm(): void {
    if (this.#coming === 0 && this.#taking === undefined) for (const waiter of this.#waiters) waiter.arm()
  }

  /** `problem` reports it until a claim succeeds; a reconnection or the slow timer starts the next attempt. */
  #failed(problem: Error): void {
    this.#problem = problem
    this.#again ??= setTimeout(() => {
      this.#again = undefined
      // A consumer that is full claims nothing; a wait that fails again reports it again.
      if (this.#places >= this.#prefetch) this.#problem = undefined
      this.#soon()
    }, RETRY_DELAY_MS).unref()
  }

  async #take(places: number): Promise<number> {
    const { connection, keys, renewer, scoreOffset } = this.#parts
    const queues = this.#turns.next()
    // In kombu's order: the first step of all queues, then the next step. A transient queue has one list.
    const lists = PRIORITY_STEPS.flatMap((step) =>
      queues.flatMap(({ name, transient }) => (transient && step > 0 ? [] : { list: keys.list(name, step), name })),
    )
    // All settlements so far are sent before the claim.
    this.#parts.flush()
    const claim: Claim = { name: `${TAG_PREFIX} ${this.#id} claim ${++this.#claims} message `, left: 0 }
    const names = queues.map(({ name }) => name)
    const ways = this.#laned.size === 0 ? [keys.laned] : [keys.prefix, this.#claims % 2, names.length, ...names]
    const answer = (await connection.script(
      this.#laned.size === 0 ? CLAIM : CLAIM_WITH_LANES,
      [keys.unacked, keys.index, ...lists.map(({ list }) => list)],
      [places, scoreOffset, claim.name, ...ways, ...lists.map(({ name }) => name)],
    )) as (string | string[])[]
    const taken: RedisDelivery[] = []
    for (let at = 0; at < answer.length; at += 2) {
      const [name, texts] = answer.slice(at, at + 2) as [string, string[]]
      if (name === '') {
        this.#learn(texts)
        continue
      }
      for (const text of texts) {
        const hold: Hold = { tag: `${claim.name}${++claim.left}`, claim }
        taken.push(new RedisDelivery(text, name, hold, this))
      }
    }
    renewer.add(claim)
    this.#turns.took(taken)
    this.#receive(taken)
    return taken.length
  }

  /** These queues have lanes: wait for the bells of those that are new, too, and claim from them. */
  #learn(queues: readonly string[]): void {
    const { keys } = this.#parts
    for (const queue of queues) {
      if (this.#closed || this.#laned.has(queue)) continue
      this.#laned.add(queue)
      this.#waitFor(keys.bell(queue))
    }
  }

  /** To the reader, as far as there are slots. */
  #receive(taken: readonly RedisDelivery[]): void {
    for (const delivery of taken) this.#held.set(delivery.hold.tag, delivery.hold)
    if (this.#closed || this.#requeues > 0) {
      void this.#giveBack(taken)
      return
    }
    const free = Math.max(0, this.#prefetch - this.#places)
    for (const delivery of taken.slice(0, free)) this.#hand(delivery)
    this.#ahead.push(taken.slice(free))
  }

  #hand(delivery: RedisDelivery): void {
    this.#places++
    this.#line.push(delivery)
  }

  /** No slot became free in time. Not during a claim: its messages would overtake these. */
  #tooLong(stale: readonly RedisDelivery[]): void {
    if (this.#taking !== undefined) this.#ahead.push(stale)
    else void this.#giveBack(stale)
  }

  /**
   * Return them as if they had not been taken. While the store is unavailable they are kept: for a slot, or until
   * `release`.
   */
  async #giveBack(deliveries: readonly RedisDelivery[]): Promise<void> {
    const kept: RedisDelivery[] = []
    const give = async (delivery: RedisDelivery): Promise<void> => {
      try {
        await this.#parts.settle(delivery.hold, 'return')
        this.#held.delete(delivery.hold.tag)
      } catch (error) {
        this.#problem = error as Error
        kept.push(delivery)
      }
    }
    await Promise.all(deliveries.map(give))
    if (!this.#closed) this.#ahead.push(kept)
  }

  async #bind({ name, bindings = [], transient = false }: Queue): Promise<void> {
    const { connection, keys } = this.#parts
    for (const binding of bindings) {
      const { exchange, kind } = binding
      if (kind !== 'fanout') await connection.command('SADD', keys.binding(exchange), bindingMember(binding, name))
      else {
        const take = SIGNAL_EXCHANGES.has(exchange)
          ? (message: Buffer) => this.#line.push(new BroadcastDelivery(message.toString(), name))
          : (message: Buffer) => this.#keep(message, name, transient)
        // An empty one only counts who listens.
        const receive = (message: Buffer): unknown => message.length > 0 && take(message)
        // With and without a routing key after the exchange's name, as kombu publishes.
        this.#stops.push(await connection.subscribe(keys.channel(exchange), receive))
        this.#stops.push(await connection.subscribePattern(`${keys.channel(exchange)}/*`, receive))
      }
    }
  }

  /** The server keeps no message of a fanout exchange: from here on it is in a list of this consumer, as any other. */
  #keep(message: Buffer, queue: string, transient: boolean): void {
    const { connection, keys } = this.#parts
    const list = keys.list(queue)
    const commands: Command[] = [['LPUSH', list, message]]
    if (transient) commands.push(['PEXPIRE', list, TRANSIENT_QUEUE_LIFETIME_MS])
    connection.pipeline(commands).catch((error: Error) => this.#failed(error))
  }

  async #unbind({ name, bindings = [], transient }: Queue): Promise<void> {
    if (!transient) return
    const { connection, keys } = this.#parts
    for (const binding of bindings) {
      const { exchange, kind } = binding
      if (kind !== 'fanout') await connection.command('SREM', keys.binding(exchange), bindingMember(binding, name))
    }
    await connection.command('DEL', ...keys.lists(name))
  }
}

/**
 * The beginning of the tags. They are longer than 64 bytes on purpose: with such members Redis keeps the index as a
 * skip list from the first entry, not as a list that is searched linearly.
 */
const TAG_PREFIX = 'celeriac consumer'

/** Longest delay before the next claim after a failed claim or wait, ms. */
const RETRY_DELAY_MS = 1000
