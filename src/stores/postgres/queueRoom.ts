import { needsOf, type Submission } from '../../backend/unitOfWork.ts'
import { fullError, type QueueNeed, type WaitingAmount, WaitingCounts } from '../../broker/waitingCounts.ts'
import { packedBytes } from '../../protocol/packedMessage.ts'
import type { QueueFullError } from '../../std/errors.ts'
import { BYTES, WAITING_IN } from './broker/backlog.ts'
import { NOT_CLAIMED } from './broker/claims.ts'
import type { Database } from './connection/database.ts'
import type { Row, Step } from './connection/pipeline.ts'
import type { Plan } from './connection/plan.ts'

/** SQL: how many messages wait in the queue $1 and its lanes, at most $2: no more entries of the index are read. */
const WAITING = `(SELECT count(*) AS waiting, 0 AS bytes FROM (
  SELECT FROM (SELECT $1::text AS name UNION ALL SELECT name FROM celeriac.lane WHERE queue = $1::text) AS q
  CROSS JOIN LATERAL (
    SELECT FROM celeriac.message m WHERE m.queue = q.name AND m.due IS NULL AND ${NOT_CLAIMED} LIMIT $2::bigint
  ) AS m LIMIT $2::bigint
) AS entries) AS w`
/** SQL: how many wait, and their bytes. */
const SIZED = `(SELECT count(*) AS waiting, ${BYTES} AS bytes FROM ${WAITING_IN}) AS w`

/** Until the transaction ends no other one that looks for room in this queue passes. */
const LOCK = {
  name: 'room_lock',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('celeriac room ' || $1::text, 0))::text`,
}
/** And how long the count took, ms. */
const FOUND = 'waiting::text, bytes::text, (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)::text'
const REQUIRE = {
  name: 'room_require',
  text: `SELECT ${FOUND}, celeriac.require(waiting + $3::bigint <= $2::bigint)::text FROM ${WAITING}`,
}
const REQUIRE_SIZED = {
  name: 'room_require_sized',
  text: `SELECT ${FOUND}, celeriac.require(waiting + $3::bigint <= $2::bigint AND bytes + $5::bigint <= $4::bigint)::text
    FROM ${SIZED}`,
}
const COUNT = { name: 'room_count', text: `SELECT ${FOUND} FROM ${WAITING}` }
const COUNT_SIZED = { name: 'room_count_sized', text: `SELECT ${FOUND} FROM ${SIZED}` }

/** Whether queues have room for more messages. */
export class QueueRoom {
  readonly #counts = new WaitingCounts()

  /**
   * Put the check before what is written: the transaction is refused (`isRefusal`) where there is no room. Throws
   * QueueFullError where that is known. Returns what notes, after the run, what was found and is written.
   */
  require(plan: Plan, needs: readonly QueueNeed[]): () => void {
    const unknown: QueueNeed[] = []
    for (const need of needs) {
      const waiting = this.#counts.waiting(need)
      const full = waiting && fullError(need, waiting)
      if (full) throw full
      if (!waiting) unknown.push(need)
    }
    plan.add(unknown.map(({ queue }): Step => ({ statement: LOCK, values: [queue] })))
    const answers = plan.add(unknown.map(requireStep))
    return () => {
      for (const [at, need] of unknown.entries()) this.#counted(need, answers()[at])
      this.#counts.add(needs)
    }
  }

  /**
   * Without a lock: what others send at the same time is not counted. Returns what reads, after the run, the error
   * where there is no room; else these are submitted.
   */
  problem(plan: Plan, needs: readonly QueueNeed[]): () => QueueFullError | undefined {
    const known = needs.map((need) => this.#counts.waiting(need))
    const unknown = needs.filter((_, at) => !known[at])
    const answers = plan.add(unknown.map(countStep))
    return () => {
      for (const [at, need] of needs.entries()) {
        const full = fullError(need, known[at] ?? this.#counted(need, answers()[unknown.indexOf(need)]))
        if (full) return full
      }
      this.#counts.add(needs)
      return undefined
    }
  }

  /** So much waits. */
  #counted(need: QueueNeed, [row]: readonly Row[] = []): WaitingAmount {
    const [messages = 0, bytes = 0, took = 0] = row?.map(Number) ?? []
    this.#counts.counted(need, { messages, bytes }, took)
    return { messages, bytes }
  }

  /**
   * After a refusal: the lists that find no room with those before them, with their errors. Empty where the reason was
   * another one.
   */
  async refused(
    database: Database,
    lists: readonly (readonly Submission[])[],
  ): Promise<Map<readonly Submission[], QueueFullError>> {
    const needs = needsOf(lists.flat(), packedBytes)
    const steps = needs.map(countStep)
    const counted = await database.run(steps, { repeatable: true })
    return unfit(lists, new Map(needs.map((need, at) => [need.queue, this.#counted(need, counted[at])])))
  }

  /** The same by what is known, after `require` has thrown. Empty where that is too old by now. */
  refusedAsKnown(lists: readonly (readonly Submission[])[]): Map<readonly Submission[], QueueFullError> {
    const waiting = new Map<string, WaitingAmount>()
    for (const need of needsOf(lists.flat(), packedBytes)) {
      const known = this.#counts.waiting(need)
      if (known) waiting.set(need.queue, known)
    }
    return unfit(lists, waiting)
  }
}

/** The lists that find no room with those before them where as much waits, with their errors. */
function unfit(
  lists: readonly (readonly Submission[])[],
  waiting: Map<string, WaitingAmount>,
): Map<readonly Submission[], QueueFullError> {
  const refused = new Map<readonly Submission[], QueueFullError>()
  for (const list of lists) {
    const own = needsOf(list, packedBytes).filter(({ queue }) => waiting.has(queue))
    const full = own.map((need) => fullError(need, waiting.get(need.queue) ?? NOTHING)).find(Boolean)
    if (full) {
      refused.set(list, full)
      continue
    }
    for (const { queue, messages, bytes } of own) {
      const before = waiting.get(queue) ?? NOTHING
      waiting.set(queue, { messages: before.messages + messages, bytes: before.bytes + bytes })
    }
  }
  return refused
}
const NOTHING: WaitingAmount = { messages: 0, bytes: 0 }

function requireStep({ queue, max, messages, bytes }: QueueNeed): Step {
  const values = [queue, max.messages ?? Number.MAX_SAFE_INTEGER, messages]
  return max.bytes === undefined
    ? { statement: REQUIRE, values }
    : { statement: REQUIRE_SIZED, values: [...values, max.bytes, bytes] }
}

function countStep({ queue, max }: QueueNeed): Step {
  return max.bytes === undefined
    ? { statement: COUNT, values: [queue, max.messages ?? 0] }
    : { statement: COUNT_SIZED, values: [queue] }
}
