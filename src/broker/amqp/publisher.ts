import type { ConfirmChannel, Message, Options } from 'amqplib'
import { Deferred } from '../../std/deferred.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import type { AmqpConnection } from './connection.ts'

/** A message as it crosses the wire. */
export interface Outgoing {
  readonly exchange: string
  readonly routingKey: string
  readonly content: Buffer
  readonly options: Options.Publish
  /** Tell when it reached no queue. */
  readonly mandatory: boolean
}

/** What became of it: `unroutable` only where it was mandatory. */
export type Fate = 'stored' | 'unroutable'

interface Pending {
  readonly since: number
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
  #channel: ConfirmChannel | undefined
  #opening: Promise<ConfirmChannel> | undefined
  /** Why the server has ended the last channel. */
  #reason: Error | undefined
  #looking: NodeJS.Timeout | undefined
  #count = 0

  /** `wait`: how long a confirmation may take, ms. */
  constructor(connection: AmqpConnection, wait: number) {
    this.#connection = connection
    this.#wait = wait
  }

  async publish(message: Outgoing): Promise<Fate> {
    if (this.#connection.blocked) await this.#connection.flowing()
    return this.#send(this.#channel ?? (await this.#open()), message)
  }

  #send(channel: ConfirmChannel, { exchange, routingKey, content, options, mandatory }: Outgoing): Promise<Fate> {
    // By this number a message that comes back is known again: Celery makes no use of the property.
    const messageId = String(++this.#count)
    const pending: Pending = { since: performance.now(), done: new Deferred(), returned: false }
    this.#pending.set(messageId, pending)
    this.#look()
    try {
      channel.publish(exchange, routingKey, content, { ...options, mandatory, messageId }, (error: unknown) => {
        this.#pending.delete(messageId)
        if (error) pending.done.reject(this.#refusal(error))
        else pending.done.resolve(pending.returned ? 'unroutable' : 'stored')
      })
    } catch (error) {
      // It was closed a moment ago, or the properties cannot be written: nothing has left.
      this.#pending.delete(messageId)
      return Promise.reject(error instanceof TypeError ? error : this.#connection.unavailable(error))
    }
    return pending.done.promise
  }

  #open(): Promise<ConfirmChannel> {
    this.#opening ??= this.#prepare().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #prepare(): Promise<ConfirmChannel> {
    const channel = await this.#connection.confirmChannel()
    channel.on('return', ({ properties }: Message) => {
      const pending = this.#pending.get(String(properties.messageId))
      if (pending) pending.returned = true
    })
    // Told before what is under way on it fails.
    channel.once('error', (error) => {
      this.#reason = error
    })
    channel.once('close', () => {
      if (this.#channel === channel) this.#channel = undefined
    })
    this.#channel = channel
    this.#reason = undefined
    return channel
  }

  #look(): void {
    if (this.#looking) return
    this.#looking = setInterval(() => {
      const now = performance.now()
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

  #refusal(error: unknown): StoreUnavailableError {
    const nacked = (error as Error).message === 'message nacked'
    if (!nacked) return this.#connection.unavailable(this.#reason ?? error)
    return new StoreUnavailableError('RabbitMQ refused a message: a queue is full, or cannot store it now', {
      cause: error,
    })
  }
}
