import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Note } from '../../../backend/notes.ts'
import type { SubmissionMetadata } from '../../../backend/unitOfWork.ts'
import type { Clock } from '../../../std/clock.ts'

interface MetadataRow {
  readonly owner: string | null
  readonly tags: string | null
  readonly input: string | Uint8Array | null
}

/** Notes, and submission metadata of jobs. Methods that write are for use inside a transaction. */
export class SqliteNotes {
  readonly #clock: Clock
  readonly #putIfAbsent: StatementSync
  readonly #put: StatementSync
  readonly #replace: StatementSync
  readonly #get: StatementSync
  readonly #clean: StatementSync
  readonly #add: StatementSync
  readonly #metadata: StatementSync
  readonly #changeInput: StatementSync

  constructor(db: Pick<DatabaseSync, 'prepare'>, clock: Clock) {
    this.#clock = clock
    this.#putIfAbsent = db.prepare(`INSERT INTO celeriac_note (key, value, expires) VALUES (?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires
      WHERE celeriac_note.expires <= ?`)
    this.#put = db.prepare('INSERT OR REPLACE INTO celeriac_note (key, value, expires) VALUES (?, ?, ?)')
    this.#replace = db.prepare(
      'UPDATE celeriac_note SET value = ?, expires = ? WHERE key = ? AND value = ? AND expires > ?',
    )
    this.#get = db.prepare('SELECT value FROM celeriac_note WHERE key = ? AND expires > ?')
    this.#clean = db.prepare(
      'DELETE FROM celeriac_note WHERE key IN (SELECT key FROM celeriac_note WHERE expires < ? LIMIT ?)',
    )
    this.#add = db.prepare('INSERT INTO celeriac_origin (seq, owner, tags, input) VALUES (?, ?, ?, ?)')
    this.#metadata = db.prepare(
      'SELECT owner, tags, input FROM celeriac_origin JOIN celeriac_result USING (seq) WHERE id = ?',
    )
    this.#changeInput = db.prepare(`UPDATE celeriac_origin SET input = ?
      WHERE input IS NOT NULL AND seq = (SELECT seq FROM celeriac_result WHERE id = ?)`)
  }

  /** True when it was kept; false when there is a note of its key that has not expired. */
  putIfAbsent({ key, value, expires }: Note): boolean {
    return Number(this.#putIfAbsent.run(key, value, expires, this.#clock.now()).changes) === 1
  }

  /** True when the one of its key had this value. */
  replace({ key, value, expires }: Note, expected: string): boolean {
    return Number(this.#replace.run(value, expires, key, expected, this.#clock.now()).changes) === 1
  }

  put({ key, value, expires }: Note): void {
    this.#put.run(key, value, expires)
  }

  get(key: string): string | undefined {
    return (this.#get.get(key, this.#clock.now()) as { value: string } | undefined)?.value
  }

  /** Add the metadata of the result with this number. Empty metadata is not stored: this store lists all jobs. */
  addMetadata(seq: number | bigint, { owner, tags, input }: SubmissionMetadata): void {
    if (owner === undefined && !tags?.length && input === undefined) return
    this.#add.run(seq, owner ?? null, tags ? JSON.stringify(tags) : null, input ?? null)
  }

  /** Another input of this job, where one is kept. */
  changeInput(id: string, input: string | Uint8Array): void {
    this.#changeInput.run(input, id)
  }

  metadata(id: string): SubmissionMetadata | undefined {
    const row = this.#metadata.get(id) as MetadataRow | undefined
    if (!row) return undefined
    const { owner, tags, input } = row
    return {
      owner: owner ?? undefined,
      tags: tags === null ? undefined : (JSON.parse(tags) as string[]),
      input: input ?? undefined,
    }
  }

  /** Drop expired notes, at most `limit`. Returns how many. */
  clean(now: number, limit: number): number {
    return Number(this.#clean.run(now, limit).changes)
  }
}
