import type { Binding } from '../../../broker/broker.ts'

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
  /** Our own: the queues that have, or had, lanes. */
  readonly laned: string
  /** Our own: how many messages wait in the lanes of each queue. */
  readonly lanesWaiting: string
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
    this.laned = `${prefix}celeriac.lanes`
    this.lanesWaiting = `${prefix}celeriac.lanes-waiting`
  }

  /** The list of one priority step of a queue. */
  list(queue: string, step = 0): string {
    return `${this.prefix}${queue}${step === 0 ? '' : `${SEPARATOR}${step}`}`
  }

  /** The lists of a queue, the first served first. */
  lists(queue: string): string[] {
    return PRIORITY_STEPS.map((step) => this.list(queue, step))
  }

  /** The lanes of a queue that have messages. */
  lanes(queue: string): string {
    return `${this.prefix}celeriac.lanes.${queue}`
  }

  /** A list that is not empty while a lane of the queue may have messages that pass. */
  bell(queue: string): string {
    return `${this.prefix}celeriac.lanes-bell.${queue}`
  }

  /** The set of queues bound to an exchange. */
  binding(exchange: string): string {
    return `${this.prefix}_kombu.binding.${exchange}`
  }

  /** Channel of a fanout exchange. */
  channel(exchange: string): string {
    return `${this.prefix}/${this.#db}.${exchange}`
  }
}

/** A member of the binding set of an exchange: routing key, pattern of a topic exchange, queue. */
export function bindingMember({ kind, routingKey = '' }: Binding, queue: string): string {
  return [routingKey, kind === 'topic' ? kombuPattern(routingKey) : '', queue].join(SEPARATOR)
}

/** The regular expression by which kombu's clients match the pattern. */
function kombuPattern(routingKey: string): string {
  const words = routingKey.split('.').map((word) => KOMBU_WILDCARDS.get(word) ?? word)
  return `^${words.join('\\.')}$`
}
const KOMBU_WILDCARDS: ReadonlyMap<string, string> = new Map([
  ['*', '.*?[^\\.]'],
  ['#', '.*?'],
])
