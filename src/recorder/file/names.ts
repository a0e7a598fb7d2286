import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Names that are kept in memory. */
const MAX_KNOWN = 20_000
/** How exactly it is known when a name was last used, ms. */
const USED_INTERVAL_MS = 24 * 3600 * 1000

/** Names of owners and tags are apart from all others: they are removed with the last job that has one. */
export function ownName(text: string): string {
  return `=${text}`
}

/** Names as numbers, so that rows and indexes are short. */
export class Names {
  readonly #ids = new Map<string, { readonly id: number; readonly used: number }>()
  readonly #texts = new Map<number, string>()
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #touch: StatementSync
  readonly #read: StatementSync

  constructor(db: DatabaseSync) {
    this.#find = db.prepare('SELECT id, used FROM name WHERE text = ?')
    this.#insert = db.prepare('INSERT INTO name (text, used) VALUES (?, ?)')
    this.#touch = db.prepare('UPDATE name SET used = ? WHERE id = ?')
    this.#read = db.prepare('SELECT text FROM name WHERE id = ?')
  }

  /** Inside a transaction that writes: the number of a name, also of a new one. */
  id(text: string, now: number): number {
    const known = this.#ids.get(text) ?? (this.#find.get(text) as { id: number; used: number } | undefined)
    if (known && now - known.used < USED_INTERVAL_MS) return this.#know(text, known)
    const isThere = known !== undefined && this.#touch.run(now, known.id).changes === 1
    const id = isThere ? known.id : Number(this.#insert.run(text, now).lastInsertRowid)
    return this.#know(text, { id, used: now })
  }

  /** The number of a name; undefined where there is none. */
  find(text: string): number | undefined {
    return (this.#ids.get(text) ?? (this.#find.get(text) as { id: number } | undefined))?.id
  }

  text(id: number | null): string | undefined {
    if (id === null) return undefined
    const known = this.#texts.get(id) ?? (this.#read.get(id) as { text: string } | undefined)?.text
    if (known !== undefined) {
      if (this.#texts.size >= MAX_KNOWN) this.#texts.clear()
      this.#texts.set(id, known)
    }
    return known
  }

  /** An owner, or a tag. */
  own(id: number | null): string | undefined {
    return this.text(id)?.slice(1)
  }

  /** After a rollback, or a change by another process. */
  clear(): void {
    this.#ids.clear()
    this.#texts.clear()
  }

  #know(text: string, known: { readonly id: number; readonly used: number }): number {
    if (this.#ids.size >= MAX_KNOWN) this.#ids.clear()
    this.#ids.set(text, known)
    return known.id
  }
}
