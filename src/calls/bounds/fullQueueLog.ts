import type { QueueFullError } from '../../std/errors.ts'
import type { Logger } from '../../std/log.ts'

/** While a queue stays full it is logged this often, ms. */
const LOG_INTERVAL_MS = 60_000

interface Counts {
  refused: number
  dropped: number
  readonly since: number
}

/** Logs that queues are full: at once, then a line a minute with what was refused or dropped since the last one. */
export class FullQueueLog {
  readonly #logger: () => Logger
  readonly #queues = new Map<string, Counts>()

  constructor(logger: () => Logger) {
    this.#logger = logger
  }

  /** So many calls. */
  refused(full: QueueFullError, count: number): void {
    this.#add(full, { refused: count, dropped: 0 })
  }

  /** So many jobs. */
  dropped(full: QueueFullError, count: number): void {
    if (count > 0) this.#add(full, { refused: 0, dropped: count })
  }

  #add({ queue, option, limit }: QueueFullError, { refused, dropped }: Pick<Counts, 'refused' | 'dropped'>): void {
    const now = performance.now()
    const known = this.#queues.get(queue) ?? { refused: 0, dropped: 0, since: Number.NEGATIVE_INFINITY }
    known.refused += refused
    known.dropped += dropped
    this.#queues.set(queue, known)
    if (now - known.since < LOG_INTERVAL_MS) return
    this.#queues.set(queue, { refused: 0, dropped: 0, since: now })
    const counts = known.dropped > 0 ? { refused: known.refused, dropped: known.dropped } : { refused: known.refused }
    const facts = { queue, [option]: limit, ...counts }
    this.#logger().warn(facts, `queue ${queue} is full: ${textOf(known)}`)
  }
}

function textOf({ refused, dropped }: Counts): string {
  const texts = [
    ...(refused > 0 ? [`calls refused: ${refused}`] : []),
    ...(dropped > 0 ? [`oldest jobs dropped: ${dropped}`] : []),
  ]
  return texts.join(', ')
}
