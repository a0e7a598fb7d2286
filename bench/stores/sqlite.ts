import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Figures } from '../harness/scenario.ts'
import type { Address, Store } from './store.ts'

/** A new SQLite file for each run. The processes that use it count its statements. */
export class SqliteStore implements Store {
  readonly version = `SQLite ${process.versions.sqlite}`
  readonly #parent: string
  #folder: string | undefined

  constructor(folder: string) {
    this.#parent = folder
  }

  async empty(): Promise<Address> {
    await this.stop()
    this.#folder = mkdtempSync(join(this.#parent, 'sqlite-'))
    const url = `sqlite:${this.#file}`
    return { url, backend: url }
  }

  async counters(): Promise<Figures> {
    return {}
  }

  /** Rows of a table for which `where` holds. `celeriac_` is added to the name where the file has such a table. */
  rows(table: string, where = 'TRUE'): number {
    const db = new DatabaseSync(this.#file, { readOnly: true })
    try {
      const prefixed = db.prepare('SELECT name FROM sqlite_schema WHERE name = ?').get(`celeriac_${table}`)
      const from = prefixed ? `celeriac_${table}` : table
      return (db.prepare(`SELECT count(*) AS n FROM ${from} WHERE ${where}`).get() as { n: number }).n
    } finally {
      db.close()
    }
  }

  async stop(): Promise<void> {
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
  }

  get #file(): string {
    if (!this.#folder) throw new Error('expected a file, as empty() makes it')
    return join(this.#folder, 'store.db')
  }
}
