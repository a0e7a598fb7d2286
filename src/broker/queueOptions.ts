/** How a queue is declared where there is none; an existing queue has to be declared like this. */
export interface QueueOptions {
  // <QUEUE_OPTIONS> written by `npm run docs:api` from the table in src/config/queueOptions.ts
  /** RabbitMQ's `x-queue-type`. Default: the server's, `classic`. */
  type?: 'classic' | 'quorum' | undefined
  /** RabbitMQ's `x-max-priority`: the highest priority that the queue has. Default: the queue has no priorities. */
  maxPriority?: number | undefined
  /** Any other argument as it is, as `x-dead-letter-exchange`. Default: none. */
  arguments?: Readonly<Record<string, unknown>> | undefined
  // </QUEUE_OPTIONS>
}
