import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { TaskMeta } from '../protocol/result.ts'
import { type History, type HistoryQuery, keptChanges } from './history.ts'

/** A stored record or state, with all that it takes to read it. */
export interface StoredRow {
  readonly version: number
  readonly created: number
  readonly format: string
  readonly meta: string | Uint8Array
}

interface LoggedRow extends StoredRow {
  readonly seq: number
}

/** A log is shortened at every so many states. */
const TRIM_EVERY = 16

/** The states on the way of each task, as the table `event` keeps them. */
export class SqliteHistory {
  readonly #limit: number
  readonly #add: StatementSync
  readonly #trim: StatementSync
  readonly #record: StatementSync
  readonly #bounds: StatementSync
  readonly #after: StatementSync

  /** `limit`: how many states are kept per task; 0: none. */
  constructor(db: DatabaseSync, limit: number) {
    this.#limit = limit
    this.#add = db.prepare(`INSERT INTO event (job, seq, version, format, meta)
      SELECT seq, coalesce((SELECT max(seq) FROM event WHERE job = result.seq), 1) + 1, version, format, meta
      FROM result WHERE id = ? RETURNING job, seq, length(meta) AS size`)
    this.#trim = db.prepare('DELETE FROM event WHERE job = ? AND seq <= ?')
    this.#record = db.prepare('SELECT seq, version, created, format, meta FROM result WHERE id = ?')
    this.#bounds = db.prepare(`SELECT seq AS last, version, (SELECT min(seq) FROM event WHERE job = ?1) AS first
      FROM event WHERE job = ?1 ORDER BY seq DESC LIMIT 1`)
    this.#after = db.prepare('SELECT seq, version, format, meta FROM event WHERE job = ? AND seq > ? ORDER BY seq')
  }

  /** Inside the transaction that saved this state on the way: keep it. */
  log(id: string): void {
    if (this.#limit === 0) return
    const { job, seq, size } = this.#add.get(id) as { job: number; seq: number; size: number }
    if (seq % TRIM_EVERY === 0) this.#trim.run(job, seq - keptChanges(this.#limit, size))
  }

  read({ id, after }: HistoryQuery, metaOf: (row: StoredRow) => TaskMeta): History | undefined {
    const record = this.#record.get(id) as LoggedRow | undefined
    if (!record) return undefined
    const meta = metaOf(record)
    const bounds = this.#bounds.get(record.seq) as { first: number; last: number; version: number } | undefined
    if (!bounds) return { meta, counted: false, first: 1, last: 1, logged: [] }
    const { first, last } = bounds
    const rows = last > after ? (this.#after.all(record.seq, after) as unknown as LoggedRow[]) : []
    const logged = rows.map((row) => ({ seq: row.seq, meta: metaOf({ ...row, created: record.created }) }))
    return { meta, counted: bounds.version === record.version, first, last, logged }
  }
}
