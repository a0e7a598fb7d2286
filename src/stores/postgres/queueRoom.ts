import { needsOf, type Submission } from '../../backend/unitOfWork.ts'
import { type QueueNeed, WaitingCounts } from '../../broker/waitingCounts.ts'
import { QueueFullError } from '../../std/errors.ts'
import { NOT_CLAIMED } from './broker/claims.ts'
import type { Database } from './connection/database.ts'
import type { Row, Step } from './connection/pipeline.ts'
import type { Plan } from './connection/plan.ts'

/** SQL: how many messages wait in the queue $1 and its lanes, at most $2: no more entries of the index are read. */
const WAITING = `(SELECT count(*) AS waiting FROM (
  SELECT FROM (SELECT $1::text AS name UNION ALL SELECT name FROM celeriac.lane WHERE queue = $1::text) AS q
  CROSS JOIN LATERAL (
    SELECT FROM celeriac.message m WHERE m.queue = q.name AND m.due IS NULL AND ${NOT_CLAIMED} LIMIT $2::bigint
  ) AS m LIMIT $2::bigint
) AS entries) AS w`

/** Until the transaction ends no other one that looks for room in this queue passes. */
const LOCK = {
  name: 'room_lock',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('celeriac room ' || $1::text, 0))::text`,
}
/** And how long the count took, ms. */
const FOUND = 'waiting::text, (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)::text'
const REQUIRE = {
  name: 'room_require',
  text: `SELECT ${FOUND}, celeriac.require(waiting + $3::bigint <= $2::bigint)::text FROM ${WAITING}`,
}
const COUNT = { name: 'room_count', text: `SELECT ${FOUND} FROM ${WAITING}` }

/** Whether queues have room for more messages. */
export class QueueRoom {
  readonly #counts = new WaitingCounts()

  /**
   * Put the check before what is written: the transaction is refused (`isRefusal`) where there is no room. Throws
   * QueueFullError where that is known. Returns what notes, after the run, what was found and is written. Without
   * `locks` what others send at the same time is not counted.
   */
  require(plan: Plan, needs: readonly QueueNeed[], locks = true): () => true {
    const unknown = needs.filter((need) => this.#counts.fits(need) !== true)
    for (const need of unknown) if (this.#counts.fits(need) === false) throw fullError(need)
    if (locks) plan.add(unknown.map(({ queue }): Step => ({ statement: LOCK, values: [queue] })))
    const answers = plan.add(
      unknown.map(({ queue, limit, count }): Step => ({ statement: REQUIRE, values: [queue, limit, count] })),
    )
    return () => {
      for (const [at, need] of unknown.entries()) this.#counted(need, answers()[at])
      this.#counts.add(needs)
      return true
    }
  }

  /** So many wait. */
  #counted(need: QueueNeed, [row]: readonly Row[] = []): number {
    const waiting = Number(row?.[0])
    this.#counts.counted(need, waiting, Number(row?.[1]))
    return waiting
  }

  /**
   * After a refusal: the lists that find no room with those before them, with their errors. Empty where the reason was
   * another one.
   */
  async refused(
    database: Database,
    lists: readonly (readonly Submission[])[],
  ): Promise<Map<readonly Submission[], QueueFullError>> {
    const needs = needsOf(lists.flat())
    const steps = needs.map(({ queue, limit }): Step => ({ statement: COUNT, values: [queue, limit] }))
    const counted = await database.run(steps, { repeatable: true })
    const waiting = new Map(needs.map((need, at) => [need.queue, this.#counted(need, counted[at])]))
    const refused = new Map<readonly Submission[], QueueFullError>()
    for (const list of lists) {
      const own = needsOf(list)
      const full = own.find(({ queue, limit, count }) => (waiting.get(queue) ?? 0) + count > limit)
      if (full) refused.set(list, fullError(full))
      else for (const { queue, count } of own) waiting.set(queue, (waiting.get(queue) ?? 0) + count)
    }
    return refused
  }
}

export function fullError({ queue, limit, count }: QueueNeed): QueueFullError {
  return new QueueFullError(queue, limit, count)
}
