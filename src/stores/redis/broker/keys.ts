/**
 * The priorities that have a list of their own, in the order in which they are served: kombu's `priority_steps`
 * (celery-wire §2.1).
 */
export const PRIORITY_STEPS: readonly number[] = [0, 3, 6, 9]
/** Parts of list names and binding members: kombu's separator. */
const SEPARATOR = '\x06\x16'

/** The step of a priority: the highest that is not above it. */
export function stepOf(priority: number): number {
  return PRIORITY_STEPS.findLast((step) => step <= priority) ?? 0
}

/** Kombu's keys, and a few of our own, under one prefix. */
export class Keys {
  readonly unacked: string
  readonly index: string
  /** Our own: tags in `unacked` that are not held but delayed. */
  readonly parked: string
  /** Before every key and channel. */
  readonly prefix: string
  readonly #db: number | '{db}'

  /**
   * `db` is the number of the database; with Sentinel `{db}`, because kombu does not replace it in its channels there.
   */
  constructor(prefix: string, db: number | '{db}') {
    this.prefix = prefix
    this.#db = db
    this.unacked = `${prefix}unacked`
    this.index = `${prefix}unacked_index`
    this.parked = `${prefix}celeriac.parked`
  }

  /** The list of one priority step of a queue. */
  list(queue: string, step = 0): string {
    return `${this.prefix}${queue}${step === 0 ? '' : `${SEPARATOR}${step}`}`
  }

  /** The lists of a queue, the first served first. */
  lists(queue: string): string[] {
    return PRIORITY_STEPS.map((step) => this.list(queue, step))
  }

  /** The set of queues bound to a direct exchange. */
  binding(exchange: string): string {
    return `${this.prefix}_kombu.binding.${exchange}`
  }

  /** Channel of a fanout exchange. */
  channel(exchange: string): string {
    return `${this.prefix}/${this.#db}.${exchange}`
  }
}

/** A member of a binding set: routing key, pattern (of topic exchanges), queue. */
export function bindingMember(routingKey: string, queue: string): string {
  return [routingKey, '', queue].join(SEPARATOR)
}

/** The queues of a binding set that a routing key leads to. */
export function boundQueues(members: readonly string[], routingKey: string): string[] {
  return members.flatMap((member) => {
    const [key, , queue] = member.split(SEPARATOR)
    return key === routingKey && queue !== undefined ? [queue] : []
  })
}
