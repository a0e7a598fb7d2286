import type { Binding, ExchangeKind, Queue } from './broker.ts'

/** How a queue is declared where there is none; an existing queue has to be declared like this. */
export interface QueueOptions {
  // <QUEUE_OPTIONS> written by `npm run docs:api` from the table in src/config/queueOptions.ts
  /** RabbitMQ's `x-queue-type`. Default: the server's, `classic`. */
  type?: 'classic' | 'quorum' | undefined
  /** RabbitMQ's `x-max-priority`: the highest priority that the queue has. Default: the queue has no priorities. */
  maxPriority?: number | undefined
  /** Any other argument as it is, as `x-dead-letter-exchange`. Default: none. */
  arguments?: Readonly<Record<string, unknown>> | undefined
  /**
   * On every store: the exchange that the queue is bound to, `{ name, type }`; `type` is `direct` (the default),
   * `topic` or `fanout`. Default: a direct one of the queue's name.
   */
  exchange?: { readonly name: string; readonly type?: ExchangeKind | undefined } | undefined
  /**
   * The routing key, of a topic exchange the pattern, by which it is bound to `exchange`; of a broadcast the one that
   * Python workers have on Redis (`task_default_routing_key`). Default: the queue's name; of a broadcast the app's
   * queue.
   */
  routingKey?: string | undefined
  /**
   * Celery's `Broadcast`: each worker that takes from it has a queue of its own, and runs every task that is sent.
   * Default: `false`.
   */
  broadcast?: boolean | undefined
  // </QUEUE_OPTIONS>
}

/** Exchange of the queues of single workers. */
const WORKER_DIRECT_EXCHANGE = 'C.dq2'
/** What their names end with, after the name of the worker. */
const WORKER_DIRECT_SUFFIX = '.dq2'

/**
 * The queue of one worker alone, as `celery@host` or `celeriac@host`, which it has with the option `workerDirect`
 * (Celery's `worker_direct`): `add.applyAsync([1, 2], { queue: workerDirect('celery@host') })`.
 */
export function workerDirect(hostname: string): string {
  return `${hostname}${WORKER_DIRECT_SUFFIX}`
}

/** How a queue with these options is bound to its exchange: by default to one of its own name. */
export function bindingOf(queue: string, { exchange, routingKey }: QueueOptions = {}): Binding {
  if (exchange) {
    const { name, type = 'direct' } = exchange
    return type === 'fanout'
      ? { exchange: name, kind: type }
      : { exchange: name, kind: type, routingKey: routingKey ?? queue }
  }
  const hostname = queue.endsWith(WORKER_DIRECT_SUFFIX) ? queue.slice(0, -WORKER_DIRECT_SUFFIX.length) : undefined
  return hostname
    ? { exchange: WORKER_DIRECT_EXCHANGE, kind: 'direct', routingKey: hostname }
    : { exchange: queue, kind: 'direct', routingKey: queue }
}

/** The exchange of a queue that each worker has for itself. */
export function broadcastExchange(queue: string): { readonly name: string; readonly kind: ExchangeKind } {
  return { name: queue, kind: 'fanout' }
}

/** The queue that a consumer of this name takes from; `id`: of its own, where each has one. */
export function queueToConsume(name: string, options: QueueOptions | undefined, id: () => string): Queue {
  if (options?.broadcast) {
    const { name: exchange, kind } = broadcastExchange(name)
    return { name: `bcast.${id()}`, bindings: [{ exchange, kind }], transient: true }
  }
  const isNamed = options?.exchange !== undefined || name.endsWith(WORKER_DIRECT_SUFFIX)
  return isNamed ? { name, bindings: [bindingOf(name, options)] } : { name }
}
