/** How a queue is declared where there is none; an existing queue has to be declared like this. */
export interface QueueOptions {
  /** RabbitMQ's `x-queue-type`. Default: the server's, `classic`. */
  readonly type?: 'classic' | 'quorum' | undefined
  /**
   * RabbitMQ's `x-max-priority`, 1 to 255: the highest priority that the queue has. Default: the queue has no
   * priorities.
   */
  readonly maxPriority?: number | undefined
  /** Any other argument as it is, as `x-dead-letter-exchange`. */
  readonly arguments?: Readonly<Record<string, unknown>> | undefined
}
