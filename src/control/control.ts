import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import type { Broker, Consumer } from '../broker/broker.ts'
import {
  type ControlRequest,
  controlRequest,
  REPLY_EXCHANGE,
  type ReplyTo,
  readReply,
  replyQueue,
} from '../protocol/control.ts'
import { ALL_CONTENT_TYPES, deserialize } from '../protocol/serializer.ts'
import { withDeadline } from '../std/deadline.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { uuid } from '../std/id.ts'
import { requireNode } from '../std/node.ts'
import { requireText, shown } from '../std/validate.ts'

requireNode()

/** What one worker answered, by its host name: `{ ok: … }` or `{ error: … }`, as Celery words it. */
export type ControlReply = Readonly<Record<string, unknown>>

/** Which workers are asked, and how long their answers are awaited. */
export interface ControlOptions {
  /** Host names of the workers that are meant. Default: all. */
  destination?: readonly string[] | undefined
  /** Longest wait for the next answer. Default `'1s'`. */
  timeout?: Duration | undefined
}

/** How tasks are revoked. */
export interface RevokeManyOptions extends ControlOptions {
  /** Also end running tasks by force, in pools that can. */
  terminate?: boolean | undefined
  /** Signal by which Celery's own workers end a running task. Default `'SIGTERM'`. */
  signal?: string | undefined
}

/**
 * Remote control of the workers on an app's broker, ours and Celery's. The number of workers is not known: each that
 * receives the command answers, and the wait ends when as many have answered as were named, or no more answers come.
 */
export class Control {
  readonly #app: App

  constructor(app: App) {
    this.#app = app
  }

  /** Which workers run: `[{ 'celeriac@host': { ok: 'pong' } }]`. Rejects with StoreUnavailableError. */
  ping(options: ControlOptions = {}): Promise<ControlReply[]> {
    return this.#ask({ method: 'ping', arguments: {} }, options)
  }

  /**
   * Ask that these tasks do not run, or stop, and remember it for workers that start later. Resolves with the answers
   * of the workers. As `AsyncResult.revoke`, for many at once, and without looking what became of them.
   */
  async revoke(ids: string | readonly string[], options: RevokeManyOptions = {}): Promise<ControlReply[]> {
    const { terminate = false, signal = 'SIGTERM', ...rest } = options
    const all = typeof ids === 'string' ? [ids] : ids
    for (const id of all) requireText(id, 'revoke: ids')
    const { backend } = await internalsOf(this.#app).stores()
    await backend.revoked.add(all)
    return this.#ask({ method: 'revoke', arguments: { task_id: all, terminate, signal } }, rest)
  }

  async #ask(command: Pick<ControlRequest, 'method' | 'arguments'>, options: ControlOptions): Promise<ControlReply[]> {
    const { destination, timeout = '1s' } = options
    const wait = milliseconds(timeout, 'timeout')
    if (destination !== undefined && !Array.isArray(destination))
      throw new ArgumentError(`destination: expected a list of host names, got ${shown(destination)}`)
    const { broker } = await internalsOf(this.#app).stores()
    // An address for this request alone: no other's answers come there, so the ticket need not be looked at.
    const oid = uuid()
    const replyTo: ReplyTo = { exchange: REPLY_EXCHANGE, routingKey: oid }
    const consumer = await listen(broker, replyTo)
    try {
      const { envelope, route } = controlRequest({ ...command, destination, ticket: oid, replyTo })
      await broker.publish(envelope, route)
      return await collect(consumer, wait, destination?.length)
    } finally {
      // Where the store is unavailable the queue expires by itself: the answers count.
      await consumer.release().catch(() => undefined)
    }
  }
}

/** Before the command is sent: a fast answer would find no consumer. */
function listen(broker: Broker, { exchange, routingKey }: ReplyTo): Promise<Consumer> {
  const bindings = [{ exchange, kind: 'direct', routingKey }] as const
  const queue = { name: replyQueue(routingKey), bindings, transient: true }
  return broker.consume([queue], { prefetch: 100, name: `control@${routingKey}` })
}

/** Answers until there are enough, or none comes for `wait` ms. */
async function collect(consumer: Consumer, wait: number, limit = Number.POSITIVE_INFINITY): Promise<ControlReply[]> {
  const replies: ControlReply[] = []
  const deliveries = consumer[Symbol.asyncIterator]()
  while (replies.length < limit) {
    const step = await withDeadline(deliveries.next(), wait, () => undefined)
    if (!step || step.done) break
    const { properties, body } = step.value.envelope
    await step.value.ack()
    replies.push(readReply(deserialize(body, properties.contentType, properties.contentEncoding, ALL_CONTENT_TYPES)))
  }
  return replies
}
