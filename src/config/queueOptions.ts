import type { KeepingCaps } from '../backend/bounds/keeping.ts'
import { bindingOf, broadcastExchange, type ExchangeKind, type Queue, type Route } from '../broker/broker.ts'
import type { QueueOptions } from '../broker/queueOptions.ts'
import type { MaxWaiting } from '../broker/waitingCounts.ts'
import type { Duration } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { isTopicPattern } from '../std/glob.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { bytesOf, requireObject, shown } from '../std/validate.ts'
import { MAX_CONCURRENCY } from './task/limitOptions.ts'

type Exchange = NonNullable<QueueOptions['exchange']>

const EXCHANGE_KINDS: readonly ExchangeKind[] = ['direct', 'topic', 'fanout']

/** What happens to a call whose queue is full. */
export const ON_FULL: readonly ('reject' | 'drop-oldest')[] = ['reject', 'drop-oldest']
/** More fit into no store. */
export const MAX_QUEUE_LENGTH = 1_000_000_000
/** 1 TiB */
export const MAX_STORE_BYTES: number = 1024 ** 4

/** AMQP writes the length of a name in one byte. */
const MAX_NAME_BYTES = 255

export const QUEUE_OPTIONS: OptionTable<QueueOptions> = {
  type: {
    kind: 'choice',
    values: ['classic', 'quorum'],
    absent: "the server's, `classic`",
    doc: "RabbitMQ's `x-queue-type`",
  },
  maxPriority: {
    kind: 'count',
    min: 1,
    max: 255,
    absent: 'the queue has no priorities',
    doc: "RabbitMQ's `x-max-priority`: the highest priority that the queue has",
  },
  arguments: {
    kind: 'value',
    type: 'Readonly<Record<string, unknown>>',
    check: requireObject,
    absent: 'none',
    doc: 'any other argument as it is, as `x-dead-letter-exchange`',
  },
  exchange: {
    kind: 'value',
    type: "{ readonly name: string; readonly type?: 'direct' | 'topic' | 'fanout' | undefined }",
    parse: parseExchange,
    absent: "a direct one of the queue's name",
    doc: 'on every store: the [exchange](reference.md#exchanges) that the queue is bound to, `{ name, type }`; `type` is `direct` (the default), `topic` or `fanout`',
  },
  routingKey: {
    kind: 'value',
    type: 'string',
    check: requireName,
    absent: "the queue's name; of a broadcast the app's queue",
    doc: 'the routing key, of a topic exchange the pattern, by which it is bound to `exchange`; of a broadcast the one that Python workers have on Redis (`task_default_routing_key`)',
  },
  broadcast: {
    kind: 'flag',
    check: requireFlag,
    absent: '`false`',
    doc: "Celery's `Broadcast`: each worker that takes from it has a queue of its own, and runs every task that is sent",
  },
  maxQueueLength: {
    kind: 'count',
    min: 0,
    max: MAX_QUEUE_LENGTH,
    absent: "the app's option of that name",
    doc: '[how many messages may wait](how-to/how-large-may-it-grow.md#queues) in it, as far as calls are concerned; `0`: any number',
  },
  maxQueueBytes: {
    kind: 'value',
    type: 'number | string',
    parse: (value, where) => bytesOf(value, where, 0, MAX_STORE_BYTES),
    absent: "the app's option of that name",
    doc: "how many bytes may wait in it, as a number or a text like `'64 MiB'`; `0`: any number",
  },
  onFull: {
    kind: 'choice',
    values: ON_FULL,
    absent: "the app's option of that name",
    doc: "what a call does when as much waits: `'reject'`: it throws `QueueFullError`; `'drop-oldest'`: the oldest job is revoked",
  },
  concurrency: {
    kind: 'count',
    min: 1,
    max: MAX_CONCURRENCY,
    absent: 'any number',
    doc: 'how many of its tasks may run [at once, over all workers](how-to/limit-what-runs.md#how-many-at-once)',
  },
}

/** Which messages are kept that are given up, how many, and how long. */
export interface DeadLetterOptions {
  // <DEAD_LETTER_OPTIONS> written by `npm run docs:api` from the table below
  /**
   * Keep the messages of tasks that have failed for good, too; of one task: its option `deadLetter`. Default `false`.
   */
  failed?: boolean | undefined
  /** How long a dead letter is kept; `0`: for ever. Default `'30d'`. */
  expires?: Duration | undefined
  /** How many are kept; of more the oldest are dropped. Default `100000`. */
  max?: number | undefined
  /**
   * How many bytes their messages may take, as a number or a text like `'64 MiB'`; of more the oldest are dropped, but
   * not the newest. Default `'1 GiB'`.
   */
  maxBytes?: number | string | undefined
  // </DEAD_LETTER_OPTIONS>
}

/** The same parsed. */
export interface DeadLetterConfig {
  readonly failed: boolean
  /** ms; 0: for ever. */
  readonly expires: number
  readonly max: number
  readonly maxBytes: number
}

export const DEAD_LETTER_OPTIONS: OptionTable<DeadLetterOptions, DeadLetterConfig> = {
  failed: {
    kind: 'flag',
    check: requireFlag,
    default: false,
    doc: 'keep the messages of tasks that have failed for good, too; of one task: its option `deadLetter`',
  },
  expires: {
    kind: 'duration',
    default: '30d',
    doc: 'how long a dead letter is kept; `0`: for ever',
  },
  max: {
    kind: 'count',
    min: 1,
    max: 10_000_000,
    default: 100_000,
    doc: 'how many are kept; of more the oldest are dropped',
  },
  maxBytes: {
    kind: 'value',
    type: 'number | string',
    parse: (value, where) => bytesOf(value, where, 1, MAX_STORE_BYTES),
    default: '1 GiB',
    doc: "how many bytes their messages may take, as a number or a text like `'64 MiB'`; of more the oldest are dropped, but not the newest",
  },
}

/** Throws ArgumentError. */
export function parseDeadLetters(given: DeadLetterOptions, where: string): DeadLetterConfig {
  requireObject(given, where)
  return readOptions(DEAD_LETTER_OPTIONS, given, where)
}

/** Throws ArgumentError for what is no name of a queue or exchange, or no routing key: text of at most 255 bytes. */
export function requireName(name: unknown, where: string): asserts name is string {
  if (typeof name !== 'string') throw new ArgumentError(`${where}: expected text, got ${shown(name)}`)
  const bytes = name.length > MAX_NAME_BYTES ? name.length : Buffer.byteLength(name)
  if (bytes > MAX_NAME_BYTES)
    throw new ArgumentError(`${where}: expected at most ${MAX_NAME_BYTES} bytes, got ${bytes}: ${shown(name)}`)
}

function requireFlag(flag: unknown, where: string): void {
  if (typeof flag !== 'boolean') throw new ArgumentError(`${where}: expected true or false, got ${shown(flag)}`)
}

function parseExchange(given: Exchange, where: string): Exchange {
  requireObject(given, where)
  const { name, type = 'direct', ...others } = given
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw new ArgumentError(`${where}: expected name and type, got ${unknown}`)
  requireName(name, `${where}: name`)
  if (name === '') throw new ArgumentError(`${where}: name: expected the name of an exchange, got an empty text`)
  if (!EXCHANGE_KINDS.includes(type))
    throw new ArgumentError(`${where}: type: expected 'direct', 'topic' or 'fanout', got ${shown(type)}`)
  return { name, type }
}

/** Parse the app's option `queues`. Throws ArgumentError. */
export function parseQueues(queues: Readonly<Record<string, QueueOptions>>): Readonly<Record<string, QueueOptions>> {
  requireObject(queues, 'queues')
  const kinds = new Map<string, { readonly kind: ExchangeKind | undefined; readonly queue: string }>()
  const parsed = Object.entries(queues).map(([name, given]): [string, QueueOptions] => {
    const where = `queues: ${name}`
    requireName(name, where)
    requireObject(given, where)
    const options = readOptions(QUEUE_OPTIONS, given, where)
    requireConsistent(options, where)
    const { exchange, broadcast } = options
    const used = exchange ?? (broadcast ? { name, type: 'fanout' as const } : undefined)
    if (used) {
      const { kind, queue } = kinds.get(used.name) ?? { kind: used.type, queue: name }
      if (kind !== used.type)
        throw new ArgumentError(
          `${where}: exchange ${used.name}: expected type ${kind}, as for queue ${queue}, got ${used.type}`,
        )
      kinds.set(used.name, { kind, queue })
    }
    return [name, options]
  })
  return Object.fromEntries(parsed)
}

function requireConsistent(
  { type, maxPriority, exchange, routingKey, broadcast, maxQueueLength, maxQueueBytes, onFull, ...more }: QueueOptions,
  where: string,
): void {
  if (type === 'quorum' && maxPriority !== undefined)
    throw new ArgumentError(`${where}: expected no maxPriority, as quorum queues have none, got ${maxPriority}`)
  if (broadcast) {
    const { arguments: args, concurrency } = more
    const bounds = { maxQueueLength, maxQueueBytes, onFull }
    const others = { type, maxPriority, exchange, arguments: args, concurrency, ...bounds }
    const other = Object.entries(others).find(([, value]) => value !== undefined)
    if (other) throw new ArgumentError(`${where}: expected no ${other[0]} beside broadcast, got ${shown(other[1])}`)
  }
  if (routingKey === undefined || broadcast) return
  if (!exchange) throw new ArgumentError(`${where}: routingKey: expected exchange beside it, got none`)
  if (exchange.type === 'fanout')
    throw new ArgumentError(
      `${where}: expected no routingKey, as a fanout exchange sends to all, got ${shown(routingKey)}`,
    )
  if (exchange.type === 'direct' && isTopicPattern(routingKey))
    throw new ArgumentError(
      `${where}: routingKey: expected one without the words * and #, which are for an exchange of type topic, got ${shown(routingKey)}`,
    )
}

/** How much may wait in a queue, as far as calls are concerned. */
export interface QueueBound extends MaxWaiting {
  readonly onFull: 'reject' | 'drop-oldest'
}

/** The bound of a queue; undefined where it has none. */
export type QueueBounds = (queue: string) => QueueBound | undefined

/** The options of an app that bound its queues, parsed. */
interface BoundOptions {
  readonly queues: Readonly<Record<string, QueueOptions>>
  readonly maxQueueLength: number
  readonly maxQueueBytes: number
  readonly onFull: QueueBound['onFull']
}

/** Undefined where no queue has a bound. */
export function queueBoundsOf({ queues, ...app }: BoundOptions): QueueBounds | undefined {
  const boundOf = (own: QueueOptions): QueueBound | undefined => {
    // Those of a queue are parsed to numbers, too. 0: none.
    const messages = (own.maxQueueLength ?? app.maxQueueLength) || undefined
    const bytes = Number(own.maxQueueBytes ?? app.maxQueueBytes) || undefined
    return messages === undefined && bytes === undefined
      ? undefined
      : { messages, bytes, onFull: own.onFull ?? app.onFull }
  }
  const named = Object.entries(queues).flatMap(([name, own]) => (own.broadcast ? [] : [[name, boundOf(own)] as const]))
  const [bounds, others] = [new Map(named), boundOf({})]
  if (!others && [...bounds.values()].every((bound) => bound === undefined)) return undefined
  return (queue) => (bounds.has(queue) ? bounds.get(queue) : others)
}

/** The options of an app that bound what is kept. */
interface CapOptions {
  readonly maxResults?: number | undefined
  readonly maxResultBytes?: number | undefined
  readonly maxEvents?: number | undefined
  readonly maxEventBytes?: number | undefined
}

/** What bounds what is kept of jobs; undefined where nothing does. */
export function keepingCapsOf({
  maxResults: results,
  maxResultBytes: resultBytes,
  maxEvents: events,
  maxEventBytes: eventBytes,
}: CapOptions): KeepingCaps | undefined {
  const caps = { results, resultBytes, events, eventBytes }
  return Object.values(caps).every((cap) => cap === undefined) ? undefined : caps
}

/** Where a call is sent, and the name that its record has for it. */
export interface Destination {
  readonly queue: string
  readonly route: Route
}

/** An exchange of the app, with the queues that are bound to it. */
interface KnownExchange {
  readonly kind: ExchangeKind
  readonly queues: Queue[]
}

/** Of a queue that is bound to an exchange other than one of its own name. */
interface BoundQueue {
  readonly exchange: string
  readonly kind: ExchangeKind
  readonly routingKey: string
}

/** The exchanges of an app, from its options `queues` and `queue`. Most apps have none, and pay nothing for them. */
export class Exchanges {
  readonly #exchanges = new Map<string, KnownExchange>()
  readonly #queues = new Map<string, BoundQueue>()

  constructor(queues: Readonly<Record<string, QueueOptions>>, own: string) {
    for (const [name, options] of Object.entries(queues)) {
      if (options.broadcast) {
        const { name: exchange, kind } = broadcastExchange(name)
        this.#known(exchange, kind)
        // Celery's default; on Redis its workers get only what is sent with their own.
        this.#queues.set(name, { exchange, kind, routingKey: options.routingKey ?? own })
      } else if (options.exchange) {
        const binding = bindingOf(name, options)
        const { exchange, kind, routingKey = '' } = binding
        this.#known(exchange, kind).queues.push({ name, bindings: [binding] })
        this.#queues.set(name, { exchange, kind, routingKey })
      }
    }
  }

  /** How the queue is bound; undefined where the app does not say it. */
  bound(queue: string): BoundQueue | undefined {
    return this.#queues.get(queue)
  }

  exchange(name: string): KnownExchange | undefined {
    return this.#exchanges.get(name)
  }

  #known(name: string, kind: ExchangeKind): KnownExchange {
    const known = this.#exchanges.get(name) ?? { kind, queues: [] }
    this.#exchanges.set(name, known)
    return known
  }
}

/** Undefined without any. `own`: the app's queue. */
export function exchangesOf(queues: Readonly<Record<string, QueueOptions>>, own: string): Exchanges | undefined {
  return Object.values(queues).some(({ exchange, broadcast }) => exchange || broadcast)
    ? new Exchanges(queues, own)
    : undefined
}

/**
 * To a queue. As in Celery, that of a direct exchange is sent to by its name, any other by its exchange, with its own
 * routing key or this one.
 */
export function toQueue(queue: string, exchanges: Exchanges | undefined, routingKey?: string): Destination {
  const bound = exchanges?.bound(queue)
  if (!exchanges || !bound || bound.kind === 'direct') return { queue, route: { exchange: '', routingKey: queue } }
  return { ...toExchange(bound.exchange, routingKey ?? bound.routingKey, exchanges), queue }
}

export function toExchange(exchange: string, routingKey: string, exchanges: Exchanges | undefined): Destination {
  const known = exchanges?.exchange(exchange)
  const route = known ? { exchange, routingKey, ...known } : { exchange, routingKey }
  return { queue: routingKey || exchange, route }
}

/** What options of a call or a route say of its way. */
interface Target {
  readonly queue?: string | undefined
  readonly exchange?: string | undefined
  readonly routingKey?: string | undefined
}

/** Where options of a call or a route lead. Throws ArgumentError for those that contradict each other or the app. */
export function destinationOf(
  { queue, exchange, routingKey }: Target,
  exchanges: Exchanges | undefined,
  own: string,
  where: string,
): Destination {
  const bound = queue === undefined ? undefined : exchanges?.bound(queue)
  if (exchange === undefined || exchange === '') {
    const to = queue ?? (exchange === '' ? (routingKey ?? own) : own)
    const isTopic = exchanges?.bound(to)?.kind === 'topic'
    const key = exchanges?.bound(to)?.routingKey ?? to
    if (routingKey !== undefined && routingKey !== key && routingKey !== to && !isTopic)
      throw new ArgumentError(
        `${where}: routingKey: expected exchange beside it, or a queue that the app's option queues binds to a topic exchange, got queue ${to}`,
      )
    return toQueue(to, exchanges, routingKey)
  }
  if (bound && bound.exchange !== exchange)
    throw new ArgumentError(
      `${where}: exchange: expected ${bound.exchange}, to which the queue ${queue} is bound, got ${exchange}`,
    )
  const key = routingKey ?? bound?.routingKey ?? (exchanges?.exchange(exchange)?.kind === 'fanout' ? '' : undefined)
  if (key === undefined)
    throw new ArgumentError(`${where}: routingKey: expected one beside exchange ${exchange}, got none`)
  const to = toExchange(exchange, key, exchanges)
  return queue === undefined ? to : { ...to, queue }
}
