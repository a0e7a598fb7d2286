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
  exchange?: { readonly name: string; readonly type?: 'direct' | 'topic' | 'fanout' | undefined } | undefined
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
  /**
   * How many messages may wait in it, as far as calls are concerned; `0`: any number. Default: the app's option of that
   * name.
   */
  maxQueueLength?: number | undefined
  /**
   * How many bytes may wait in it, as a number or a text like `'64 MiB'`; `0`: any number. Default: the app's option of
   * that name.
   */
  maxQueueBytes?: number | string | undefined
  /**
   * What a call does when as much waits: `'reject'`: it throws `QueueFullError`; `'drop-oldest'`: the oldest job is
   * revoked. Default: the app's option of that name.
   */
  onFull?: 'reject' | 'drop-oldest' | undefined
  /** How many of its tasks may run at once, over all workers. Default: any number. */
  concurrency?: number | undefined
  // </QUEUE_OPTIONS>
}

/** True where a queue with these options is served by priority. */
export function hasPriorities({ maxPriority, arguments: given }: QueueOptions = {}): boolean {
  return (maxPriority ?? given?.['x-max-priority']) !== undefined
}
