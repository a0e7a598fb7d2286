import type { Backlog, QueueBacklog } from '../../broker/backlog.ts'
import {
  type Broker,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  MAX_PURGED_PARTS,
  type PublishOptions,
  type Purged,
  type Queue,
  type Route,
} from '../../broker/broker.ts'
import type { QueueOptions } from '../../broker/queueOptions.ts'
import { ignoredWarning } from '../../broker/urlParameters.ts'
import { type Envelope, mayBePart } from '../../protocol/envelope.ts'
import { EVENT_EXCHANGE } from '../../protocol/event.ts'
import { type Clock, systemClock } from '../../std/clock.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import { redactUrl } from '../../std/url.ts'
import { dial, dialRelayed } from './connection/client.ts'
import { AmqpConnection } from './connection/connection.ts'
import type { ProbePace } from './connection/livenessProbe.ts'
import { relay } from './connection/relay.ts'
import { AmqpConsumer } from './consume/consumer.ts'
import { ConsumerClock } from './consume/holdRenewal.ts'
import type { OldestMessages } from './consume/oldestMessages.ts'
import { Delays, delayQueues, isPassage } from './delays.ts'
import { readEnvelope, withoutWay, writeProperties } from './envelope.ts'
import { requireName, requireSendable, requireShort } from './limits.ts'
import { type Outgoing, Publisher } from './publish/publisher.ts'
import { SizeLimit } from './publish/sizeLimit.ts'
import { Topology } from './topology.ts'
import { AMQP_IGNORED, parseAmqpUrl } from './url.ts'

export interface AmqpOptions {
  /** How task queues are declared, by name. */
  readonly queues?: Readonly<Record<string, QueueOptions>>
  /** How long a call waits for a server that is unavailable or takes no messages, ms. Default 10 s. */
  readonly storeTimeout?: number
  /**
   * RabbitMQ's `consumer_timeout`, ms: a message that is held for half as long is renewed. Default 30 min, as the
   * server's.
   */
  readonly consumerTimeout?: number
  /** How soon a dead connection is noticed. Default: a probe every 5 s, an answer within 3 s. */
  readonly probe?: ProbePace
  /**
   * Called when the server requeued tasks because they ran for longer than that, and with ignored parameters of the
   * URL.
   */
  readonly warn?: (message: string) => void
  /** Whose moments delays are; the server counts the time that is left. Default: the system's. */
  readonly clock?: Clock
}

const STORE_TIMEOUT_MS = 10_000
/** How many messages of a queue a purge reads for their task ids; the rest is dropped unread. */
const MAX_PURGED_IDS = 10_000

/**
 * Messages in RabbitMQ, in queues that are declared as Celery does, so that Celery's workers and clients share them.
 */
export class AmqpBroker implements Broker {
  readonly url: string
  readonly first = 'highest'
  readonly turns = 'random'
  readonly sharedWithCelery = true
  /**
   * A server short of memory stops reading from connections that publish: held messages must be settled nevertheless,
   * so another connection does that.
   */
  readonly #publishing: AmqpConnection
  readonly #connection: AmqpConnection
  /** For task queues: the server must not give its messages to others because a task blocks the event loop. */
  readonly #consuming: AmqpConnection
  readonly #topology: Topology
  readonly #delays: Delays
  readonly #tasks: Publisher
  /**
   * For exchanges, which may be gone: the server then ends the channel, and the messages that are not confirmed yet
   * with it.
   */
  readonly #others: Publisher
  readonly #delayed: Publisher
  readonly #clock: ConsumerClock
  readonly #time: Clock
  readonly #consumers = new Set<AmqpConsumer>()
  /** Loaded when the first queue is full whose oldest job is to be dropped. */
  #oldest: Promise<OldestMessages> | undefined

  /** Throws ConfigError for a URL that cannot be read, ArgumentError for a name of a queue that is too long. */
  constructor(
    url: string,
    {
      queues = {},
      storeTimeout: wait = STORE_TIMEOUT_MS,
      consumerTimeout,
      probe,
      warn,
      clock = systemClock,
    }: AmqpOptions = {},
  ) {
    const addresses = parseAmqpUrl(url)
    for (const name of Object.keys(queues)) requireShort(name, 'queues')
    this.url = redactUrl(url)
    const ignored = addresses.flatMap((address) => address.ignored)
    if (ignored.length > 0) warn?.(ignoredWarning(this.url, ignored, AMQP_IGNORED))
    const shared = { addresses, wait, probe, standing: { accepted: false } }
    this.#publishing = new AmqpConnection({ ...shared, name: 'celeriac publisher', dial })
    this.#connection = new AmqpConnection({ ...shared, name: 'celeriac', dial })
    this.#consuming = new AmqpConnection({ ...shared, name: 'celeriac consumer', dial: dialRelayed })
    this.#topology = new Topology(this.#connection, queues)
    this.#delays = new Delays(this.#topology)
    this.#clock = new ConsumerClock(consumerTimeout, warn)
    this.#time = clock
    this.#connection.onOpen(() => this.#delays.forget())
    const sizes = new SizeLimit()
    this.#publishing.onOpen(() => sizes.forget())
    this.#tasks = new Publisher(this.#publishing, wait, sizes)
    this.#others = new Publisher(this.#publishing, wait, sizes)
    this.#delayed = new Publisher(this.#publishing, wait, sizes)
  }

  async publish(
    envelope: Envelope,
    route: Route,
    { notBefore, transient = false }: PublishOptions = {},
  ): Promise<void> {
    const { exchange, routingKey } = route
    this.check(envelope, route)
    if (exchange !== '') return this.#toExchange(envelope, route)
    const wait = notBefore === undefined ? 0 : notBefore - this.#time.now()
    if (wait > 0) return this.#later(envelope, routingKey, notBefore as number)
    const message = { exchange, routingKey, content: envelope.body, options: writeProperties(envelope) }
    // The reader of such a queue declared it: without the queue, no process waits for the message.
    if (transient) await this.#tasks.publish({ ...message, mandatory: false })
    else {
      await this.#routed(
        () => this.#topology.queue(routingKey),
        () => this.#topology.forgetQueue(routingKey),
        () => this.#tasks.publish({ ...message, mandatory: true }),
        routingKey,
      )
    }
  }

  check(envelope: Envelope, route: Route): void {
    requireSendable(envelope, route)
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    requireName(options.name)
    for (const { name } of queues) requireShort(name, 'queue')
    // Replies and remote control are sent again, or are of no use to a process whose event loop was blocked.
    const relayed = !queues.every(({ transient }) => transient)
    if (relayed) relay.check()
    const parts = {
      connection: relayed ? this.#consuming : this.#connection,
      topology: this.#topology,
      clock: this.#clock,
      publish: (message: Outgoing) => this.#tasks.publish(message),
      problem: () => this.#consuming.problem ?? this.#connection.problem ?? this.#publishing.problem,
      released: (consumer: AmqpConsumer) => this.#consumers.delete(consumer),
    }
    const consumer = new AmqpConsumer(parts, queues, options)
    await consumer.start()
    this.#consumers.add(consumer)
    return consumer
  }

  async takeOldest(queue: string, count: number): Promise<readonly Delivery[]> {
    requireShort(queue, 'queue')
    this.#oldest ??= import('./consume/oldestMessages.ts').then(
      (loaded) => new loaded.OldestMessages(this.#connection, this.#topology),
    )
    return (await this.#oldest).take(queue, count)
  }

  async size(queue: string): Promise<number> {
    requireShort(queue, 'queue')
    return (await this.#topology.size(queue)) ?? 0
  }

  /** The server shows no message without delivering it, and has no count of all that is delayed or held. */
  async backlog(queues: readonly string[]): Promise<Backlog> {
    const found = queues.map(async (queue): Promise<[string, QueueBacklog]> => {
      requireShort(queue, 'queue')
      return [queue, { waiting: await this.#topology.recentSize(queue), oldest: undefined }]
    })
    return { queues: new Map(await Promise.all(found)), delayed: undefined, held: undefined }
  }

  async workers(queue: string): Promise<number> {
    return this.#topology.consumers(queue)
  }

  async purge(queue: string): Promise<Purged> {
    requireShort(queue, 'queue')
    const taskIds: string[] = []
    const parts: Envelope[] = []
    let count = 0
    // From the longest delay to the shortest, and then the queue itself, so that no message is missed.
    for (const name of [...delayQueues(queue), queue]) {
      if ((await this.#topology.size(name)) === undefined) continue
      count += await this.#topology.declare(async (channel) => {
        let read = 0
        for (; read < MAX_PURGED_IDS; read++) {
          const message = await channel.get(name, { noAck: true })
          if (!message) return read
          const { correlationId } = message.properties
          if (typeof correlationId === 'string') taskIds.push(correlationId)
          const envelope = readEnvelope(message, isPassage)
          if (mayBePart(envelope) && parts.length < MAX_PURGED_PARTS) parts.push(envelope)
        }
        return read + (await channel.purgeQueue(name)).messageCount
      })
    }
    return { count, taskIds, parts }
  }

  async close(): Promise<void> {
    try {
      await Promise.all([...this.#consumers].map((consumer) => consumer.release()))
    } finally {
      await Promise.all([this.#publishing, this.#connection, this.#consuming].map((connection) => connection.close()))
    }
  }

  /**
   * Also a message that contains its time (Celery's eta): in the queue it would occupy a slot of its consumer until
   * then.
   */
  async #later(envelope: Envelope, queue: string, notBefore: number): Promise<void> {
    // The server counts a message's own expiration from the beginning in each queue, and drops the message then.
    // Workers use the header.
    const { expiration: _, ...properties } = envelope.properties
    const headers = withoutWay(envelope.headers)
    const options = writeProperties({ ...envelope, headers, properties })
    const content = envelope.body
    await this.#routed(
      // The queue could be gone when the delay is over.
      () => this.#topology.queue(queue),
      () => {
        this.#topology.forgetQueue(queue)
        this.#delays.forget()
      },
      async () => {
        const route = await this.#delays.route(queue, notBefore - this.#time.now())
        return this.#delayed.publish({ ...route, content, options, mandatory: true })
      },
      queue,
    )
  }

  /** Declare, then publish; if the queue was deleted in between, once more. */
  async #routed(
    declare: () => Promise<void>,
    forget: () => void,
    publish: () => Promise<'stored' | 'unroutable'>,
    queue: string,
  ): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      await declare()
      try {
        if ((await publish()) === 'stored') return
      } catch (error) {
        // It is declared again at the next call. This message may have arrived: only a caller that accepts a second run
        // may send it again.
        forget()
        throw error
      }
      forget()
      if (attempt === 0) continue
      throw new StoreUnavailableError(
        `queue ${queue}: a message was returned as unroutable, even after it was declared again`,
      )
    }
  }

  /** To all queues that are bound to it; to have none is no error. */
  async #toExchange(envelope: Envelope, { exchange, routingKey, queues = [] }: Route): Promise<void> {
    for (const queue of queues) await this.#topology.bound(queue)
    // Made by the first sender, as Celery does: there is an event every few seconds, with or without a receiver.
    if (exchange === EVENT_EXCHANGE) await this.#topology.exchange(exchange, 'topic')
    else if (!(await this.#topology.hasExchange(exchange))) return
    const message = { exchange, routingKey, content: envelope.body, options: writeProperties(envelope) }
    try {
      await this.#others.publish({ ...message, mandatory: false })
    } catch (error) {
      // The exchange was lost when the server restarted, or with the queues that were bound to it.
      this.#topology.forgetExchange(exchange)
      if (await this.#topology.hasExchange(exchange)) throw error
    }
  }
}
