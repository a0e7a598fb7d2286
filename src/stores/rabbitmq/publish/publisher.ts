import type { Message, Options } from 'amqplib'
import { withDeadline } from '../../../std/deadline.ts'
import { Deferred } from '../../../std/deferred.ts'
import { EncodeError, StoreUnavailableError } from '../../../std/errors.ts'
import type { AmqpConnection } from '../connection/connection.ts'
import { FrameBatch } from './frameBatch.ts'
import type { Target } from './frames.ts'
import { refusalOf } from './publishError.ts'
import type { SizeLimit } from './sizeLimit.ts'

/** A message as it is sent on the wire. */
export interface Outgoing extends Target {
  readonly content: string | Uint8Array
  readonly options: Options.Publish
}

/** What happened to it: `unroutable` only where it was mandatory. */
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
 * Publishes on one channel with confirmations, each message as soon as it is requested: many are unconfirmed at once. A
 * message whose connection ends before it is confirmed may have arrived or not: its publisher gets
 * StoreUnavailableError.
 *
 * A message that the server refuses ends the channel, and the server drops the messages behind it. So a message of a
 * size that the server has not taken before is sent alone; and if a channel ends because of another message
 * nevertheless, only that one rejects, and the others are published again. Those before it that were stored, but not
 * confirmed yet, then exist twice.
 */
export class Publisher {
  readonly #connection: AmqpConnection
  readonly #wait: number
  readonly #sizes: SizeLimit
  readonly #pending = new Map<string, Pending>()
  /** Messages that were lost with the channel, in the order of the calls. */
  #fallen: Pending[] = []
  #frames: FrameBatch | undefined
  #opening: Promise<FrameBatch> | undefined
  /** Resolves when the last message that had to wait for its turn was sent. */
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

  /**
   * Rejects with StoreUnavailableError, and with ArgumentError (PayloadTooLargeError, EncodeError) for a message that
   * the server never takes.
   */
  publish(message: Outgoing): Promise<Fate> {
    const { content } = message
    const size = typeof content === 'string' ? Buffer.byteLength(content) : content.byteLength
    if (this.#line || this.#sizes.isUnproven(size)) return this.#sendInTurn(message, size)
    return this.#frames && !this.#connection.blocked
      ? this.#send(this.#frames, message, size)
      : this.#sendWhenOpen(message, size)
  }

  /**
   * After all that was requested before. With `alone`, or where the server has not taken its size before, no other
   * message is unconfirmed at the same time.
   */
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
    // This number identifies a message that is returned: Celery does not use the property.
    const messageId = String(++this.#count)
    const pending: Pending = { message, size, since: performance.now(), done: new Deferred(), returned: false }
    this.#pending.set(messageId, pending)
    this.#look()
    try {
      frames.write(message, { ...message.options, messageId }, message.content, (error: unknown) => {
        this.#ended(messageId, pending, error)
      })
    } catch (error) {
      // The channel was closed a moment ago, or the properties cannot be written: nothing was sent.
      this.#remove(messageId)
      return Promise.reject(this.#unwritten(error))
    }
    return pending.done.promise
  }

  #ended(messageId: string, pending: Pending, error: unknown): void {
    // The publisher of a late message has its error already.
    if (!this.#remove(messageId)) return
    if (!error) {
      this.#sizes.confirmed(pending.size)
      pending.done.resolve(pending.returned ? 'unroutable' : 'stored')
    } else if ((error as Error).message === 'message nacked') pending.done.reject(nacked(error))
    // The channel ends: the reason is known when all unconfirmed messages have been reported.
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
    // Emitted before the unconfirmed messages fail.
    channel.once('error', (error) => {
      reason = error
    })
    const frames = new FrameBatch(channel)
    // Called after them: the library's own listener is the first.
    channel.once('close', () => {
      if (this.#frames === frames) this.#frames = undefined
      this.#pickUp(reason)
    })
    this.#frames = frames
    return frames
  }

  /** The channel has ended. If one message was the reason, the others are published again, in their order. */
  #pickUp(reason: Error | undefined): void {
    const fallen = this.#fallen
    this.#fallen = []
    const away = this.#connection.unavailable(reason ?? new Error('the channel has ended'))
    const refusal = refusalOf(reason, this.#sizes, away)
    const problems = fallen.map(({ message, size }) => {
      if (!refusal) return away
      return refusal.problemOf(message, size) ?? (fallen.length === 1 ? refusal.error : undefined)
    })
    // If the text names none of them, each is sent alone, which shows the one that is refused.
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
      // While the event loop was blocked no confirmation could be read: that time does not count.
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
    // Headers that are too long, or of a type that AMQP does not have; numbers that are not finite.
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
