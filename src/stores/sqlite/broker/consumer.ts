import type { ConsumeOptions, Consumer, Delivery, Queue } from '../../../broker/broker.ts'
import { QueueTurns } from '../../../broker/queueTurns.ts'
import { type Clock, MAX_TIMER_MS, systemClock } from '../../../std/clock.ts'
import { AsyncQueue } from '../../../std/queue.ts'
import type { SqliteFile } from '../file.ts'
import { pauseAfter } from '../window.ts'
import type { Participant } from '../writer.ts'
import { SqliteDelivery } from './delivery.ts'
import type { LaneSweeper } from './laneSweeper.ts'
import type { Lanes } from './lanes.ts'
import type { LeaseRenewer } from './leaseRenewer.ts'
import type { Leases } from './leases.ts'
import type { Messages, Row } from './messages.ts'

/** What a consumer works with. */
export interface ConsumerParts {
  readonly file: SqliteFile
  readonly messages: Messages
  readonly lanes: Lanes
  readonly sweeper: LaneSweeper
  readonly leases: Leases
  readonly renewer: LeaseRenewer
  /** ms */
  readonly lease: number
  /** Whose moments delays are. */
  readonly clock: Clock
  /** Those that are not released. */
  readonly consumers: Set<SqliteConsumer>
}

/** How much later than it is due an idle worker takes a delayed message at most, ms. */
const DUE_SPREAD_MS = 4

/**
 * Takes messages as slots become free. Claims are part of the transaction that settles earlier messages, so that a busy
 * worker pays one commit for both; an idle worker only reads, when another process has written.
 */
export class SqliteConsumer implements Consumer, Participant {
  readonly #parts: ConsumerParts
  readonly #queues: readonly Queue[]
  readonly #name: string
  readonly #line = new AsyncQueue<Delivery>()
  readonly #stops: (() => void)[] = []
  readonly #turns: QueueTurns
  #id = 0
  /** The id whose lease is renewed: the last one whose registration was committed. */
  #kept = 0
  #prefetch: number
  #held = 0
  /** There may be messages that were not seen yet: a claim is worth its cost. */
  #more = true
  /** Queues with lanes whose own messages are next. */
  readonly #ownNext = new Set<string>()
  #claimed: Row[] = []
  #nextDue: number | undefined
  /** Earliest moment for the next window of due messages, by the clock of `performance`. */
  #promoteFrom = 0
  /** Ends the wait for the next delayed message. */
  #stopWaiting: (() => void) | undefined
  #closed = false
  #problem: Error | undefined

  constructor(parts: ConsumerParts, queues: readonly Queue[], options: ConsumeOptions) {
    this.#parts = parts
    this.#queues = queues
    this.#turns = new QueueTurns(queues)
    this.#name = options.name
    this.#prefetch = options.prefetch
  }

  async start(): Promise<this> {
    const { file } = this.#parts
    await file.writer.write(() => this.#register())
    this.#keep()
    this.#parts.consumers.add(this)
    this.#stops.push(
      file.onChange('messages', () => this.#look()),
      file.writer.join(this),
    )
    this.#look()
    return this
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery> {
    return this.#line[Symbol.asyncIterator]()
  }

  get problem(): Error | undefined {
    return this.#problem ?? this.#parts.renewer.problem
  }

  prefetch(count: number): void {
    this.#prefetch = count
    this.#look()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stopWaiting?.()
    for (const stop of this.#stops) stop()
    const unread = this.#line.drain()
    this.#line.end()
    await Promise.all(unread.map((delivery) => delivery.reject({ requeue: true })))
  }

  async release(): Promise<void> {
    await this.close()
    const { file, messages, leases, renewer } = this.#parts
    renewer.remove(this.#kept)
    const endSome = (): boolean => messages.giveSome(this.#kept) || leases.endSome(this.#kept)
    // A store that is lost has no messages to release.
    while (!file.lost && (await file.writer.write(endSome)));
    this.#parts.consumers.delete(this)
  }

  wants(): boolean {
    return !this.#closed && this.#more && this.#held < this.#prefetch
  }

  join(): boolean {
    const { leases, clock } = this.#parts
    // The lease expired while this process was stopped: other workers have the messages that it held, and it is a new
    // consumer.
    if (!leases.alive(this.#id)) this.#register()
    const now = clock.now()
    if (this.#nextDue !== undefined && this.#nextDue <= now && performance.now() >= this.#promoteFrom)
      this.#promote(now)
    this.#claimed = this.#claimAll(this.#prefetch - this.#held)
    this.#more = this.#claimed.length === this.#prefetch - this.#held
    this.#held += this.#claimed.length
    return this.#claimed.length > 0
  }

  /**
   * Make due messages available: if there are very many, a window at a time, with pauses in which other processes
   * write.
   */
  #promote(now: number): void {
    const started = performance.now()
    if (!this.#parts.messages.promote(now)) return
    const ended = performance.now()
    this.#promoteFrom = ended + pauseAfter(ended - started)
  }

  committed(): void {
    this.#problem = undefined
    if (this.#id !== this.#kept) this.#keep()
    for (const row of this.#claimed) this.#line.push(new SqliteDelivery(this.#parts, row, this.#id, this.#settled))
    this.#claimed = []
    this.#look()
  }

  rolledBack(error: Error | undefined): void {
    this.#problem = error
    // If a registration was rolled back, another consumer may get its id.
    this.#id = this.#kept
    this.#held -= this.#claimed.length
    this.#claimed = []
    this.#more = true
  }

  /**
   * Have the lease renewed from now on. If it is lost nevertheless, register again soon: transient queues were dropped
   * with the old consumer.
   */
  #keep(): void {
    const { file, renewer } = this.#parts
    renewer.remove(this.#kept)
    this.#kept = this.#id
    renewer.add(this.#id, () => {
      this.#more = true
      file.writer.wake()
    })
  }

  /**
   * A slot became free: called when the settlement of a delivery begins, so that the next claim joins that transaction.
   */
  readonly #settled = (limited: boolean): void => {
    this.#held--
    // What it returns to its limits may let another one through.
    if (limited) this.#more = true
  }

  #register(): void {
    const { leases, lease } = this.#parts
    this.#id = leases.register(this.#name, lease, systemClock.now())
    leases.bind(this.#queues, this.#id)
  }

  /** From each queue in turn; each call begins with the next queue. */
  #claimAll(places: number): Row[] {
    const rows: Row[] = []
    for (const { name } of this.#turns.next()) {
      if (rows.length >= places) break
      const left = places - rows.length
      const claimed = this.#parts.lanes.active
        ? this.#claimInTurns(name, left)
        : this.#parts.messages.claim(this.#id, name, left)
      for (const row of claimed) rows.push(row)
    }
    this.#turns.took(rows)
    return rows
  }

  /** Half for the queue's own messages, and half for those of its lanes; what one has no use for is the other's. */
  #claimInTurns(queue: string, places: number): Row[] {
    const { messages, lanes } = this.#parts
    if (!messages.ready(queue)) return lanes.claim(queue, places, (lane, some) => messages.claim(this.#id, lane, some))
    const own = (limit: number): Row[] => messages.claim(this.#id, queue, limit)
    const limited = (limit: number): Row[] =>
      lanes.claim(queue, limit, (lane, some) => messages.claim(this.#id, lane, some))
    const isOwnNext = this.#ownNext.delete(queue)
    if (!isOwnNext) this.#ownNext.add(queue)
    const [first, second] = isOwnNext ? [own, limited] : [limited, own]
    const half = Math.ceil(places / 2)
    const rows = first(half)
    const isMore = rows.length === half
    for (const row of second(places - rows.length)) rows.push(row)
    if (isMore && rows.length < places) for (const row of first(places - rows.length)) rows.push(row)
    return rows
  }

  /** After a change: check, by reading only, whether there are messages for this consumer. */
  #look(): void {
    if (this.#closed) return
    const { file, messages, lanes } = this.#parts
    if (file.lost) {
      this.#end(file.lost)
      return
    }
    try {
      const due = this.#watchDue()
      if (this.#held >= this.#prefetch) {
        this.#more = true
      } else if (
        due ||
        this.#queues.some(({ name }) => messages.ready(name) || (lanes.active && lanes.hasOpen(name)))
      ) {
        this.#more = true
        file.writer.wake()
      }
      this.#problem = undefined
    } catch (error) {
      // The store cannot be read. `problem` reports it; the next change or poll tries again.
      this.#problem = error as Error
    }
  }

  /**
   * The files of the store are gone: no message arrives any more, and claimed messages that are not begun are not
   * begun.
   */
  #end(reason: Error): void {
    this.#problem = reason
    this.#line.drain()
    this.#line.end()
  }

  /**
   * Check again when the next delayed message is due, or a limit lets something through again; true if that is so now:
   * the next claim makes it available.
   */
  #watchDue(): boolean {
    const { messages, lanes, sweeper, clock } = this.#parts
    const { due, limited } = messages.outlook()
    this.#nextDue = due
    lanes.active = limited
    if (limited) sweeper.soon()
    const wake = limited ? lanes.next() : undefined
    this.#stopWaiting?.()
    const next = Math.min(due ?? Number.POSITIVE_INFINITY, wake ?? Number.POSITIVE_INFINITY)
    if (!Number.isFinite(next)) return false
    const now = clock.now()
    const pause = due !== undefined && due <= now ? this.#promoteFrom - performance.now() : 0
    if ((wake !== undefined && wake <= now) || (next <= now && pause <= 0)) return true
    const look = (): void => this.#look()
    // Of several idle workers not always the same one is first: it may be one that puts the message back.
    const spread = Math.random() * DUE_SPREAD_MS
    if (next > now) this.#stopWaiting = clock.after(Math.min(next - now + spread, MAX_TIMER_MS), look)
    else this.#stopWaiting = systemClock.after(pause, look)
    return false
  }
}
