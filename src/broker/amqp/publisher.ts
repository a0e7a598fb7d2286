import type { Message, Options } from 'amqplib'
import { Deferred } from '../../std/deferred.ts'
import { EncodeError, StoreUnavailableError } from '../../std/errors.ts'
import type { AmqpConnection } from './connection.ts'
import type { Target } from './frames.ts'
import { Outlet } from './outlet.ts'

/** A message as it crosses the wire. */
export interface Outgoing extends Target {
  readonly content: string | Uint8Array
  readonly options: Options.Publish
}

/** What became of it: `unroutable` only where it was mandatory. */
export type Fate = 'stored' | 'unroutable'

interface Pending {
  since: number
  readonly done: Deferred<Fate>
  returned: boolean
}

/** How often it is looked whether a confirmation is late, ms. */
const LOOK = 250

/**
 * Publishes on one channel with confirmations, each as soon as it is asked for: many are under way at once. A message whose connection
 * ends before it is confirmed may have arrived or not: its publisher is told that the store is away.
 */
export class Publisher {
  readonly #connection: AmqpConnection
  readonly #wait: number
  readonly #pending = new Map<string, Pending>()
  #outlet: Outlet | undefined
  #opening: Promise<Outlet> | undefined
  /** Why the server has ended the last channel. */
  #reason: Error | undefined
  #looking: NodeJS.Timeout | undefined
  #count = 0

  /** `wait`: how long a confirmation may take, ms. */
  constructor(connection: AmqpConnection, wait: number) {
    this.#connection = connection
    this.#wait = wait
  }

  publish(message: Outgoing): Promise<Fate> {
    return this.#outlet && !this.#connection.blocked ? this.#send(this.#outlet, message) : this.#sendWhenOpen(message)
  }

  async #sendWhenOpen(message: Outgoing): Promise<Fate> {
    if (this.#connection.blocked) await this.#connection.flowing()
    return this.#send(this.#outlet ?? (await this.#open()), message)
  }

  #send(outlet: Outlet, message: Outgoing): Promise<Fate> {
    // By this number a message that comes back is known again: Celery makes no use of the property.
    const messageId = String(++this.#count)
    const pending: Pending = { since: performance.now(), done: new Deferred(), returned: false }
    this.#pending.set(messageId, pending)
    this.#look()
    try {
      outlet.write(message, { ...message.options, messageId }, message.content, (error: unknown) => {
        this.#pending.delete(messageId)
        if (error) pending.done.reject(this.#refusal(error))
        else pending.done.resolve(pending.returned ? 'unroutable' : 'stored')
      })
    } catch (error) {
      // It was closed a moment ago, or the properties cannot be written: nothing has left.
      this.#pending.delete(messageId)
      return Promise.reject(this.#unwritten(error))
    }
    return pending.done.promise
  }

  #open(): Promise<Outlet> {
    this.#opening ??= this.#prepare().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #prepare(): Promise<Outlet> {
    const channel = await this.#connection.confirmChannel()
    channel.on('return', ({ properties }: Message) => {
      const pending = this.#pending.get(String(properties.messageId))
      if (pending) pending.returned = true
    })
    // Told before what is under way on it fails.
    channel.once('error', (error) => {
      this.#reason = error
    })
    const outlet = new Outlet(channel)
    channel.once('close', () => {
      if (this.#outlet === outlet) this.#outlet = undefined
    })
    this.#outlet = outlet
    this.#reason = undefined
    return outlet
  }

  #look(): void {
    if (this.#looking) return
    let last = performance.now()
    this.#looking = setInterval(() => {
      const now = performance.now()
      const late = now - last - LOOK
      last = now
      // While the event loop was blocked nothing could be heard: that time does not count.
      if (late > LOOK) for (const pending of this.#pending.values()) pending.since += late
      for (const [id, { since, done }] of this.#pending) {
        if (now - since < this.#wait) break
        this.#pending.delete(id)
        const why = this.#connection.problem?.message
        done.reject(
          new StoreUnavailableError(
            `RabbitMQ has not confirmed a message for ${this.#wait} ms${why ? `: ${why}` : ''}`,
          ),
        )
      }
      if (this.#pending.size > 0) return
      clearInterval(this.#looking)
      this.#looking = undefined
    }, LOOK)
    this.#looking.unref()
  }

  #unwritten(error: unknown): Error {
    if (error instanceof TypeError) return error
    // Headers that are too long, numbers that are none.
    if (error instanceof RangeError)
      return new EncodeError(`RabbitMQ: a message cannot be written: ${error.message}`, { cause: error })
    return this.#connection.unavailable(error)
  }

  #refusal(error: unknown): StoreUnavailableError {
    const nacked = (error as Error).message === 'message nacked'
    if (!nacked) return this.#connection.unavailable(this.#reason ?? error)
    return new StoreUnavailableError('RabbitMQ refused a message: a queue is full, or cannot store it now', {
      cause: error,
    })
  }
}
