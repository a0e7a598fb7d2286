import type { DatabaseSync } from 'node:sqlite'
import { ArgumentError } from '../std/errors.ts'
import { asError } from '../std/thrown.ts'
import { clientErrorOf, clientSqlState } from '../stores/postgres/within/clientError.ts'
import { transactionClientOf } from '../stores/postgres/within/recognize.ts'
import type { TransactionClient } from '../stores/postgres/within/transactionClient.ts'
import { clientErrorOf as sqliteErrorOf } from '../stores/sqlite/within/clientError.ts'
import { databaseOf } from '../stores/sqlite/within/recognize.ts'
import type { NewRow } from './entry.ts'
import { SQLITE_NOW } from './schema.ts'

/** The table of an outbox, through the client of the caller on which a transaction is open. */
export interface CallerTable {
  /** Rejects with ArgumentError, also without a transaction; StoreUnavailableError, CeleriacError of the database. */
  add(rows: readonly NewRow[]): Promise<void>
}

/** Throws ArgumentError for what is no client as `app.within` takes it. */
export function callerTable(client: unknown, table: string): CallerTable {
  if (looksLikeSqlite(client)) return new SqliteCallerTable(databaseOf(client), table)
  return new PostgresCallerTable(transactionClientOf(client), table)
}

/** Of node:sqlite, or of better-sqlite3, which is refused with the reason. */
function looksLikeSqlite(client: unknown): boolean {
  if (typeof client !== 'object' || client === null) return false
  const { prepare, exec, session } = client as Record<string, unknown> & { session?: { client?: unknown } }
  return (typeof prepare === 'function' && typeof exec === 'function') || hasSqlite(session)
}

/** Drizzle over better-sqlite3. */
function hasSqlite(session: { client?: unknown } | undefined): boolean {
  const { client } = session ?? {}
  return typeof client === 'object' && client !== null && typeof (client as { pragma?: unknown }).pragma === 'function'
}

function noTable(table: string, cause: Error): ArgumentError {
  return new ArgumentError(
    `outbox: expected the table ${table} in this database, got none: make it by what outboxSchema() returns`,
    { cause },
  )
}

const NO_TRANSACTION = 'outbox: expected a client on which a transaction is open, got one without: begin before'

class SqliteCallerTable implements CallerTable {
  readonly #db: DatabaseSync
  readonly #table: string

  constructor(db: DatabaseSync, table: string) {
    this.#db = db
    this.#table = table
  }

  async add(rows: readonly NewRow[]): Promise<void> {
    if (!this.#db.isOpen || !this.#db.isTransaction) throw new ArgumentError(NO_TRANSACTION)
    try {
      const insert = this.#db.prepare(
        `INSERT INTO ${this.#table} (task_id, task, body, added) VALUES (?, ?, ?, ${SQLITE_NOW})`,
      )
      for (const { id, task, body } of rows) insert.run(id, task, body)
    } catch (error) {
      const cause = asError(error)
      if (cause.message.includes('no such table')) throw noTable(this.#table, cause)
      throw sqliteErrorOf(error, 'outbox', this.#db.isTransaction)
    }
  }
}

/** Marks the transaction: without one the mark is gone at the next statement, which then adds nothing. */
const MARK = "SELECT set_config('celeriac.outbox', $1::text, true)"
/** Parameters of one statement. */
const MAX_ROWS = 1000

/** The last work on a connection: statements take turns, also those of several functions. */
const LAST = new WeakMap<object, Promise<unknown>>()

class PostgresCallerTable implements CallerTable {
  readonly #client: TransactionClient
  readonly #table: string

  constructor(client: TransactionClient, table: string) {
    this.#client = client
    this.#table = table
  }

  add(rows: readonly NewRow[]): Promise<void> {
    const { connection } = this.#client
    const turn = (LAST.get(connection) ?? Promise.resolve()).then(() => this.#add(rows))
    LAST.set(
      connection,
      turn.catch(() => undefined),
    )
    return turn
  }

  async #add(rows: readonly NewRow[]): Promise<void> {
    const mark = crypto.randomUUID()
    await this.#run(MARK, [mark])
    for (let from = 0; from < rows.length; from += MAX_ROWS) {
      const some = JSON.stringify(rows.slice(from, from + MAX_ROWS))
      const added = await this.#run(this.#insert, [mark, some, this.#table])
      if (added.length === 0) throw new ArgumentError(NO_TRANSACTION)
    }
  }

  /** Nothing outside of the transaction. Its commit notifies the relays, once. */
  get #insert(): string {
    return `WITH added AS (
      INSERT INTO ${this.#table} (task_id, task, body)
      SELECT r->>'id', r->>'task', r->>'body' FROM json_array_elements($2::text::json) WITH ORDINALITY AS rows (r, at)
      WHERE current_setting('celeriac.outbox', true) = $1::text ORDER BY at
      RETURNING seq
    ) SELECT pg_notify($3::text, '')::text FROM added LIMIT 1`
  }

  async #run(text: string, values: readonly string[]): Promise<readonly unknown[]> {
    try {
      return await this.#client.run(text, values)
    } catch (error) {
      if (clientSqlState(error) === '42P01') throw noTable(this.#table, asError(error))
      throw clientErrorOf(error, 'outbox')
    }
  }
}
