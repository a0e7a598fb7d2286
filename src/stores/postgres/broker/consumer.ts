import type { ConsumeOptions, Consumer, Delivery, Queue } from '../../../broker/broker.ts'
import { PrefetchBuffer } from '../../../broker/prefetchBuffer.ts'
import { QueueTurns } from '../../../broker/queueTurns.ts'
import { type Clock, MAX_TIMER_MS } from '../../../std/clock.ts'
import { AsyncQueue } from '../../../std/queue.ts'
import type { Database } from '../connection/database.ts'
import { queueChannel } from '../connection/listening.ts'
import type { Row, Step } from '../connection/pipeline.ts'
import type { Session } from '../connection/session.ts'
import { bindStep } from './bindings.ts'
import { type ClaimedMessage, Claims, heldOf, missedStep } from './claims.ts'
import { type EndKind, type Hold, type Holder, PostgresDelivery } from './delivery.ts'
import type { DueMessages } from './dueMessages.ts'
import { hasLanes, hasLanesStep, LaneClaims } from './lanes.ts'
import { end, registering } from './leases.ts'
import { isDuePayload, isLanePayload } from './notices.ts'
import type { ClaimedRows, Claimer, ClaimSteps, Settler } from './settler.ts'

/** What a consumer works with. */
export interface ConsumerParts {
  readonly database: Database
  readonly session: Session
  /** ms */
  readonly lease: number
  readonly settler: Settler
  readonly due: DueMessages
  readonly clock: Clock
  /** Those that are not released. */
  readonly consumers: Set<PostgresConsumer>
}

/**
 * How often an idle consumer looks without a notification, ms: for messages whose sender died before it notified, and
 * those of a claim that was undone.
 */
const POLL_INTERVAL_MS = 5000
/** Every how many of these looks is one for delayed messages, too. */
const POLLS_PER_DUE = 2

/**
 * Messages ahead for each slot, and the time in which they are to be worked off, ms: as many as a worker of short tasks
 * finishes while one transaction settles the ones before, and the next claims more.
 */
const AHEAD = 8
const AHEAD_WINDOW_MS = 40

/**
 * Takes messages as slots become free, and some ahead of their turn. Claims are part of the transactions that settle
 * earlier messages; an idle consumer waits for a notification.
 */
export class PostgresConsumer implements Consumer, Claimer, Holder {
  readonly #parts: ConsumerParts
  readonly #queues: readonly Queue[]
  readonly #name: string
  readonly #line = new AsyncQueue<Delivery>()
  readonly #ahead: PrefetchBuffer<PostgresDelivery>
  readonly #claims = new Claims()
  readonly #laneClaims = new LaneClaims()
  readonly #turns: QueueTurns
  #lanesFirst = false
  readonly #stops: (() => unknown)[] = []
  #id = 0
  #prefetch: number
  /** Deliveries that are not settled. */
  #places = 0
  /** How many messages are asked for by claims under way. */
  #claiming = 0
  /** There may be messages that were not seen yet. */
  #more = true
  /** The same of lanes. */
  #moreLanes = false
  /** When the claim of lanes under way began, by the clock of the application. */
  #lanesClaimed: number | undefined
  /** Ends the wait for a limit that lets something through again. */
  #stopWaiting: (() => void) | undefined
  #polls = 0
  #closed = false
  #problem: Error | undefined
  #poll: NodeJS.Timeout | undefined

  constructor(parts: ConsumerParts, queues: readonly Queue[], { name, prefetch, ahead }: ConsumeOptions) {
    this.#parts = parts
    this.#queues = queues
    this.#turns = new QueueTurns(queues)
    this.#name = name
    this.#prefetch = prefetch
    this.#ahead = new PrefetchBuffer((stale) => this.#giveBack(stale), ahead ?? AHEAD, AHEAD_WINDOW_MS)
  }

  /** Rejects with StoreUnavailableError, ConfigError: then nothing is left. */
  async start(): Promise<this> {
    const { database, session, settler, due, consumers } = this.#parts
    try {
      for (const { name } of this.#queues) {
        const channel = queueChannel(database.schema, name)
        this.#stops.push(await session.on(channel, (payload) => this.#notified(payload)))
      }
      await this.#register()
    } catch (error) {
      for (const stop of this.#stops.splice(0)) stop()
      throw error
    }
    consumers.add(this)
    this.#stops.push(settler.join(this))
    due.look()
    this.#findLanes()
    this.#pollLater()
    return this
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery> {
    return this.#line[Symbol.asyncIterator]()
  }

  get id(): number {
    return this.#id
  }

  get problem(): Error | undefined {
    return this.#parts.database.problem ?? this.#parts.session.problem ?? this.#problem
  }

  get ahead(): readonly Delivery[] {
    return this.#ahead.items
  }

  prefetch(count: number): void {
    this.#prefetch = count
    this.#look()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#poll)
    this.#stopWaiting?.()
    for (const stop of this.#stops.splice(0)) stop()
    const unread = this.#line.drain()
    this.#line.end()
    this.#giveBack(this.#ahead.drain())
    await Promise.all(unread.map((delivery) => delivery.reject({ requeue: true })))
  }

  async release(): Promise<void> {
    try {
      await this.close()
      await end(this.#parts.database, [this.#id])
    } finally {
      // Where the store is unavailable, the lease ends by itself.
      this.#parts.session.remove(this.#id)
      this.#parts.consumers.delete(this)
    }
  }

  wants(): number {
    if (this.#closed || !(this.#more || this.#mayClaimLanes)) return 0
    return Math.max(0, this.#prefetch - this.#places + this.#ahead.wanted(this.#prefetch) - this.#claiming)
  }

  claimSteps(limit: number, mayTakeLanes: boolean): ClaimSteps {
    const names = this.#turns.next().map(({ name }) => name)
    this.#claiming += limit
    const ofLanes = mayTakeLanes && this.#mayClaimLanes ? this.#shareOfLanes(limit) : 0
    const own = this.#more && limit > ofLanes ? this.#claims.step(this.#id, names, limit - ofLanes) : undefined
    // A message that arrives from now on is notified of, or found by this claim.
    if (own) this.#more = false
    if (ofLanes === 0) return { own }
    this.#moreLanes = false
    this.#lanesClaimed = this.#parts.clock.now()
    return { own, lanes: this.#laneClaims.step(this.#id, names, ofLanes, this.#lanesClaimed) }
  }

  /** One claim of lanes after the other: each goes by what the one before has found. */
  get #mayClaimLanes(): boolean {
    return this.#moreLanes && this.#lanesClaimed === undefined
  }

  /** The messages of the queues themselves and those of their lanes take turns. */
  #shareOfLanes(limit: number): number {
    if (!this.#more) return limit
    this.#lanesFirst = !this.#lanesFirst
    return this.#lanesFirst ? Math.ceil(limit / 2) : Math.floor(limit / 2)
  }

  claimed({ own, lanes }: ClaimedRows, limit: number, consumer: number): void {
    this.#problem = undefined
    this.#claiming -= limit
    const taken = this.#claims.read(own)
    if (this.#claims.isFull) this.#more = true
    else if (this.#claims.rest > 0) setTimeout(() => this.#look(), this.#claims.rest).unref()
    const began = this.#lanesClaimed
    const all = lanes && began !== undefined ? [...taken, ...this.#claimedOfLanes(lanes, began)] : taken
    this.#turns.took(all)
    this.#take(all, consumer)
  }

  #claimedOfLanes(rows: readonly Row[], now: number): readonly ClaimedMessage[] {
    this.#lanesClaimed = undefined
    const { messages, more, wake } = this.#laneClaims.read(rows, now)
    this.#stopWaiting?.()
    if (more) this.#moreLanes = true
    else if (wake !== undefined) {
      const wait = Math.min(Math.max(1, wake - this.#parts.clock.now()), MAX_TIMER_MS)
      this.#stopWaiting = this.#parts.clock.after(wait, () => this.#lookAtLanes(), true)
    }
    return messages
  }

  missedStep(known: readonly number[]): Step {
    return missedStep(this.#id, known)
  }

  missed(rows: readonly Row[], consumer: number): void {
    this.#problem = undefined
    this.#take(rows.map(heldOf), consumer)
  }

  #take(messages: readonly ClaimedMessage[], consumer: number): void {
    const taken = messages.map((message) => new PostgresDelivery(message, consumer, this))
    this.#parts.settler.keep(taken.map(({ hold }) => hold))
    if (this.#closed) {
      this.#giveBack(taken)
      return
    }
    this.#ahead.push(taken)
    this.#fill()
  }

  failed(error: Error, limit: number, ofLanes: boolean): void {
    this.#claiming -= limit
    this.#more = true
    if (ofLanes) {
      this.#moreLanes = true
      this.#lanesClaimed = undefined
    }
    this.#problem = error
  }

  /** A slot becomes free: the next message of those ahead is for it, and the next claim joins this settlement. */
  settling({ limited }: Hold): void {
    // What it returns may let another one through.
    if (limited) this.#moreLanes = true
    this.#places--
    this.#ahead.ended()
    if (this.#places < this.#prefetch) setImmediate(() => this.#fill())
  }

  async end(hold: Hold, kind: EndKind): Promise<boolean> {
    if (kind === 'requeue') {
      // What was taken ahead is behind this one: it returns with it.
      this.#giveBack(this.#ahead.drain())
      this.#more = true
    }
    try {
      return await this.#parts.settler.end({ hold, kind })
    } finally {
      if (kind === 'requeue') this.#look()
    }
  }

  /** From the messages ahead to the free slots, then a claim for what is missing. */
  #fill(): void {
    while (this.#places < this.#prefetch && !this.#closed) {
      const delivery = this.#ahead.shift()
      if (!delivery) break
      this.#places++
      this.#line.push(delivery)
    }
    if (this.wants() > 0) this.#parts.settler.wake()
  }

  #notified(payload: string | undefined): void {
    if (payload === undefined) this.#findLanes()
    else if (isLanePayload(payload)) this.#moreLanes = true
    if (payload === undefined || isDuePayload(payload)) this.#parts.due.look()
    if (payload !== 'd') this.#look()
  }

  /** Where notifications may have been missed. */
  #findLanes(): void {
    const steps = [hasLanesStep(this.#queues.map(({ name }) => name))]
    this.#parts.database.run(steps, { repeatable: true }).then(
      ([rows = []]) => {
        if (hasLanes(rows)) this.#lookAtLanes()
      },
      // The claims report an unavailable store; it is tried again with the next poll.
      () => undefined,
    )
  }

  #lookAtLanes(): void {
    if (this.#closed) return
    this.#moreLanes = true
    this.#fill()
  }

  #look(): void {
    if (this.#closed) return
    this.#more = true
    this.#fill()
  }

  #pollLater(): void {
    const pause = POLL_INTERVAL_MS * (0.75 + Math.random() / 2)
    // A consumer keeps its process alive, also while there is no connection.
    this.#poll = setTimeout(() => {
      this.#look()
      this.#findLanes()
      if (++this.#polls % POLLS_PER_DUE === 0) this.#parts.due.look()
      this.#pollLater()
    }, pause)
  }

  /** As if they had not been taken. */
  #giveBack(deliveries: readonly PostgresDelivery[]): void {
    for (const { hold } of deliveries) {
      this.#parts.settler.end({ hold, kind: 'return' }).catch((error: unknown) => {
        // They are held until the lease of this consumer ends.
        this.#problem = error as Error
      })
    }
  }

  /** Also when the lease was lost: what it held is with others, and its transient queues were dropped. */
  async #register(): Promise<void> {
    const { database, session, lease } = this.#parts
    session.remove(this.#id)
    // If it is sent twice, the lease of the first one ends unused.
    const [[row] = []] = await database.run([registering(this.#name, lease)], { repeatable: true })
    this.#id = Number(row?.[0])
    if (this.#queues.some(({ bindings, transient }) => bindings || transient))
      await database.run([bindStep(this.#queues, this.#id)], { repeatable: true })
    session.add(this.#id, () => void this.#registerAgain())
  }

  async #registerAgain(): Promise<void> {
    // Claimed under the old name: another worker has them.
    this.#parts.settler.forget(this.#ahead.drain().map(({ hold }) => hold))
    try {
      await this.#register()
      this.#look()
    } catch (error) {
      this.#problem = error as Error
      if (!this.#closed) setTimeout(() => void this.#registerAgain(), POLL_INTERVAL_MS).unref()
    }
  }
}
