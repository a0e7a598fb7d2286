import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { JobRow } from '../fold/jobs.ts'
import type { ChangeQuery, Changes, RecordedJob } from '../recording.ts'
import { type Conditions, conditionsOf } from './conditions.ts'
import type { EventQueries } from './eventQueries.ts'
import type { JobQueries } from './jobQueries.ts'

/** Events that one answer looks at: who is further behind lists the jobs again. */
const MAX_SCANNED = 20_000
/** Characters of the jobs of one answer. */
const MAX_LENGTH = 2 ** 20
/** Rows that are read at once. */
const ROWS_PER_STEP = 200
/** Without what only the recorder needs, and without tracebacks. */
const COLUMNS = [
  ...['seq', 'id', 'task', 'state', 'queue', 'worker', 'owner', 'fingerprint', 'root', 'parent', 'client', 'retries'],
  ...['first_at', 'changed_at', 'sent_at', 'received_at', 'started_at', 'first_start', 'ended_at', 'runtime'],
  ...['eta', 'expires', 'tags', 'args', 'kwargs', 'exception', 'result'],
].join(', ')

/** Answers which jobs have changed: each event has a number, and names its job. Only reads. */
export class ChangeQueries {
  readonly #jobs: JobQueries
  readonly #events: EventQueries
  readonly #newer: StatementSync

  constructor(db: DatabaseSync, jobs: JobQueries, events: EventQueries) {
    this.#jobs = jobs
    this.#events = events
    this.#newer = db.prepare('SELECT number, seq FROM event WHERE number > ? ORDER BY number DESC LIMIT ?')
  }

  changes({ after, limit, ...filter }: ChangeQuery): Changes {
    const conditions = conditionsOf(filter, this.#jobs.names)
    const newest = this.#events.last()
    if (after === undefined) return { jobs: [], more: 0, last: newest }
    // The number is of a file that was there before.
    if (after > newest) return { jobs: [], more: 0, last: newest, isMissed: true }
    const rows = this.#newer.all(after, MAX_SCANNED + 1) as { number: number; seq: number | null }[]
    const last = rows[0]?.number ?? newest
    const isMissed = rows.length > MAX_SCANNED || (last > after && this.#events.oldest() > after + 1)
    if (isMissed) return { jobs: [], more: 0, last, isMissed }
    const seqs = new Set(rows.flatMap(({ seq }) => seq ?? []))
    if (!conditions || seqs.size === 0) return { jobs: [], more: 0, last }
    return { ...this.#pick([...seqs], conditions, limit), last }
  }

  /** The first of them that fit, and how many others do. */
  #pick(seqs: readonly number[], conditions: Conditions, limit: number): { jobs: RecordedJob[]; more: number } {
    const jobs: RecordedJob[] = []
    let length = 0
    let more = 0
    for (let at = 0; at < seqs.length; at += ROWS_PER_STEP) {
      const some = seqs.slice(at, at + ROWS_PER_STEP)
      const isFull = jobs.length >= limit || length > MAX_LENGTH
      // Whatever has changed fits: no row needs to be read.
      if (isFull && conditions.where === '1' && conditions.words.length === 0)
        return { jobs, more: more + seqs.length - at }
      const rows = this.#jobs.chosen(some, conditions, isFull ? 'seq' : COLUMNS)
      const bySeq = new Map(rows.map((row) => [row.seq, row]))
      for (const seq of some) {
        const row = bySeq.get(seq)
        if (!row) continue
        if (jobs.length >= limit || length > MAX_LENGTH) more++
        else {
          jobs.push(this.#jobs.jobOf(row))
          length += lengthOf(row)
        }
      }
    }
    return { jobs, more }
  }
}

function lengthOf({ args, kwargs, exception, result, tags }: JobRow): number {
  return [args, kwargs, exception, result, tags].reduce((sum, text) => sum + (text?.length ?? 0), 0)
}
