import { isoTime } from '../protocol/iso.ts'
import { timeOf } from '../std/id.ts'

/** What waits in one queue. */
export interface QueueBacklog {
  /** As `Broker.size`. */
  readonly waiting: number
  /**
   * Since when the oldest of these could have run, ms since the epoch: of each priority, the message that is served
   * next. Undefined where nothing waits, where no id says when it was made, as Python's do not, and where the store
   * shows no message without taking it.
   */
  readonly oldest: number | undefined
}

/** What lies in a store. */
export interface Backlog {
  /** Of the queues that were asked for. */
  readonly queues: ReadonlyMap<string, QueueBacklog>
  /** Messages that wait for their time, of all queues of the store. Undefined where it does not count them. */
  readonly delayed: number | undefined
  /** Messages that consumers hold: reserved, running, or being settled. The same. */
  readonly held: number | undefined
}

/** Of each queue, at most this many priorities are looked at. */
export const MAX_PRIORITIES = 10

/** Since when a message could have run, ms since the epoch, by its id and its eta; undefined where neither says it. */
export function dueSince(id: unknown, eta: unknown): number | undefined {
  const made = typeof id === 'string' ? timeOf(id) : undefined
  const due = typeof eta === 'string' ? momentOf(eta) : undefined
  return due === undefined ? made : Math.max(due, made ?? 0)
}

function momentOf(eta: string): number | undefined {
  try {
    return isoTime(eta)
  } catch {
    // Any client may write any text there; a worker refuses the message.
    return undefined
  }
}

/** The first of these moments. */
export function earliest(moments: readonly (number | undefined)[]): number | undefined {
  const known = moments.filter((moment) => moment !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
