import type { Channel, GetMessage } from 'amqplib'
import { calledTask, type Envelope } from '../../../protocol/envelope.ts'
import { decodeTask } from '../../../protocol/message.ts'
import { ALL_CONTENT_TYPES } from '../../../protocol/serializer.ts'
import { CeleriacError, ConfigError } from '../../../std/errors.ts'
import type { AmqpConnection } from '../connection/connection.ts'
import { ACCESS_REFUSED, forbidden, NOT_FOUND, RESOURCE_LOCKED, replyCodeOf, type Topology } from '../topology.ts'
import { AckBatch } from './ackBatch.ts'
import { AmqpDelivery } from './delivery.ts'

/** Messages of no task that are passed over in one step: the server returns them to where they were. */
const MAX_PASSED_OVER = 100
/** The server's code for what this kind of queue does not do, as a stream. */
const NOT_IMPLEMENTED = 540

interface Session {
  readonly channel: Channel
  readonly acks: AckBatch
}

/**
 * Takes messages from the heads of queues by `basic.get`, as any consumer would get them next: unacknowledged, so that
 * the server delivers them again if this process dies. Without priorities the head is the oldest message. On a channel
 * of its own, and on the connection that does not publish: a server short of memory would not read from the other one.
 */
export class OldestMessages {
  readonly #connection: AmqpConnection
  readonly #topology: Topology
  #session: Promise<Session> | undefined

  constructor(connection: AmqpConnection, topology: Topology) {
    this.#connection = connection
    this.#topology = topology
  }

  /** As `Broker.takeOldest`. */
  async take(queue: string, count: number): Promise<readonly AmqpDelivery[]> {
    if (this.#topology.hasPriorities(queue))
      throw new ConfigError(`queue ${queue}: expected no maxPriority, as its head is the most urgent message`)
    await this.#topology.declared(queue)
    const session = await this.#open()
    const taken: AmqpDelivery[] = []
    const others: AmqpDelivery[] = []
    try {
      while (taken.length < count && others.length < MAX_PASSED_OVER) {
        const message = await session.channel.get(queue)
        if (!message) break
        const delivery = deliveryOf(message, queue, session)
        const list = isJob(delivery.envelope) ? taken : others
        list.push(delivery)
      }
    } catch (error) {
      // The channel has ended, so the server has returned all of them.
      this.#topology.forgetQueue(queue)
      if (replyCodeOf(error) === NOT_FOUND) return []
      throw this.#errorOf(error, queue)
    }
    await Promise.all(others.map((delivery) => delivery.reject({ requeue: true })))
    return taken
  }

  #errorOf(error: unknown, queue: string): Error {
    const code = replyCodeOf(error)
    if (code === ACCESS_REFUSED) return forbidden(error as Error)
    if (code !== RESOURCE_LOCKED && code !== NOT_IMPLEMENTED) return this.#connection.errorOf(error)
    const text = `queue ${queue}: expected a queue that gives single messages; the server says: ${(error as Error).message}`
    return new ConfigError(text, { cause: error })
  }

  #open(): Promise<Session> {
    if (this.#session !== undefined) return this.#session
    const opening = this.#begin(() => {
      if (this.#session === opening) this.#session = undefined
    })
    this.#session = opening
    return opening
  }

  async #begin(ended: () => void): Promise<Session> {
    try {
      const channel = await this.#connection.channel()
      const acks = new AckBatch(channel, () => channel.prefetch(0, false))
      channel.once('close', () => {
        acks.end()
        ended()
      })
      return { channel, acks }
    } catch (error) {
      ended()
      throw error
    }
  }
}

/** Of protocol 1 the body says that it calls a task, and the correlation id is that of the task, too. */
function isJob(envelope: Envelope): boolean {
  const { headers, properties } = envelope
  if (headers.task !== undefined || properties.correlationId === undefined) return calledTask(envelope) !== undefined
  try {
    decodeTask(envelope, ALL_CONTENT_TYPES)
    return true
  } catch (error) {
    if (error instanceof CeleriacError) return false
    throw error
  }
}

function deliveryOf(message: GetMessage, queue: string, { acks }: Session): AmqpDelivery {
  const { deliveryTag } = message.fields
  acks.add(deliveryTag)
  const settle = (ending: Parameters<AckBatch['settle']>[1]): Promise<boolean> => acks.settle(deliveryTag, ending)
  return new AmqpDelivery(
    message,
    queue,
    settle,
    () => undefined,
    () => !acks.ended,
  )
}
