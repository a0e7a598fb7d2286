import type { Channel, ConsumeMessage } from 'amqplib'
import { Deferred } from '../../../std/deferred.ts'
import { StoreUnavailableError } from '../../../std/errors.ts'
import { namePart, uuid } from '../../../std/id.ts'
import type { AmqpConnection } from '../connection/connection.ts'
import { HELD_HEADER, LOST_HEADER, withoutWay } from '../envelope.ts'
import type { Fate, Outgoing } from '../publish/publisher.ts'
import { replyCodeOf, type Topology } from '../topology.ts'
import { AckBatch, type Settle } from './ackBatch.ts'
import type { AmqpDelivery } from './delivery.ts'

export interface HoldByCopyParts {
  readonly connection: AmqpConnection
  readonly topology: Topology
  publish(message: Outgoing): Promise<Fate>
}

export interface HoldByCopyOptions extends HoldByCopyParts {
  /** Called when no copy is ours any more. */
  lost(): void
}

/** How long a copy waits for this consumer before the server returns it to its queue, ms. */
const COPY_TTL_MS = 1000
const QUEUE_EXPIRES_MS = 600_000
/** Bytes that remain of a queue's name after `.held.` and a UUID. */
const MAX_QUEUE_NAME_BYTES = 255 - 42

interface Session {
  readonly channel: Channel
  readonly acks: AckBatch
}

/**
 * Holds messages by copies: a copy is sent to a queue of our own, is delivered to us at once, and the first message is
 * acknowledged. So the time that the server lets a delivery be unacknowledged (`consumer_timeout`, 30 minutes) begins
 * again, and the copy can carry how often its holders died. If this process dies, the server requeues the copy, no
 * consumer takes it, and it is dead-lettered to the queue that the message came from; a copy that is released is
 * dead-lettered at once. Between copy and acknowledgement both exist: a death in that moment runs the task twice, a
 * death at any other moment runs it once more, as usual.
 */
export class HoldByCopy {
  readonly #parts: HoldByCopyOptions
  readonly #name: string = uuid()
  readonly #coming = new Map<string, Deferred<Settle>>()
  /** By the names of our own queues: consumed, or about to be. */
  readonly #queues = new Map<string, Promise<void>>()
  #session: Promise<Session> | undefined
  #count = 0

  constructor(parts: HoldByCopyOptions) {
    this.#parts = parts
  }

  /**
   * Make a copy that we hold; resolves to how it is settled. Rejects with StoreUnavailableError, and may then have left
   * a copy that runs again.
   */
  async copy({ queue, message, lost }: AmqpDelivery): Promise<Settle> {
    const { channel } = await this.#open()
    const name = `${namePart(queue, MAX_QUEUE_NAME_BYTES)}.held.${this.#name}`
    await this.#consume(channel, queue, name)
    const key = String(++this.#count)
    const coming = new Deferred<Settle>()
    this.#coming.set(key, coming)
    coming.promise.catch(() => undefined)
    // The server refuses a message that names another user as its sender.
    const { headers, userId: _, ...properties } = message.properties
    const options = {
      ...properties,
      headers: { ...withoutWay(headers ?? {}), [HELD_HEADER]: key, [LOST_HEADER]: lost },
    }
    try {
      const fate = await this.#parts.publish({
        exchange: '',
        routingKey: name,
        content: message.content,
        options,
        mandatory: true,
      })
      if (fate === 'unroutable') throw new StoreUnavailableError(`queue ${name}: it was deleted`)
      return await coming.promise
    } finally {
      this.#coming.delete(key)
    }
  }

  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined)
    this.#session = undefined
    // To the queues that they came from: rejected now, it does not count as a death.
    await session?.acks.settleRest('drop')
    await session?.channel.close().catch(() => undefined)
  }

  #open(): Promise<Session> {
    this.#session ??= this.#prepare().catch((error: unknown) => {
      this.#session = undefined
      throw error
    })
    return this.#session
  }

  async #prepare(): Promise<Session> {
    const channel = await this.#parts.connection.channel()
    const acks = new AckBatch(channel, () => channel.prefetch(0, false))
    channel.once('close', () => {
      this.#session = undefined
      this.#queues.clear()
      acks.end()
      const error = new StoreUnavailableError('RabbitMQ: the channel of messages that are held by copies has ended')
      for (const coming of this.#coming.values()) coming.reject(error)
      this.#parts.lost()
    })
    return { channel, acks }
  }

  #consume(channel: Channel, queue: string, name: string): Promise<void> {
    let consumed = this.#queues.get(name)
    if (!consumed) {
      consumed = this.#begin(channel, queue, name)
      this.#queues.set(name, consumed)
      consumed.catch(() => this.#queues.delete(name))
    }
    return consumed
  }

  async #begin(channel: Channel, queue: string, name: string): Promise<void> {
    const { connection, topology } = this.#parts
    const args = {
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': queue,
      'x-message-ttl': COPY_TTL_MS,
      'x-expires': QUEUE_EXPIRES_MS,
      ...(topology.isQuorum(queue) && {
        'x-queue-type': 'quorum',
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      }),
    }
    await topology.declare((own) => own.assertQueue(name, { durable: true, arguments: args }))
    const received = (message: ConsumeMessage | null): void => {
      if (message) void this.#arrived(message)
      else this.#queues.delete(name)
    }
    await channel.consume(name, received).catch((error: unknown) => {
      throw replyCodeOf(error) === undefined ? connection.errorOf(error) : error
    })
  }

  async #arrived(message: ConsumeMessage): Promise<void> {
    const session = await this.#session
    const { deliveryTag } = message.fields
    if (!session) return
    const { acks } = session
    acks.add(deliveryTag)
    const coming = this.#coming.get(String(message.properties.headers?.[HELD_HEADER]))
    // A copy that no caller waits for any more is dead-lettered, as all that is rejected here: it may be the only one.
    if (coming) coming.resolve((ending) => acks.settle(deliveryTag, ending === 'requeue' ? 'drop' : 'ack'))
    else void acks.settle(deliveryTag, 'drop')
  }
}
