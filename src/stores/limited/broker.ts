import { type Backlog, earliest } from '../../broker/backlog.ts'
import type {
  Broker,
  ConsumeOptions,
  Consumer,
  Delivery,
  PublishOptions,
  Purged,
  Queue,
  Route,
} from '../../broker/broker.ts'
import { laneOf } from '../../broker/lane.ts'
import type { LimitStore } from '../../broker/limits.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { LIMITS_HEADER } from '../../protocol/limits.ts'
import { LimitedConsumer } from './consumer.ts'

/**
 * A broker that keeps no limits, beside another one that does: messages with limits wait in the lanes of the second,
 * under the same queue, and its consumers take from both. What is sent to a named exchange goes by the first without
 * its limits: the worker that gets it puts it into its lane.
 */
export class LimitedBroker implements Broker {
  readonly url: string
  readonly note: string
  readonly first: Broker['first']
  readonly turns?: 'random'
  readonly sharedWithCelery?: true
  readonly limits: LimitStore
  readonly workers?: NonNullable<Broker['workers']>
  /** The first finds nothing: where it could, it would keep limits itself. */
  readonly finds = 'limited'
  readonly find?: NonNullable<Broker['find']>
  readonly change?: NonNullable<Broker['change']>
  /** Where both can: else one that waits and is revoked ends when its turn comes. */
  readonly take?: NonNullable<Broker['take']>
  /** Of the lanes where nothing else waits. */
  readonly takeOldest?: NonNullable<Broker['takeOldest']>
  /** Where both can. */
  readonly peek?: NonNullable<Broker['peek']>
  readonly #messages: Broker
  readonly #lanes: Broker

  /** Throws TypeError where `lanes` keeps no limits. */
  constructor(messages: Broker, lanes: Broker) {
    if (!lanes.limits) throw new TypeError(`expected a broker with limits, got ${lanes.url}`)
    this.#messages = messages
    this.#lanes = lanes
    this.limits = lanes.limits
    this.url = messages.url
    this.note = [messages.note, `limits in ${lanes.url}`].filter((text) => text !== undefined).join('; ')
    this.first = messages.first
    if (messages.turns) this.turns = messages.turns
    if (messages.sharedWithCelery) this.sharedWithCelery = messages.sharedWithCelery
    const { find, change } = lanes
    if (find) this.find = (id, queue) => find.call(lanes, id, queue)
    if (change) this.change = (id, queue, edit) => change.call(lanes, id, queue, edit)
    const { workers, take, takeOldest, peek } = messages
    if (workers) this.workers = (queue) => workers.call(messages, queue)
    if (take && lanes.take)
      this.take = async (id, queue) => (await lanes.take?.(id, queue)) ?? take.call(messages, id, queue)
    if (takeOldest)
      this.takeOldest = async (queue, count) => {
        const taken = await takeOldest.call(messages, queue, count)
        return taken.length > 0 ? taken : oldestOf(lanes, queue, count)
      }
    if (peek && lanes.peek)
      this.peek = async (queue, count) => {
        const found = await peek.call(messages, queue, count)
        const left = count - found.length
        return left > 0 ? [...found, ...((await lanes.peek?.(queue, left)) ?? [])] : found
      }
  }

  publish(envelope: Envelope, route: Route, options: PublishOptions = {}): Promise<void> {
    if (laneOf(route.routingKey, envelope.headers) === undefined)
      return this.#messages.publish(envelope, route, options)
    if (route.exchange === '') return this.#lanes.publish(envelope, route, { notBefore: options.notBefore })
    const { [LIMITS_HEADER]: _, ...headers } = envelope.headers
    return this.#messages.publish({ ...envelope, headers }, route, options)
  }

  check(envelope: Envelope, route: Route): void {
    const isLimited = route.exchange === '' && laneOf(route.routingKey, envelope.headers) !== undefined
    const broker = isLimited ? this.#lanes : this.#messages
    broker.check?.(envelope, route)
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    const kept = queues.filter(({ transient }) => !transient)
    if (kept.length === 0) return this.#messages.consume(queues, options)
    const lanes = await this.#lanes.consume(
      kept.map(({ name }) => ({ name })),
      options,
    )
    try {
      return new LimitedConsumer(await this.#messages.consume(queues, options), lanes, options.prefetch)
    } catch (error) {
      // The caller gets this error.
      await lanes.release().catch(() => undefined)
      throw error
    }
  }

  async size(queue: string): Promise<number> {
    const sizes = await Promise.all([this.#messages.size(queue), this.#lanes.size(queue)])
    return sizes[0] + sizes[1]
  }

  async backlog(queues: readonly string[]): Promise<Backlog> {
    const [messages, lanes] = await Promise.all([this.#messages.backlog(queues), this.#lanes.backlog(queues)])
    const both = queues.map((queue) => {
      const found = [messages.queues.get(queue), lanes.queues.get(queue)]
      const waiting = found.reduce((sum, one) => sum + (one?.waiting ?? 0), 0)
      return [queue, { waiting, oldest: earliest(found.map((one) => one?.oldest)) }] as const
    })
    return { queues: new Map(both), delayed: messages.delayed, held: messages.held }
  }

  async purge(queue: string): Promise<Purged> {
    const purged = await Promise.all([this.#messages.purge(queue), this.#lanes.purge(queue)])
    return {
      count: purged[0].count + purged[1].count,
      taskIds: purged.flatMap(({ taskIds }) => taskIds),
      parts: purged.flatMap(({ parts }) => parts),
    }
  }

  /** Of the first; the store of the second is closed by those who opened it. */
  close(): Promise<void> {
    return this.#messages.close()
  }
}

async function oldestOf(broker: Broker, queue: string, count: number): Promise<readonly Delivery[]> {
  const ids = (await broker.oldest?.(queue, count)) ?? []
  const taken = await Promise.all(ids.map((id) => broker.take?.(id, queue)))
  return taken.filter((delivery) => delivery !== undefined)
}
