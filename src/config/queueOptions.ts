import type { QueueOptions } from '../broker/queueOptions.ts'
import { ArgumentError } from '../std/errors.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { requireObject } from '../std/validate.ts'

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
}

/** Parse the app's option `queues`. Throws ArgumentError. */
export function parseQueues(queues: Readonly<Record<string, QueueOptions>>): Readonly<Record<string, QueueOptions>> {
  requireObject(queues, 'queues')
  for (const [name, options] of Object.entries(queues)) {
    const where = `queues: ${name}`
    requireObject(options, where)
    const { type, maxPriority } = readOptions(QUEUE_OPTIONS, options, where)
    if (type === 'quorum' && maxPriority !== undefined)
      throw new ArgumentError(`${where}: expected no maxPriority, as quorum queues have none, got ${maxPriority}`)
  }
  return queues
}
