import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Names } from '../file/names.ts'
import { fingerprintOf } from './fingerprint.ts'

/** A failure that comes after so long without one, and after a success, is a regression, ms. */
const REGRESSION_MS = 3_600_000
const MAX_MESSAGE_LENGTH = 1000

export interface FailureRow {
  readonly fingerprint: string
  readonly task: number
  readonly type: string
  readonly message: string
  readonly pattern: string
  readonly count: number
  readonly first_at: number
  readonly last_at: number
  readonly regressed_at: number | null
  readonly last_job: string
}

/** Failures of one kind, and when each task last succeeded. */
export class FailureGroups {
  readonly #names: Names
  readonly #find: StatementSync
  readonly #write: StatementSync
  readonly #success: StatementSync
  readonly #succeeded: StatementSync
  /** The last successes of tasks, by number, that are not written yet. */
  readonly #successes = new Map<number, number>()

  constructor(db: DatabaseSync, names: Names) {
    this.#names = names
    this.#find = db.prepare('SELECT * FROM failure WHERE fingerprint = ?')
    this.#write = db.prepare('INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    this.#success = db.prepare('SELECT last_at AS at FROM task_success WHERE task = ?')
    this.#succeeded = db.prepare(
      'INSERT INTO task_success VALUES (?, ?) ON CONFLICT (task) DO UPDATE SET last_at = max(last_at, excluded.last_at)',
    )
  }

  /** `at`: ms. */
  failed(id: string, task: string, exception: string, at: number, now: number): void {
    const { fingerprint, type, message, pattern } = fingerprintOf(task, exception)
    const number = this.#names.id(task, now)
    const row = this.#find.get(fingerprint) as FailureRow | undefined
    const isLast = !row || at >= row.last_at
    this.#write.run(
      ...[fingerprint, number, type],
      ...(isLast ? [message.slice(0, MAX_MESSAGE_LENGTH), pattern] : [row.message, row.pattern]),
      ...[(row?.count ?? 0) + 1, Math.min(row?.first_at ?? at, at), Math.max(row?.last_at ?? at, at)],
      row ? this.#regression(row, number, at) : null,
      isLast ? id : row.last_job,
    )
  }

  succeeded(task: string, at: number, now: number): void {
    const number = this.#names.id(task, now)
    const before = this.#successes.get(number)
    if (before === undefined || at > before) this.#successes.set(number, at)
  }

  save(): void {
    for (const [task, at] of this.#successes) this.#succeeded.run(task, at)
    this.#successes.clear()
  }

  clear(): void {
    this.#successes.clear()
  }

  #regression(row: FailureRow, task: number, at: number): number | null {
    if (at - row.last_at < REGRESSION_MS) return row.regressed_at
    const stored = (this.#success.get(task) as { at: number } | undefined)?.at ?? 0
    const success = Math.max(stored, this.#successes.get(task) ?? 0)
    return success > row.last_at ? at : row.regressed_at
  }
}
