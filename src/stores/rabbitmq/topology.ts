import type { Channel } from 'amqplib'
import type { Binding, ExchangeKind, Queue } from '../../broker/broker.ts'
import { bindingOf } from '../../broker/broker.ts'
import { hasPriorities, type QueueOptions } from '../../broker/queueOptions.ts'
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from '../../protocol/control.ts'
import { EVENT_EXCHANGE, MAX_WAITING_EVENTS } from '../../protocol/event.ts'
import { ConfigError } from '../../std/errors.ts'
import type { AmqpConnection } from './connection/connection.ts'

/** Celery's own exchanges (celery-wire §3); any other is durable, and of the requested kind. */
const EXCHANGES: Readonly<Record<string, { readonly kind: string; readonly durable: boolean }>> = {
  [CONTROL_EXCHANGE]: { kind: 'fanout', durable: false },
  [REPLY_EXCHANGE]: { kind: 'direct', durable: false },
  [EVENT_EXCHANGE]: { kind: 'topic', durable: true },
}

/**
 * How long a queue that exists as long as its consumer is kept without one, ms: over a lost connection, and not for
 * ever after a crash.
 */
const REPLY_QUEUE_EXPIRES_MS = 3_600_000
/** The same for a queue that would gather all broadcasts meanwhile. */
const BROADCAST_QUEUE_EXPIRES_MS = 60_000
const BROADCAST_TTL_MS = 300_000
/** Events are of no use later than this, ms. Celery's receivers keep them for as long. */
const EVENT_TTL_MS = 5000

/** How long a queue that did not exist counts as empty, ms. */
const ABSENT_MS = 60_000

export const ACCESS_REFUSED = 403
export const NOT_FOUND = 404
export const RESOURCE_LOCKED = 405
const PRECONDITION_FAILED = 406
/** The server's text where a queue differs by being a quorum queue, or not. */
const TYPE_MISMATCH = /inequivalent arg '(?:x-queue-type|x-dead-letter-strategy|x-overflow)'/

/**
 * Queues, exchanges and bindings in Celery's layout: queue X, durable, bound to the direct exchange X by X. One that
 * exists is checked, never declared again, because its declaration may have other arguments. On channels of its own: a
 * mismatch ends the channel.
 */
export class Topology {
  readonly #connection: AmqpConnection
  readonly #options: Readonly<Record<string, QueueOptions>>
  readonly #known = new Map<string, Promise<void>>()
  /** Queues that did not exist, and until when they are not asked for again. */
  readonly #absentUntil = new Map<string, number>()
  #channel: Promise<Channel> | undefined
  #line: Promise<unknown> = Promise.resolve()

  constructor(connection: AmqpConnection, options: Readonly<Record<string, QueueOptions>>) {
    this.#connection = connection
    this.#options = options
    // The connection may lead to another node, or the same one without what it did not store.
    connection.onOpen(() => {
      this.#known.clear()
      this.#absentUntil.clear()
    })
  }

  /** True if the options give it priorities. */
  hasPriorities(queue: string): boolean {
    return hasPriorities(this.#options[queue])
  }

  /** True if the options declare it a quorum queue. */
  isQuorum(queue: string): boolean {
    const { type, arguments: given } = this.#options[queue] ?? {}
    return (type ?? given?.['x-queue-type']) === 'quorum'
  }

  /**
   * Ensure that a task queue exists. Throws ConfigError where it exists with other arguments than the options, or the
   * server refuses it.
   */
  queue(name: string): Promise<void> {
    return this.#once(`queue ${name}`, async () => {
      await this.#makeQueue(name)
      this.#absentUntil.delete(name)
    })
  }

  /**
   * Ensure that it exists with the arguments of the options alone, also one that has no options: so it is known what
   * the server does with it. Rejects as `queue`.
   */
  declared(name: string): Promise<void> {
    return this.#once(`declared ${name}`, () => this.#assertQueue(name))
  }

  /** The same, with its bindings. */
  bound({ name, bindings = [] }: Queue): Promise<void> {
    return this.#once(`bound ${name}`, async () => {
      await this.queue(name)
      await this.bind(name, bindings)
    })
  }

  /** It may have been deleted: check again at the next use. */
  forgetQueue(name: string): void {
    this.#known.delete(`queue ${name}`)
    this.#known.delete(`declared ${name}`)
    this.#known.delete(`bound ${name}`)
  }

  /**
   * A queue that messages only pass through, declared by the process that delays first: it may have been declared when
   * the task queue was known as one of another type. Throws ConfigError where it differs otherwise.
   */
  async passage(name: string, args: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await this.#run((channel) => channel.assertQueue(name, { durable: true, arguments: args }))
    } catch (error) {
      if (!TYPE_MISMATCH.test((error as Error).message)) throw undeclared('queue', name, durableWith(args), error)
    }
  }

  /** A queue that exists as long as its consumer. Throws ConfigError where the server refuses it. */
  async transient({ name, bindings = [] }: Queue): Promise<void> {
    const args = transientArguments(bindings)
    try {
      await this.#run((channel) => channel.assertQueue(name, { durable: true, arguments: args }))
    } catch (error) {
      throw undeclared('queue', name, durableWith(args), error)
    }
    await this.bind(name, bindings)
  }

  async bind(queue: string, bindings: readonly Binding[]): Promise<void> {
    for (const { exchange, kind, routingKey = '' } of bindings) {
      await this.exchange(exchange, kind, exchange !== queue)
      const key = kind === 'fanout' ? (EXCHANGES[exchange]?.kind === 'topic' ? '#' : '') : routingKey
      await this.#run((channel) => channel.bindQueue(queue, exchange, key))
    }
  }

  /**
   * Ensure that an exchange exists; declares one of this kind if there is none of the name. `isOfKind`: throws
   * ConfigError where the one that exists is another, unless it is one of Celery's own.
   */
  exchange(name: string, kind: ExchangeKind, isOfKind = false): Promise<void> {
    const own = EXCHANGES[name]
    return this.#once(`exchange ${name}`, async () => {
      if ((own || !isOfKind) && (await this.#found((channel) => channel.checkExchange(name)))) return
      const { kind: type, durable } = own ?? { kind, durable: true }
      try {
        await this.#run((channel) => channel.assertExchange(name, type, { durable }))
      } catch (error) {
        throw undeclared('exchange', name, `${type}, durable`, error)
      }
    })
  }

  /** False where there is no such exchange: then no queue can be bound to it. */
  async hasExchange(name: string): Promise<boolean> {
    const known = this.#known.get(`exchange ${name}`)
    if (known !== undefined) {
      await known
      return true
    }
    const found = await this.#found((channel) => channel.checkExchange(name))
    if (found) this.#known.set(`exchange ${name}`, Promise.resolve())
    return found !== undefined
  }

  forgetExchange(name: string): void {
    this.#known.delete(`exchange ${name}`)
  }

  /** Count of the messages that wait in a queue; undefined where there is no such queue. */
  async size(queue: string): Promise<number | undefined> {
    return (await this.#found((channel) => channel.checkQueue(queue)))?.messageCount
  }

  /**
   * The same; 0 where there is no such queue, which is asked for once a minute: each time the server ends the channel,
   * and logs an error.
   */
  async recentSize(queue: string): Promise<number> {
    const now = performance.now()
    if (now < (this.#absentUntil.get(queue) ?? now)) return 0
    const size = await this.size(queue)
    if (size === undefined) this.#absentUntil.set(queue, now + ABSENT_MS)
    else this.#absentUntil.delete(queue)
    return size ?? 0
  }

  /** Count of the consumers of a queue; 0 where there is no such queue. */
  async consumers(queue: string): Promise<number> {
    return (await this.#found((channel) => channel.checkQueue(queue)))?.consumerCount ?? 0
  }

  async deleteQueue(queue: string): Promise<void> {
    this.forgetQueue(queue)
    await this.#run((channel) => channel.deleteQueue(queue))
  }

  /**
   * Run this step on a channel of declarations, one at a time; undefined where the queue or exchange does not exist.
   */
  async #found<Value>(step: (channel: Channel) => Promise<Value>): Promise<Value | undefined> {
    try {
      return await this.#run(step)
    } catch (error) {
      if (replyCodeOf(error) === NOT_FOUND) return undefined
      throw error
    }
  }

  /**
   * Any refusal ends the channel: the next step gets a new one. Throws ConfigError where this user may not do it, any
   * other refusal of the server with its `code`, TypeError for a step that cannot be encoded, else
   * StoreUnavailableError.
   */
  declare<Value>(step: (channel: Channel) => Promise<Value>): Promise<Value> {
    return this.#run(step)
  }

  #run<Value>(step: (channel: Channel) => Promise<Value>): Promise<Value> {
    const done = this.#line.then(async () => {
      const channel = await this.#open()
      try {
        return await step(channel)
      } catch (error) {
        this.#channel = undefined
        if (error instanceof TypeError) {
          // Thrown by the client library, which now waits for an answer to a request that it has not sent.
          channel.close().catch(() => undefined)
          throw error
        }
        if (replyCodeOf(error) === ACCESS_REFUSED) throw forbidden(error as Error)
        throw replyCodeOf(error) === undefined ? this.#connection.errorOf(error) : error
      }
    })
    this.#line = done.catch(() => undefined)
    return done
  }

  #open(): Promise<Channel> {
    if (this.#channel !== undefined) return this.#channel
    const opening = this.#connection.channel()
    this.#channel = opening
    const closed = (): void => {
      if (this.#channel === opening) this.#channel = undefined
    }
    opening.then((channel) => channel.once('close', closed), closed)
    return opening
  }

  #once(what: string, make: () => Promise<void>): Promise<void> {
    let known = this.#known.get(what)
    if (!known) {
      known = make()
      this.#known.set(what, known)
      const made = known
      made.catch(() => {
        if (this.#known.get(what) === made) this.#known.delete(what)
      })
    }
    return known
  }

  async #makeQueue(name: string): Promise<void> {
    const given = this.#options[name]
    if (!given && (await this.#found((channel) => channel.checkQueue(name)))) return
    await this.#assertQueue(name)
    await this.bind(name, [bindingOf(name, given)])
  }

  async #assertQueue(name: string): Promise<void> {
    const args = argumentsOf(this.#options[name])
    try {
      await this.#run((channel) => channel.assertQueue(name, { durable: true, arguments: args }))
    } catch (error) {
      throw undeclared('queue', name, durableWith(args), error)
    }
  }
}

function transientArguments(bindings: readonly Binding[]): Readonly<Record<string, number>> {
  if (bindings.length === 0) return { 'x-expires': REPLY_QUEUE_EXPIRES_MS }
  // Of an exchange of an app: tasks, which wait for as long as their worker is busy.
  if (!bindings.some(({ exchange }) => Object.hasOwn(EXCHANGES, exchange)))
    return { 'x-expires': BROADCAST_QUEUE_EXPIRES_MS }
  const isOfEvents = bindings.some(({ exchange }) => exchange === EVENT_EXCHANGE)
  return {
    'x-expires': BROADCAST_QUEUE_EXPIRES_MS,
    'x-message-ttl': isOfEvents ? EVENT_TTL_MS : BROADCAST_TTL_MS,
    ...(isOfEvents && { 'x-max-length': MAX_WAITING_EVENTS }),
  }
}

function argumentsOf({ type, maxPriority, arguments: more }: QueueOptions = {}): Record<string, unknown> {
  return {
    ...more,
    ...(type !== undefined && { 'x-queue-type': type }),
    ...(maxPriority !== undefined && { 'x-max-priority': maxPriority }),
  }
}

/** Why the server refuses something to this user. */
export function forbidden(error: Error): ConfigError {
  const expected = 'expected a user with permission to make and read what it uses (rabbitmqctl set_permissions)'
  return new ConfigError(`RabbitMQ: ${expected}; the server says: ${error.message}`, { cause: error })
}

function durableWith(args: object): string {
  return `durable with arguments ${JSON.stringify(args)}`
}

/**
 * Why a queue or exchange could not be declared, as ConfigError where waiting does not help. Where it exists with other
 * properties, the server names the first that differs, with both values.
 */
function undeclared(thing: 'queue' | 'exchange', name: string, expected: string, error: unknown): unknown {
  const code = replyCodeOf(error)
  if (code !== PRECONDITION_FAILED && code !== RESOURCE_LOCKED) return error
  const { message } = error as Error
  const says = /"(?:PRECONDITION_FAILED|RESOURCE_LOCKED) - ([^"]*)"/.exec(message)?.[1] ?? message
  const what = /\binequivalent\b|\bnot equivalent\b/.test(message)
    ? `exists with other properties: expected ${expected}`
    : 'cannot be declared'
  return new ConfigError(`${thing} ${name} ${what}; the server says: ${says}`, { cause: error })
}

/** The server's reply code, where it has refused something. */
export function replyCodeOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'number' ? code : undefined
}
