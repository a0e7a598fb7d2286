import type { Backlog } from '../../../broker/backlog.ts'
import {
  type Broker,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type FoundMessage,
  MAX_PURGED_PARTS,
  type MessageBytes,
  type MessageChange,
  type PublishOptions,
  type Purged,
  type Queue,
  type Route,
} from '../../../broker/broker.ts'
import { isLane, laneOf } from '../../../broker/lane.ts'
import { CONTROL_EXCHANGE } from '../../../protocol/control.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { type Clock, systemClock } from '../../../std/clock.ts'
import { uuid } from '../../../std/id.ts'
import { MESSAGE } from '../arguments.ts'
import { changeWaiting } from '../change.ts'
import { Batch } from '../connection/batch.ts'
import type { Arg, Command, RedisConnection } from '../connection/connection.ts'
import { readAnswers } from '../connection/errors.ts'
import { parseRedisUrl } from '../connection/url.ts'
import { RedisLimits } from '../limits/store.ts'
import { RedisConsumer } from './consumer.ts'
import { type Ending, type Hold, RedisDelivery } from './delivery.ts'
import { listedBytes, readEnvelope, writeEnvelope } from './envelope.ts'
import { Finder } from './finder.ts'
import { Keys, stepOf } from './keys.ts'
import { LeaseRenewer } from './leaseRenewer.ts'
import { locate } from './locator.ts'
import { Rescuer } from './rescuer.ts'
import { PARK, SETTLE } from './scripts.ts'
import { PURGE } from './searchScripts.ts'
import { laneTarget, routeTarget, SEND, SIGNAL_EXCHANGES, TRANSIENT_QUEUE_LIFETIME_MS } from './sending.ts'

export interface RedisOptions {
  /** How long a silent consumer keeps the messages that it holds, ms. */
  readonly lease: number
  /** Kombu's `global_keyprefix`. */
  readonly keyPrefix?: string
  /**
   * Kombu's `visibility_timeout`, ms: must be that of the Python workers on the same queues.
   */
  readonly visibilityTimeout: number
  /** Whose moments delays are. Default: the system's. */
  readonly clock?: Clock
}

/** A message to be pushed to its list. */
export interface Push {
  readonly list: string
  readonly text: string
}

/** Messages in Redis, in kombu's layout, so that Celery's own workers and clients share the queues. */
export class RedisBroker implements Broker {
  readonly url: string
  readonly first = 'lowest'
  readonly sharedWithCelery = true
  readonly connection: RedisConnection
  readonly keys: Keys
  readonly limits: RedisLimits
  readonly bytes: MessageBytes = {
    waiting: async (queue) => {
      const { bytesIn } = await import('../queueBytes.ts')
      return bytesIn(this.connection, this.keys, this.visibility, queue)
    },
    of: listedBytes,
  }
  readonly #renewer: LeaseRenewer
  readonly #rescuer: Rescuer
  readonly #finder: Finder
  readonly #visibility: number
  readonly #scoreOffset: number
  readonly #clock: Clock
  readonly #consumers = new Set<RedisConsumer>()
  readonly #pushes: Batch<Push, undefined>
  /** MESSAGE of each. */
  readonly #sends: Batch<readonly Arg[], boolean>
  readonly #endings: Batch<{ hold: Hold; ending: Ending }, boolean>

  /**
   * `url` is that of the connection, password included: a separate connection renews the leases. `close` leaves
   * `connection` open.
   */
  constructor(
    url: string,
    connection: RedisConnection,
    { lease, keyPrefix = '', visibilityTimeout, clock = systemClock }: RedisOptions,
  ) {
    this.connection = connection
    this.url = connection.url
    this.#clock = clock
    this.keys = new Keys(keyPrefix, parseRedisUrl(url).sentinels ? '{db}' : connection.db)
    this.#visibility = visibilityTimeout / 1000
    this.#scoreOffset = lease / 1000 - this.#visibility
    this.#renewer = new LeaseRenewer({ url, prefix: keyPrefix, lease, scoreOffset: this.#scoreOffset })
    const { keys } = this
    this.#rescuer = new Rescuer({ connection, keys, visibility: this.#visibility, every: lease / 4 })
    this.#finder = new Finder({ connection, keys, scoreOffset: this.#scoreOffset })
    this.#pushes = new Batch((pushes) => this.#push(pushes))
    this.#sends = new Batch((messages) => this.#send(messages))
    this.limits = new RedisLimits(connection, keys)
    this.#endings = new Batch((endings) => this.#end(endings))
  }

  async publish(
    envelope: Envelope,
    route: Route,
    { notBefore, selfTimed, transient }: PublishOptions = {},
  ): Promise<void> {
    if (SIGNAL_EXCHANGES.has(route.exchange)) {
      const { exchange, routingKey } = route
      const channel = `${this.keys.channel(exchange)}${routingKey === '' ? '' : `/${routingKey}`}`
      await this.connection.command('PUBLISH', channel, writeEnvelope(envelope, route, uuid()))
    } else if (route.exchange !== '' || laneOf(route.routingKey, envelope.headers)) {
      await this.#sends.add(this.sendArgs(envelope, route, selfTimed ? undefined : notBefore))
    } else if (notBefore !== undefined && !selfTimed && this.isAhead(notBefore)) {
      const [key, ...args] = this.park(envelope, route, notBefore)
      await this.connection.script(PARK, this.heldKeys, [this.#visibility, key, ...args])
    } else {
      const push = this.pushOf(envelope, route)
      await this.#pushes.add(push)
      // A queue whose reader is gone is not kept for ever. Celery keeps its reply queues for the same day.
      if (transient) await this.connection.command('PEXPIRE', push.list, TRANSIENT_QUEUE_LIFETIME_MS)
    }
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    await this.#renewer.open()
    const parts = {
      connection: this.connection,
      keys: this.keys,
      renewer: this.#renewer,
      rescuer: this.#rescuer,
      scoreOffset: this.#scoreOffset,
      settle: (hold: Hold, ending: Ending) => this.#endings.add({ hold, ending }),
      flush: () => this.#endings.flush(),
      released: (consumer: RedisConsumer) => this.#consumers.delete(consumer),
    }
    const consumer = new RedisConsumer(parts, queues, options)
    this.#consumers.add(consumer)
    try {
      return await consumer.start()
    } catch (error) {
      // Not awaited: the store is unavailable, and the remains of this consumer in it expire.
      consumer.release().catch(() => undefined)
      this.#consumers.delete(consumer)
      throw error
    }
  }

  async take(taskId: string, queue?: string): Promise<Delivery | undefined> {
    const found = await this.#finder.find(taskId, queue)
    if (!found) return undefined
    const { tag, text, name } = found
    // Its lease is not renewed: if this process dies before it settles the message, the message is rescued.
    const settle = (hold: Hold, ending: Ending): Promise<boolean> => this.#endings.add({ hold, ending })
    return new RedisDelivery(
      text,
      isLane(name) ? name : (queue ?? ''),
      { tag },
      { requeueing: () => undefined, settled: () => undefined, kept: () => undefined, settle },
    )
  }

  async find(taskId: string, queue: string): Promise<FoundMessage | undefined> {
    return (await locate(this, taskId, queue))?.found
  }

  change(taskId: string, queue: string, change: MessageChange): Promise<boolean> {
    return changeWaiting(this, taskId, queue, async (found) => {
      const message = change(found)
      return message && { message }
    })
  }

  async size(queue: string): Promise<number> {
    const commands = this.keys.lists(queue).map((list): Command => ['LLEN', list])
    const lengths = await this.connection.pipeline([...commands, ['HGET', this.keys.lanesWaiting, queue]])
    return lengths.reduce((sum: number, length) => sum + Number(length ?? 0), 0)
  }

  async oldest(queue: string, count: number): Promise<readonly string[]> {
    const { oldestIn } = await import('./backlog.ts')
    return oldestIn(this.connection, this.keys, queue, count)
  }

  async peek(queue: string, count: number): Promise<readonly Envelope[]> {
    const { peekIn } = await import('./backlog.ts')
    return peekIn(this.connection, this.keys, queue, count)
  }

  async backlog(queues: readonly string[]): Promise<Backlog> {
    const { readBacklog } = await import('./backlog.ts')
    return readBacklog(this.connection, this.keys, queues)
  }

  /**
   * How many clients an empty message to the channel of remote control reaches: all ignore it, kombu's too. Those that
   * have subscribed to all channels of such names, as monitors do, get the second one as well.
   */
  async workers(): Promise<number> {
    const channel = this.keys.channel(CONTROL_EXCHANGE)
    const answers = await this.connection.pipeline([
      ['PUBLISH', channel, ''],
      ['PUBLISH', `${channel}.none`, ''],
    ])
    const [all, others] = answers as [number, number]
    return Math.max(0, all - others)
  }

  async purge(queue: string): Promise<Purged> {
    const keys = [...this.heldKeys, ...this.keys.lists(queue)]
    const taskIds: string[] = []
    const parts: Envelope[] = []
    let count = 0
    let cursor = ''
    do {
      const answer = await this.connection.script(PURGE, keys, [queue, cursor, this.keys.prefix])
      const [next, dropped, ...found] = answer as [string, number, ...string[]]
      cursor = next
      count += dropped
      for (let at = 0; at < found.length; at += 2) {
        const text = found[at + 1] as string
        if (found[at] !== '') taskIds.push(found[at] as string)
        if (text !== '' && parts.length < MAX_PURGED_PARTS) parts.push(readEnvelope(text).envelope)
      }
    } while (cursor !== '0')
    return { count, taskIds, parts }
  }

  async close(): Promise<void> {
    try {
      await Promise.all([...this.#consumers].map((consumer) => consumer.release()))
    } finally {
      await this.#renewer.close()
    }
  }

  /** The three keys of held and delayed messages, as the scripts expect them. */
  get heldKeys(): string[] {
    return [this.keys.unacked, this.keys.index, this.keys.parked]
  }

  /** Seconds. */
  get visibility(): number {
    return this.#visibility
  }

  /** Settled, by any script: there is no lease to renew any more. */
  forget(holds: readonly Hold[]): void {
    this.#renewer.remove(holds)
  }

  /** A message of exchange '' as it is pushed to the list of its queue or lane. */
  pushOf(envelope: Envelope, route: Route): Push {
    const name = laneOf(route.routingKey, envelope.headers)?.name ?? route.routingKey
    const list = this.keys.list(name, stepOf(envelope.properties.priority ?? 0))
    return { list, text: writeEnvelope(envelope, route, uuid()) }
  }

  /** Arguments of the script that keeps a message until its time (ms since the epoch): tag, seconds, value. */
  park(envelope: Envelope, route: Route, notBefore: number): [tag: string, time: number, value: string] {
    const tag = uuid()
    const value = `[${writeEnvelope(envelope, route, tag)},${JSON.stringify(route.exchange)},${JSON.stringify(route.routingKey)}]`
    return [tag, this.#seconds(notBefore), value]
  }

  /** Seconds, by the server's clock, of a moment that is still to come; undefined of one that has passed. */
  secondsOf(notBefore: number): number | undefined {
    return this.isAhead(notBefore) ? this.#seconds(notBefore) : undefined
  }

  /** The server compares it with its own time: of another clock, the time that is left counts. */
  #seconds(moment: number): number {
    const own = this.#clock === systemClock ? moment : systemClock.now() + moment - this.#clock.now()
    return own / 1000
  }

  /** The moment is still to come, ms since the epoch. */
  isAhead(moment: number): boolean {
    return moment > this.#clock.now()
  }

  /**
   * MESSAGE of a message. One to a fanout exchange, or one of an unknown kind, is never kept here until its time: it
   * contains that.
   */
  sendArgs(envelope: Envelope, route: Route, notBefore?: number): Arg[] {
    const keeps = route.exchange === '' || (route.kind !== undefined && route.kind !== 'fanout')
    const parks = keeps && notBefore !== undefined && this.isAhead(notBefore)
    const lane = laneOf(route.routingKey, envelope.headers)
    if (lane && (route.exchange === '' || parks)) {
      const target = route.exchange === '' ? laneTarget(lane, envelope) : routeTarget(this.keys, route, envelope)
      const tag = uuid()
      const text = writeEnvelope(envelope, route, tag)
      if (!parks) return MESSAGE.of({ kind: 'lane', target, time: '', text })
      return MESSAGE.of({ kind: 'park lane', target, time: `${this.#seconds(notBefore)} ${tag}`, text })
    }
    if (parks) {
      const [target, time, text] = this.park(envelope, route, notBefore)
      return MESSAGE.of({ kind: 'park', target, time, text })
    }
    if (route.exchange === '') {
      const { list: target, text } = this.pushOf(envelope, route)
      return MESSAGE.of({ kind: 'push', target, time: '', text })
    }
    const target = routeTarget(this.keys, route, envelope)
    return MESSAGE.of({ kind: 'route', target, time: '', text: writeEnvelope(envelope, route, uuid()) })
  }

  /** One LPUSH for each list, in one round trip. A key that is not a list fails only the messages that go there. */
  async #push(pushes: readonly Push[]): Promise<(undefined | Error)[]> {
    const lists = new Map<string, string[]>()
    for (const { list, text } of pushes) {
      const texts = lists.get(list)
      if (texts) texts.push(text)
      else lists.set(list, [text])
    }
    const failures = new Map<string, Error>()
    const push = ([list, texts]: [string, string[]]): Promise<unknown> =>
      this.connection.command('LPUSH', list, ...texts).catch((error: Error) => failures.set(list, error))
    await Promise.all([...lists].map(push))
    return pushes.map(({ list }) => failures.get(list))
  }

  async #send(messages: readonly (readonly Arg[])[]): Promise<(boolean | Error)[]> {
    const args = [this.keys.prefix, this.#visibility, ...messages.flat()]
    return readAnswers(await this.connection.script(SEND, this.heldKeys, args), this.url)
  }

  async #end(endings: readonly { hold: Hold; ending: Ending }[]): Promise<(boolean | Error)[]> {
    const tags = endings.map(({ hold }) => hold.tag)
    const words = endings.map(({ ending }) => ending)
    const args = [this.keys.prefix, tags.length, ...tags, ...words]
    const answers = readAnswers(await this.connection.script(SETTLE, this.heldKeys, args), this.url)
    this.forget(endings.flatMap(({ hold }, at) => (answers[at] instanceof Error ? [] : [hold])))
    return answers
  }
}
