import type { Broker } from '../broker/broker.ts'
import { ArgumentError, ConfigError } from '../std/errors.ts'

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
  named: Iterable<string> | undefined,
  excluded: readonly string[] = [],
): readonly string[] {
  const all = named ? [...named] : excluded.length === 0 ? [app.own] : app.all()
  const unknown = excluded.find((queue) => !all.includes(queue))
  if (unknown !== undefined)
    throw new ArgumentError(`excludeQueues: expected some of ${all.join(', ')}, got ${unknown}`)
  const left = all.filter((queue) => !excluded.includes(queue))
  if (left.length > 0) return left
  throw new ArgumentError(`excludeQueues: expected to leave a queue, got all of them: ${all.join(', ')}`)
}

/** The stores. Throws ConfigError where queues have different weights, and the broker does not serve them in turn. */
export function requireTurns<Stores extends { readonly broker: Pick<Broker, 'turns' | 'url'> }>(
  stores: Stores,
  weights: ReadonlyMap<string, number>,
): Stores {
  const { turns, url } = stores.broker
  if (turns !== 'random' || new Set(weights.values()).size < 2) return stores
  const given = [...weights].map(([queue, weight]) => `${queue} ${weight}`).join(', ')
  throw new ConfigError(
    `queues: expected no weights on ${url}, whose server itself chooses among the queues of a consumer, got ${given}`,
  )
}
