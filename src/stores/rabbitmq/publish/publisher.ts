import type { Message, Options } from 'amqplib'
import { withDeadline } from '../../../std/deadline.ts'
import { Deferred } from '../../../std/deferred.ts'
import { EncodeError, StoreUnavailableError } from '../../../std/errors.ts'
import type { AmqpConnection } from '../connection/connection.ts'
import { FrameBatch } from './frameBatch.ts'
import type { Target } from './frames.ts'
import { refusalOf } from './publishError.ts'
import type { SizeLimit } from './sizeLimit.ts'

/** A message as it crosses the wire. */
export interface Outgoing extends Target {
  readonly content: string | Uint8Array
  readonly options: Options.Publish
}

/** What became of it: `unroutable` only where it was mandatory. */
export type Fate = 'stored' | 'unroutable'

interface Pending {
  readonly message: Outgoing
  /** Bytes of its body. */
  readonly size: number
  since: number
  readonly done: Deferred<Fate>
  returned: boolean
}

/** How often the publisher checks for late confirmations, ms. */
const CONFIRM_CHECK_INTERVAL_MS = 250

/**
 * Publishes on one channel with confirmations, each as soon as it is asked for: many are under way at once. A message whose connection
 * ends before it is confirmed may have arrived or not: its publisher is told that the store is away.
 *
 * A message that the server refuses ends the channel, and the server drops what came behind it. So a message of a size that the server has
 * not taken before goes alone; and where a channel ends by another one all the same, only that one rejects, and the others are published
 * again. Those before it that were stored, and whose confirmations were on their way, then exist twice.
 */
export class Publisher {
  readonly #connection: AmqpConnection
  readonly #wait: number
  readonly #sizes: SizeLimit
  readonly #pending = new Map<string, Pending>()
  /** What the end of the channel has taken along, in the order of the calls. */
  #fallen: Pending[] = []
  #frames: FrameBatch | undefined
  #opening: Promise<FrameBatch> | undefined
  /** Resolves when the last message that had to wait for its turn has left. */
  #line: Promise<void> | undefined
  /** How many wait for the channel to be open. */
  #entering = 0
  /** Resolved when no message waits for the channel or for its confirmation. */
  #drained: Deferred<void> | undefined
  #looking: NodeJS.Timeout | undefined
  #count = 0

  /** `wait`: how long a confirmation may take, ms. */
  constructor(connection: AmqpConnection, wait: number, sizes: SizeLimit) {
    this.#connection = connection
    this.#wait = wait
    this.#sizes = sizes
  }

  /** Rejects with StoreUnavailableError, and with ArgumentError (PayloadTooLargeError, EncodeError) for what the server never takes. */
  publish(message: Outgoing): Promise<Fate> {
    const { content } = message
    const size = typeof content === 'string' ? Buffer.byteLength(content) : content.byteLength
    if (this.#line || this.#sizes.isUnproven(size)) return this.#sendInTurn(message, size)
    return this.#frames && !this.#connection.blocked
      ? this.#send(this.#frames, message, size)
      : this.#sendWhenOpen(message, size)
  }

  /** Behind all that was asked for before. With `alone`, or where the server has not taken its size before, no other is under way with it. */
  async #sendInTurn(message: Outgoing, size: number, alone = false): Promise<Fate> {
    const before = this.#line
    const left = new Deferred<void>()
    this.#line = left.promise
    const until = performance.now() + this.#wait
    try {
      if (before !== undefined) await this.#within(before, until)
      if (!alone && !this.#sizes.isUnproven(size)) return this.#sendWhenOpen(message, size)
      if (this.#pending.size + this.#entering > 0) {
        this.#drained ??= new Deferred()
        await this.#within(this.#drained.promise, until)
      }
      return await this.#sendWhenOpen(message, size)
    } finally {
      if (this.#line === left.promise) this.#line = undefined
      left.resolve()
    }
  }

  #within(turn: Promise<void>, until: number): Promise<void> {
    return withDeadline(turn, until - performance.now(), () => {
      throw this.#late()
    })
  }

  async #sendWhenOpen(message: Outgoing, size: number): Promise<Fate> {
    this.#entering++
    let sent: Promise<Fate>
    try {
      if (this.#connection.blocked) await this.#connection.flowing()
      sent = this.#send(this.#frames ?? (await this.#open()), message, size)
    } finally {
      this.#entering--
      this.#tellDrained()
    }
    return sent
  }

  #send(frames: FrameBatch, message: Outgoing, size: number): Promise<Fate> {
    const problem = this.#sizes.problem(size)
    if (problem) return Promise.reject(problem)
    // By this number a message that comes back is known again: Celery makes no use of the property.
    const messageId = String(++this.#count)
    const pending: Pending = { message, size, since: performance.now(), done: new Deferred(), returned: false }
    this.#pending.set(messageId, pending)
    this.#look()
    try {
      frames.write(message, { ...message.options, messageId }, message.content, (error: unknown) => {
        this.#ended(messageId, pending, error)
      })
    } catch (error) {
      // It was closed a moment ago, or the properties cannot be written: nothing has left.
      this.#remove(messageId)
      return Promise.reject(this.#unwritten(error))
    }
    return pending.done.promise
  }

  #ended(messageId: string, pending: Pending, error: unknown): void {
    // One that was late was told so already.
    if (!this.#remove(messageId)) return
    if (!error) {
      this.#sizes.confirmed(pending.size)
      pending.done.resolve(pending.returned ? 'unroutable' : 'stored')
    } else if ((error as Error).message === 'message nacked') pending.done.reject(nacked(error))
    // The channel ends: why is known when all that were under way have been told.
    else this.#fallen.push(pending)
  }

  #remove(messageId: string): boolean {
    const known = this.#pending.delete(messageId)
    this.#tellDrained()
    return known
  }

  #tellDrained(): void {
    if (this.#drained === undefined || this.#pending.size + this.#entering > 0) return
    this.#drained.resolve()
    this.#drained = undefined
  }

  #open(): Promise<FrameBatch> {
    this.#opening ??= this.#prepare().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #prepare(): Promise<FrameBatch> {
    const channel = await this.#connection.confirmChannel()
    channel.on('return', ({ properties }: Message) => {
      const pending = this.#pending.get(String(properties.messageId))
      if (pending) pending.returned = true
    })
    let reason: Error | undefined
    // Told before what is under way on it fails.
    channel.once('error', (error) => {
      reason = error
    })
    const frames = new FrameBatch(channel)
    // Told behind it: the library's own listener is the first.
    channel.once('close', () => {
      if (this.#frames === frames) this.#frames = undefined
      this.#pickUp(reason)
    })
    this.#frames = frames
    return frames
  }

  /** The channel has ended. Where one message was the reason, the others are published again, in their order. */
  #pickUp(reason: Error | undefined): void {
    const fallen = this.#fallen
    this.#fallen = []
    const away = this.#connection.unavailable(reason ?? new Error('the channel has ended'))
    const refusal = refusalOf(reason, this.#sizes, away)
    const problems = fallen.map(({ message, size }) => {
      if (!refusal) return away
      return refusal.problemOf(message, size) ?? (fallen.length === 1 ? refusal.error : undefined)
    })
    // Where the words name none of them, each goes alone, and the one shows itself.
    const alone = problems.every((problem) => problem === undefined)
    for (const [at, { message, size, done }] of fallen.entries()) {
      const problem = problems[at]
      if (problem) done.reject(problem)
      else done.resolve(alone ? this.#sendInTurn(message, size, true) : this.publish(message))
    }
  }

  #look(): void {
    if (this.#looking) return
    let last = performance.now()
    this.#looking = setInterval(() => {
      const now = performance.now()
      const late = now - last - CONFIRM_CHECK_INTERVAL_MS
      last = now
      // While the event loop was blocked nothing could be heard: that time does not count.
      if (late > CONFIRM_CHECK_INTERVAL_MS) for (const pending of this.#pending.values()) pending.since += late
      for (const [id, { since, done }] of this.#pending) {
        if (now - since < this.#wait) break
        this.#remove(id)
        done.reject(this.#late())
      }
      if (this.#pending.size > 0) return
      clearInterval(this.#looking)
      this.#looking = undefined
    }, CONFIRM_CHECK_INTERVAL_MS)
    this.#looking.unref()
  }

  #unwritten(error: unknown): Error {
    // Headers that are too long, or of no kind that AMQP has; numbers that are none.
    if (error instanceof TypeError || error instanceof RangeError)
      return new EncodeError(`RabbitMQ: a message cannot be written: ${error.message}`, { cause: error })
    return this.#connection.unavailable(error)
  }

  #late(): StoreUnavailableError {
    const why = this.#connection.problem?.message
    return new StoreUnavailableError(
      `RabbitMQ has not confirmed a message for ${this.#wait} ms${why ? `: ${why}` : ''}`,
    )
  }
}

function nacked(cause: unknown): StoreUnavailableError {
  return new StoreUnavailableError('RabbitMQ refused a message: a queue is full, or cannot store it now', { cause })
}
