import type { DatabaseSync, StatementSync } from 'node:sqlite'
import {
  emitted,
  type History,
  type HistoryQuery,
  keptChanges,
  LOG_TRIM_INTERVAL,
  type Output,
  unlogged,
} from '../../../backend/eventLog.ts'
import type { TaskMeta } from '../../../protocol/result.ts'

/** A stored record or state, with all fields that are needed to read it. */
export interface StoredRow {
  readonly id: string
  readonly task: string | null
  /** Undefined for a row of the log: its meta contains the state. */
  readonly state: string | undefined
  readonly version: number
  readonly created: number
  readonly format: string
  readonly meta: string | Uint8Array
}

interface RecordRow extends StoredRow {
  readonly seq: number
}

interface LoggedRow extends Pick<StoredRow, 'version' | 'format' | 'meta'> {
  readonly seq: number
}

/** Format of an emission, with the number of the newest state before it. */
const EMISSION_FORMAT = 'emission; state='

/** The intermediate states and the emissions of each task, as the table `celeriac_event` keeps them. */
export class SqliteEventLog {
  readonly #limit: number
  readonly #add: StatementSync
  readonly #emit: StatementSync
  readonly #touch: StatementSync
  readonly #keepCounted: StatementSync
  readonly #trim: StatementSync
  readonly #record: StatementSync
  readonly #bounds: StatementSync
  readonly #after: StatementSync

  /** `limit`: how many states are kept per task; 0: none. */
  constructor(db: Pick<DatabaseSync, 'prepare'>, limit: number) {
    this.#limit = limit
    this.#add = db.prepare(`INSERT INTO celeriac_event (job, seq, version, format, meta)
      SELECT seq, coalesce((SELECT max(seq) FROM celeriac_event WHERE job = celeriac_result.seq), 1) + 1,
      version, format, meta
      FROM celeriac_result WHERE id = ? RETURNING job, seq, length(meta) AS size`)
    this.#emit = db.prepare('INSERT INTO celeriac_event (job, seq, version, format, meta) VALUES (?, ?, ?, ?, ?)')
    this.#touch = db.prepare('UPDATE celeriac_result SET version = ? WHERE id = ? AND final = 0 RETURNING seq')
    this.#keepCounted = db.prepare(`UPDATE celeriac_event SET version = ? WHERE (job, version) =
      (SELECT seq, version FROM celeriac_result WHERE id = ?)`)
    this.#trim = db.prepare('DELETE FROM celeriac_event WHERE job = ? AND seq <= ?')
    this.#record = db.prepare(
      'SELECT seq, id, task, state, version, created, format, meta FROM celeriac_result WHERE id = ?',
    )
    this.#bounds =
      db.prepare(`SELECT seq AS last, version, format, (SELECT min(seq) FROM celeriac_event WHERE job = ?) AS first
      FROM celeriac_event WHERE job = ? ORDER BY seq DESC LIMIT 1`)
    this.#after = db.prepare(
      'SELECT seq, version, format, meta FROM celeriac_event WHERE job = ? AND seq > ? ORDER BY seq',
    )
  }

  /** Log this intermediate state, inside the transaction that saved it. */
  add(id: string): void {
    if (this.#limit === 0) return
    const { job, seq, size } = this.#add.get(id) as { job: number; seq: number; size: number }
    if (seq % LOG_TRIM_INTERVAL === 0) this.#trim.run(job, seq - keptChanges(this.#limit, size))
  }

  /**
   * Inside a transaction: keep what a run emits. The record gets the same version, and so counts as changed. False
   * where there is none, or it is final.
   */
  append({ id, emissions }: Output, version: number): boolean {
    if (this.#limit === 0) return false
    const record = this.#touch.get(version, id) as { seq: number } | undefined
    if (!record) return false
    const bounds = this.#boundsOf(record.seq)
    const format = EMISSION_FORMAT + stateOf(bounds)
    let seq = bounds?.last ?? 1
    for (const body of emissions) this.#emit.run(record.seq, ++seq, version, format, body)
    const isDue = Math.floor(seq / LOG_TRIM_INTERVAL) > Math.floor((seq - emissions.length) / LOG_TRIM_INTERVAL)
    const longest = Math.max(...emissions.map(({ length }) => length))
    if (isDue) this.#trim.run(record.seq, seq - keptChanges(this.#limit, longest))
    return true
  }

  /** Inside a transaction, before the record gets this version without a new state: the log has its state still. */
  keepCounted(id: string, version: number): void {
    this.#keepCounted.run(version, id)
  }

  read({ id, after }: HistoryQuery, metaOf: (row: StoredRow) => TaskMeta): History | undefined {
    const record = this.#record.get(id) as RecordRow | undefined
    if (!record) return undefined
    const meta = metaOf(record)
    const bounds = this.#boundsOf(record.seq)
    if (!bounds) return unlogged(meta)
    const { first, last, version } = bounds
    const rows = last > after ? (this.#after.all(record.seq, after) as unknown as LoggedRow[]) : []
    const logged = rows.map((row) =>
      row.format.startsWith(EMISSION_FORMAT)
        ? emitted(row.seq, row.meta, meta)
        : { seq: row.seq, meta: metaOf({ ...record, ...row, state: undefined }) },
    )
    return { meta, counted: version === record.version, state: stateOf(bounds), first, last, logged }
  }

  #boundsOf(job: number): Bounds | undefined {
    return this.#bounds.get(job, job) as Bounds | undefined
  }
}

/** The oldest and the newest entry of a log, and the format of the newest. */
interface Bounds {
  readonly first: number
  readonly last: number
  readonly version: number
  readonly format: string
}

/** Number of the newest state. */
function stateOf(bounds: Bounds | undefined): number {
  if (!bounds) return 1
  const { format, last } = bounds
  return format.startsWith(EMISSION_FORMAT) ? Number(format.slice(EMISSION_FORMAT.length)) : last
}
