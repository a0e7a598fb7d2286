import type { DatabaseSync } from 'node:sqlite'
import { requireLimit } from '../../backend/cursor.ts'
import { Names } from '../file/names.ts'
import { TextIndex } from '../file/textIndex.ts'
import { MAX_CHUNKS, type StepRow, waitOf } from '../fold/jobEntry.ts'
import type { JobRow } from '../fold/jobs.ts'
import type {
  Facets,
  FacetValue,
  JobFilter,
  JobQuery,
  JobStep,
  RecordedHistory,
  RecordedJob,
  RecordedPage,
} from '../recording.ts'
import { type Conditions, conditionsOf, cursorNumber } from './conditions.ts'
import { COUNTED_COLUMNS, Scan, type ScanStep } from './scan.ts'

/** How long one answer may search, ms: then it is a part, with a cursor. */
const SEARCH_MS = 120
const MAX_FACET_VALUES = 100
const MAX_STEPS = 1000
const MAX_VALUES = { task: 5000, queue: 1000 }

/** Answers questions about jobs. Only reads. */
export class JobQueries {
  readonly #db: DatabaseSync
  readonly names: Names
  readonly #scan: Scan

  constructor(db: DatabaseSync) {
    this.#db = db
    this.names = new Names(db)
    this.#scan = new Scan(db, this.names, new TextIndex(db))
  }

  jobs(query: JobQuery): RecordedPage {
    const { limit, cursor } = query
    requireLimit(limit)
    const before = cursorNumber(cursor, Number.MAX_SAFE_INTEGER)
    const conditions = conditionsOf(query, this.names)
    if (!conditions) return { jobs: [] }
    const rows: JobRow[] = []
    let until: number | undefined
    for (const step of this.visit(conditions, before)) {
      rows.push(...step.rows)
      until = step.until
      if (rows.length > limit) break
    }
    const jobs = rows.slice(0, limit).map((row) => this.jobOf(row))
    if (rows.length > limit) return { jobs, cursor: String(rows[limit - 1]?.seq) }
    return until !== undefined && until > conditions.since ? { jobs, cursor: String(until) } : { jobs }
  }

  /** The steps of a search, until its time is over. */
  *visit(conditions: Conditions, before: number, columns?: string): Generator<ScanStep> {
    const end = performance.now() + SEARCH_MS
    for (const step of this.#scan.steps(conditions, before, columns)) {
      yield step
      if (performance.now() > end) return
    }
  }

  /** Those of these jobs that fit. */
  chosen(seqs: readonly number[], conditions: Conditions, columns: string): JobRow[] {
    return this.#scan.rows(seqs, conditions, columns)
  }

  facets(filter: JobFilter): Facets {
    const conditions = conditionsOf(filter, this.names)
    const counts = { states: new Map(), tasks: new Map(), queues: new Map(), workers: new Map() } as Record<
      'states' | 'tasks' | 'queues' | 'workers',
      Map<number, number>
    >
    let total = 0
    let until = conditions?.since ?? 0
    if (conditions)
      for (const step of this.visit(conditions, Number.MAX_SAFE_INTEGER, COUNTED_COLUMNS)) {
        for (const row of step.rows) {
          total++
          countOne(counts.states, row.state)
          countOne(counts.tasks, row.task)
          countOne(counts.queues, row.queue)
          countOne(counts.workers, row.worker)
        }
        until = step.until
      }
    return {
      states: this.#values(counts.states),
      tasks: this.#values(counts.tasks),
      queues: this.#values(counts.queues),
      workers: this.#values(counts.workers),
      total,
      isPartial: until > (conditions?.since ?? 0),
    }
  }

  /** The tasks, or queues, that there are jobs of: where there are too many, the ones that were known last. */
  values(column: 'task' | 'queue'): string[] {
    const names: string[] = []
    const next = this.#db.prepare(`SELECT max(${column}) AS number FROM job WHERE ${column} < ?`)
    for (let number: number | null = Number.MAX_SAFE_INTEGER; names.length < MAX_VALUES[column]; ) {
      number = (next.get(number) as { number: number | null }).number
      if (number === null) break
      names.push(this.names.text(number) ?? '')
    }
    return names.toSorted()
  }

  history(id: string): RecordedHistory | undefined {
    const row = this.#db.prepare('SELECT * FROM job WHERE id = ?').get(id) as JobRow | undefined
    if (!row) return undefined
    const chunks = this.#db
      .prepare('SELECT steps FROM step WHERE seq = ? AND chunk >= ? ORDER BY chunk')
      .all(row.seq, row.chunks - MAX_CHUNKS) as { steps: string }[]
    const steps = [...chunks, row].flatMap((part) => JSON.parse(part.steps) as StepRow[])
    // By their clocks where two have one moment.
    steps.sort((a, b) => a[1] - b[1] || a[3] - b[3])
    return { job: this.jobOf(row), steps: steps.slice(-MAX_STEPS).map(stepOf) }
  }

  jobOf(row: JobRow): RecordedJob {
    const text = (number: number | null): string | undefined => this.names.text(number)
    return {
      id: row.id,
      task: text(row.task),
      state: text(row.state) ?? '',
      args: row.args ?? undefined,
      kwargs: row.kwargs ?? undefined,
      result: row.result ?? undefined,
      exception: row.exception ?? undefined,
      traceback: row.traceback ?? undefined,
      fingerprint: row.fingerprint ?? undefined,
      queue: text(row.queue),
      worker: text(row.worker),
      client: row.client ?? undefined,
      owner: this.names.own(row.owner),
      tags: row.tags === null ? [] : JSON.parse(row.tags),
      rootId: row.root ?? undefined,
      parentId: row.parent ?? undefined,
      retries: row.retries ?? 0,
      eta: row.eta ?? undefined,
      expires: row.expires ?? undefined,
      sentAt: row.sent_at ?? undefined,
      receivedAt: row.received_at ?? undefined,
      startedAt: row.started_at ?? undefined,
      endedAt: row.ended_at ?? undefined,
      firstAt: row.first_at,
      changedAt: row.changed_at,
      wait: row.first_start === null ? undefined : waitOf(row.id, row.first_at, row.first_start),
      runtime: row.runtime ?? undefined,
    }
  }

  #values(counts: ReadonlyMap<number, number>): FacetValue[] {
    return [...counts]
      .sort(([, a], [, b]) => b - a)
      .slice(0, MAX_FACET_VALUES)
      .map(([number, count]) => ({ value: this.names.text(number) ?? '', count }))
  }
}

function countOne(counts: Map<number, number>, number: number | null): void {
  if (number !== null) counts.set(number, (counts.get(number) ?? 0) + 1)
}

function stepOf([type, at, worker, , runtime, exception, retries]: StepRow): JobStep {
  return {
    type,
    at: at * 1000,
    worker,
    ...(runtime !== undefined && runtime >= 0 && { runtime }),
    ...(typeof exception === 'string' && { exception }),
    ...(typeof retries === 'number' && { retries }),
  }
}
