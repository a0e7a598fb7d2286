import type { QueueOptions } from '../broker/queueOptions.ts'
import { ArgumentError } from '../std/errors.ts'
import { refuseUnknown, requireObject, shown } from '../std/validate.ts'

const KNOWN_OPTIONS: ReadonlySet<string> = new Set(['type', 'maxPriority', 'arguments'])

/** Parse the app's option `queues`. Throws ArgumentError. */
export function parseQueues(queues: Readonly<Record<string, QueueOptions>>): Readonly<Record<string, QueueOptions>> {
  requireObject(queues, 'queues')
  for (const [name, options] of Object.entries(queues)) {
    const where = `queues: ${name}`
    requireObject(options, where)
    refuseUnknown(options, KNOWN_OPTIONS, where)
    const { type, maxPriority, arguments: given = {} } = options
    if (type !== undefined && type !== 'classic' && type !== 'quorum')
      throw new ArgumentError(`${where}: type: expected 'classic' or 'quorum', got ${shown(type)}`)
    if (maxPriority !== undefined && !(Number.isInteger(maxPriority) && maxPriority >= 1 && maxPriority <= 255))
      throw new ArgumentError(`${where}: maxPriority: expected a whole number from 1 to 255, got ${shown(maxPriority)}`)
    requireObject(given, `${where}: arguments`)
    if (type === 'quorum' && maxPriority !== undefined)
      throw new ArgumentError(`${where}: expected no maxPriority, as quorum queues have none, got ${maxPriority}`)
  }
  return queues
}
