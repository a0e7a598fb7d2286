import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError, StoreUnavailableError } from '../std/errors.ts'
import { asError } from '../std/thrown.ts'
import { ChangeWatcher } from '../stores/sqlite/changeWatcher.ts'
import { isBusy } from '../stores/sqlite/database.ts'
import { sqlitePath, sqliteUrl } from '../stores/sqlite/url.ts'
import type { RelayRow, RelayTable, RelayTableOptions, Settled } from './relayTable.ts'
import { SQLITE_NOW } from './schema.ts'

/** How long a transaction waits for another connection, ms. */
const LOCK_LIMIT_MS = 10_000
/** Rows that a relay left when it died are looked for so often, ms. */
const LOOK_MS = 5000

/** The table in a SQLite file, through a connection of its own. */
export class SqliteRelayTable implements RelayTable {
  readonly url: string
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #options: RelayTableOptions
  readonly #watcher: ChangeWatcher

  /** `database`: a path, or a `sqlite:` URL. Throws ConfigError where there is no such file. */
  constructor(database: string, options: RelayTableOptions) {
    this.#path = database.startsWith('sqlite:') ? sqlitePath(database) : database
    this.url = sqliteUrl(this.#path)
    this.#options = options
    try {
      // A file that is not there would be made, empty.
      if (!statSync(this.#path).isFile()) throw new Error('it is no file')
      this.#db = new DatabaseSync(this.#path, { timeout: 0 })
    } catch (error) {
      throw new ConfigError(`outbox: expected a SQLite file, got ${this.url}: ${asError(error).message}`)
    }
    const counter = this.#db.prepare('PRAGMA data_version')
    this.#watcher = new ChangeWatcher(this.#path, () => (counter.get() as { data_version: number }).data_version)
  }

  async advance(settled: Settled, limit: number): Promise<readonly RelayRow[]> {
    const isRead = settled.done.length + settled.failed.length + settled.back.length === 0
    const end = performance.now() + LOCK_LIMIT_MS
    for (;;) {
      try {
        // Without the lock for writing, where there is nothing to write.
        if (isRead && (limit === 0 || !this.#hasRows())) return []
        return this.#transaction(settled, limit)
      } catch (error) {
        if (!isBusy(error) || performance.now() > end) throw this.#errorOf(asError(error))
      }
      await sleep(2 + 8 * Math.random())
    }
  }

  #errorOf(cause: Error): Error {
    const message = `${this.url}: ${cause.message}`
    if (cause.message.includes('no such table'))
      return new ConfigError(`outbox: ${message}: make it by what outboxSchema() returns`, { cause })
    return new StoreUnavailableError(message, { cause })
  }

  #transaction(settled: Settled, limit: number): readonly RelayRow[] {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      this.#settle(settled)
      const rows = limit > 0 ? this.#claim(limit) : []
      this.#db.exec('COMMIT')
      return rows
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  #settle({ done, failed, back }: Settled): void {
    const { table, relay } = this.#options
    const numbers = (seqs: readonly string[]): string => JSON.stringify(seqs.map(Number))
    const theirs = 'seq IN (SELECT value FROM json_each(?)) AND relay = ?'
    if (done.length > 0) this.#db.prepare(`DELETE FROM ${table} WHERE ${theirs}`).run(numbers(done), relay)
    if (back.length > 0)
      this.#db.prepare(`UPDATE ${table} SET relay = NULL, until = NULL WHERE ${theirs}`).run(numbers(back), relay)
    for (const { seq, error } of failed)
      this.#db
        .prepare(`UPDATE ${table} SET error = ?, relay = NULL, until = NULL WHERE seq = ? AND relay = ?`)
        .run(error, Number(seq), relay)
  }

  get #free(): string {
    return `SELECT seq FROM ${this.#options.table} WHERE error IS NULL AND (until IS NULL OR until < ${SQLITE_NOW} OR relay = ?)`
  }

  #hasRows(): boolean {
    return this.#db.prepare(`${this.#free} LIMIT 1`).get(this.#options.relay) !== undefined
  }

  #claim(limit: number): readonly RelayRow[] {
    const { table, relay, lease } = this.#options
    const rows = this.#db
      .prepare(
        `UPDATE ${table} SET relay = ?, until = ${SQLITE_NOW} + ?, attempts = attempts + 1 WHERE seq IN (
          ${this.#free} ORDER BY seq LIMIT ?
        ) RETURNING seq, attempts, body`,
      )
      .all(relay, lease, relay, limit) as unknown as { seq: number; attempts: number; body: string }[]
    // RETURNING has no order of its own.
    return rows.sort((a, b) => a.seq - b.seq).map(({ seq, ...row }) => ({ seq: String(seq), ...row }))
  }

  async onChange(listener: () => void): Promise<() => void> {
    const stop = this.#watcher.on(listener)
    const timer = setInterval(listener, LOOK_MS)
    return () => {
      clearInterval(timer)
      stop()
    }
  }

  async close(): Promise<void> {
    this.#watcher.close()
    this.#db.close()
  }
}
