import type { ExchangeKind, Queue, Route } from '../broker/broker.ts'
import { bindingOf, broadcastExchange, type QueueOptions } from '../broker/queueOptions.ts'
import { ArgumentError } from '../std/errors.ts'
import type { TaskRoute } from './routeOptions.ts'

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

/** Where options of a call or a route lead. Throws ArgumentError for those that contradict each other or the app. */
export function destinationOf(
  { queue, exchange, routingKey }: TaskRoute,
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
