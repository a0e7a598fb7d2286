import { ArgumentError } from '../std/errors.ts'

/** What an app knows of its queues. */
interface AppQueues {
  /** Of tasks that name none. */
  readonly own: string
  /** With those of its tasks. */
  all(): readonly string[]
}

/**
 * The queues of a worker: those that are named, without those that are excluded; of all that the app knows, where some
 * are only excluded. Throws ArgumentError where none is left, and for one to exclude that is not among them.
 */
export function queuesToTake(
  app: AppQueues,
  named: readonly string[] | undefined,
  excluded: readonly string[] = [],
): readonly string[] {
  const all = named ?? (excluded.length === 0 ? [app.own] : app.all())
  const unknown = excluded.find((queue) => !all.includes(queue))
  if (unknown !== undefined)
    throw new ArgumentError(`excludeQueues: expected some of ${all.join(', ')}, got ${unknown}`)
  const left = all.filter((queue) => !excluded.includes(queue))
  if (left.length > 0) return left
  throw new ArgumentError(`excludeQueues: expected to leave a queue, got all of them: ${all.join(', ')}`)
}
