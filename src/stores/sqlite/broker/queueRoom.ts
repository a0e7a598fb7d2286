import type { StatementSync } from 'node:sqlite'
import { fullError, type QueueNeed, type WaitingAmount } from '../../../broker/waitingCounts.ts'
import type { QueueFullError } from '../../../std/errors.ts'
import type { Connection } from '../file.ts'
import { BYTES, WAITING } from './backlog.ts'

/** A count of a full queue with more messages than this is used for so many times as long as it took. */
const FEW = 1000
const USED_FACTOR = 20
/** One of a queue with room for so long, ms, or so many times as long: then it is seen what has come back. */
const MAX_AGE_MS = 1000
const AGE_FACTOR = 100
/** As many are not counted again in a transaction, but between those, in steps. */
const MANY = 5000

/** What waits in a queue at most, as far as it is known here: what was counted, and all that came after it. */
interface Known {
  messages: number
  bytes: number
  /** `seq` of the last message that was seen, which may be gone. */
  last: number
  /** When it was counted, by `performance.now()`, and how long that took, ms. */
  readonly since: number
  readonly took: number
  /** It is counted again. */
  counting?: boolean
}

/** Where it can be counted outside of transactions: as `amountIn`. */
type CountInSteps = (queue: string) => Promise<WaitingAmount>

/**
 * Whether queues have room for more messages. For use inside a transaction, whose lock nothing else can pass. What
 * comes is seen by its place in the table, also from other processes; what goes, when the room seems to be used up.
 */
export class QueueRoom {
  readonly #db: Connection['db']
  readonly #last: StatementSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #known = new Map<string, Known>()
  readonly #inSteps: CountInSteps | undefined

  constructor({ db }: Pick<Connection, 'db'>, inSteps?: CountInSteps) {
    this.#db = db
    this.#inSteps = inSteps
    this.#last = db.prepare("SELECT coalesce(max(seq), 0) AS last FROM sqlite_sequence WHERE name = 'celeriac_message'")
  }

  /** The error for the first queue that has no room; undefined where all of these will be written now. */
  problem(needs: readonly QueueNeed[]): QueueFullError | undefined {
    for (const need of needs) {
      const full = this.#problem(need)
      if (full) return full
    }
    return undefined
  }

  #problem(need: QueueNeed): QueueFullError | undefined {
    const known = need.again ? undefined : this.#known.get(need.queue)
    if (!known) return fullError(need, this.#count(need))
    // Else what was seen was undone: it had numbers that others get.
    if (!this.#see(need, known)) return fullError(need, this.#count(need))
    const full = fullError(need, known)
    const age = performance.now() - known.since
    const refusing = known.messages <= FEW ? 0 : known.took * USED_FACTOR
    const used = full ? refusing : Math.max(MAX_AGE_MS, known.took * AGE_FACTOR)
    if (age < used) return full
    if (!this.#inSteps || known.messages < MANY || need.max.bytes === undefined)
      return fullError(need, this.#count(need))
    if (!known.counting) void this.#countInSteps(need.queue, known, this.#inSteps)
    return full
  }

  /** What comes meanwhile may be counted twice, until the next count. */
  async #countInSteps(queue: string, known: Known, inSteps: CountInSteps): Promise<void> {
    known.counting = true
    const since = performance.now()
    try {
      const { last } = this.#last.get() as { last: number }
      const amount = await inSteps(queue)
      this.#known.set(queue, { ...amount, last, since: performance.now(), took: performance.now() - since })
    } catch {
      // The store is unavailable, which whatever needs it reports; it is counted again at the next call.
      known.counting = false
    }
  }

  /** By the index, of messages alone no more entries than have to be known. */
  #count({ queue, max }: QueueNeed): WaitingAmount {
    const { last } = this.#last.get() as { last: number }
    const since = performance.now()
    const found =
      max.bytes === undefined
        ? this.#statement(`SELECT count(*) AS messages, 0 AS bytes FROM (
            SELECT 1 FROM celeriac_message WHERE ${WAITING} LIMIT ? + 0)`).get(queue, queue, max.messages ?? 0)
        : this.#statement(`SELECT count(*) AS messages, ${BYTES} AS bytes FROM celeriac_message WHERE ${WAITING}`).get(
            queue,
            queue,
          )
    const amount = found as unknown as WaitingAmount
    this.#known.set(queue, { ...amount, last, since, took: performance.now() - since })
    return amount
  }

  /** By the table itself, from the last message on. False where that was never there. */
  #see({ queue, max }: QueueNeed, known: Known): boolean {
    const { last } = this.#last.get() as { last: number }
    if (last <= known.last) return last === known.last
    const bytes = max.bytes === undefined ? '0' : BYTES
    const found = this.#statement(`SELECT count(*) AS messages, ${bytes} AS bytes
      FROM celeriac_message NOT INDEXED WHERE ${WAITING} AND seq > ?`).get(queue, queue, known.last)
    const more = found as unknown as WaitingAmount
    known.messages += more.messages
    known.bytes += more.bytes
    known.last = last
    return true
  }

  #statement(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
