import type { StatementSync } from 'node:sqlite'
import { type QueueNeed, WaitingCounts } from '../../../broker/waitingCounts.ts'
import { QueueFullError } from '../../../std/errors.ts'
import type { Connection } from '../file.ts'

/** Whether queues have room for more messages. For use inside a transaction, whose lock nothing else can pass. */
export class QueueRoom {
  readonly #count: StatementSync
  readonly #counts = new WaitingCounts()

  constructor({ db }: Pick<Connection, 'db'>) {
    // By the index, and no more entries than have to be known.
    this.#count = db.prepare(`SELECT count(*) AS n FROM (
      SELECT 1 FROM celeriac_message
      WHERE queue IN (SELECT ? UNION ALL SELECT name FROM celeriac_lane WHERE queue = ? AND messages > 0)
        AND owner IS NULL AND due IS NULL LIMIT ? + 0)`)
  }

  /** The error for the first queue that has no room; undefined where all of these will be written now. */
  problem(needs: readonly QueueNeed[]): QueueFullError | undefined {
    const full = needs.find((need) => !this.#fits(need))
    if (full) return new QueueFullError(full.queue, full.limit, full.count)
    this.#counts.add(needs)
    return undefined
  }

  #fits(need: QueueNeed): boolean {
    const { queue, limit } = need
    const known = this.#counts.fits(need)
    if (known !== undefined) return known
    const since = performance.now()
    const { n } = this.#count.get(queue, queue, limit) as { n: number }
    return this.#counts.counted(need, n, performance.now() - since)
  }
}
