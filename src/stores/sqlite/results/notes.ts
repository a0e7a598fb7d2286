import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Note, Origin } from '../../../backend/unitOfWork.ts'

interface OriginRow {
  readonly owner: string | null
  readonly tags: string | null
  readonly input: string | Uint8Array | null
}

/** Notes, and what was said of jobs when they were handed in. Those that write are for use inside a transaction. */
export class SqliteNotes {
  readonly #keep: StatementSync
  readonly #replace: StatementSync
  readonly #recall: StatementSync
  readonly #clean: StatementSync
  readonly #add: StatementSync
  readonly #origin: StatementSync

  constructor(db: DatabaseSync) {
    this.#keep = db.prepare(`INSERT INTO note (key, value, expires) VALUES (?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires WHERE note.expires <= ?`)
    this.#replace = db.prepare('INSERT OR REPLACE INTO note (key, value, expires) VALUES (?, ?, ?)')
    this.#recall = db.prepare('SELECT value FROM note WHERE key = ? AND expires > ?')
    this.#clean = db.prepare('DELETE FROM note WHERE key IN (SELECT key FROM note WHERE expires < ? LIMIT ?)')
    this.#add = db.prepare('INSERT INTO origin (seq, owner, tags, input) VALUES (?, ?, ?, ?)')
    this.#origin = db.prepare('SELECT owner, tags, input FROM origin JOIN result USING (seq) WHERE id = ?')
  }

  /** True when it was kept; false when one of its key is there that has not expired. */
  keep({ key, value, expires }: Note): boolean {
    return Number(this.#keep.run(key, value, expires, Date.now()).changes) === 1
  }

  replace({ key, value, expires }: Note): void {
    this.#replace.run(key, value, expires)
  }

  recall(key: string): string | undefined {
    return (this.#recall.get(key, Date.now()) as { value: string } | undefined)?.value
  }

  /** Of the result with this number. One that says nothing is none: here all are listed. */
  addOrigin(seq: number | bigint, { owner, tags, input }: Origin): void {
    if (owner === undefined && !tags?.length && input === undefined) return
    this.#add.run(seq, owner ?? null, tags ? JSON.stringify(tags) : null, input ?? null)
  }

  origin(id: string): Origin | undefined {
    const row = this.#origin.get(id) as OriginRow | undefined
    if (!row) return undefined
    const { owner, tags, input } = row
    return {
      owner: owner ?? undefined,
      tags: tags === null ? undefined : (JSON.parse(tags) as string[]),
      input: input ?? undefined,
    }
  }

  /** Drop notes that have expired, at most so many. Returns how many. */
  clean(now: number, limit: number): number {
    return Number(this.#clean.run(now, limit).changes)
  }
}
