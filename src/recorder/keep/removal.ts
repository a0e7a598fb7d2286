import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Names, ownName } from '../file/names.ts'
import type { TextIndex } from '../file/textIndex.ts'
import { type JobRow, searchedText } from '../fold/jobs.ts'

/** Removes jobs with all that belongs to them. Inside a transaction. */
export class Removal {
  readonly #names: Names
  readonly #text: TextIndex
  readonly #statements: readonly StatementSync[]
  readonly #count: StatementSync
  readonly #tag: StatementSync
  readonly #failures: StatementSync
  readonly #keepPattern: StatementSync
  readonly #other: StatementSync
  readonly #replace: StatementSync
  readonly #dropFailure: StatementSync

  constructor(db: DatabaseSync, names: Names, text: TextIndex) {
    this.#names = names
    this.#text = text
    this.#statements = [
      db.prepare('DELETE FROM job WHERE seq = ?'),
      db.prepare('DELETE FROM step WHERE seq = ?'),
      db.prepare('DELETE FROM event WHERE seq = ?'),
    ]
    this.#count = db.prepare('UPDATE recorder SET jobs = jobs - 1')
    this.#tag = db.prepare('DELETE FROM tag WHERE tag = ? AND seq = ?')
    this.#failures = db.prepare('SELECT fingerprint FROM failure WHERE last_job = ?')
    this.#keepPattern = db.prepare('UPDATE failure SET message = pattern WHERE last_job = ?')
    this.#other = db.prepare('SELECT id, exception FROM job WHERE fingerprint = ? ORDER BY seq DESC LIMIT 1')
    this.#replace = db.prepare('UPDATE failure SET message = ?, last_job = ? WHERE fingerprint = ?')
    this.#dropFailure = db.prepare('DELETE FROM failure WHERE fingerprint = ?')
  }

  /** A job that has grown too old. Its full text is dropped with those of its part, later. */
  expire(row: JobRow): void {
    this.#keepPattern.run(row.id)
    this.#remove(row)
  }

  /** A job that is to be forgotten. `isIndexed`: it is in the full text. */
  forget(row: JobRow, isIndexed: boolean, messageOf: (exception: string) => string): void {
    if (isIndexed) this.#text.remove(row.seq, searchedText(row.id, this.#names.text(row.task), row), row.pieces)
    this.#remove(row)
    this.forgetFailures(row.id, messageOf)
  }

  /** What groups of failures show of a job, which may be dropped already. */
  forgetFailures(id: string, messageOf: (exception: string) => string): void {
    for (const { fingerprint } of this.#failures.all(id) as { fingerprint: string }[]) {
      const other = this.#other.get(fingerprint) as { id: string; exception: string | null } | undefined
      if (other) this.#replace.run(messageOf(other.exception ?? ''), other.id, fingerprint)
      else this.#dropFailure.run(fingerprint)
    }
  }

  #remove(row: JobRow): void {
    for (const statement of this.#statements) statement.run(row.seq)
    this.#count.run()
    if (row.tags === null) return
    for (const tag of JSON.parse(row.tags) as string[]) {
      const number = this.#names.find(ownName(tag))
      if (number !== undefined) this.#tag.run(number, row.seq)
    }
  }
}
