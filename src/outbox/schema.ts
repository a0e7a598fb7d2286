import { ArgumentError } from '../std/errors.ts'
import { refuseUnknown, requireObject, shown } from '../std/validate.ts'

/** The databases in which an outbox may be. */
export type OutboxDatabase = 'sqlite' | 'postgres'

/** SQL: ms since the epoch, by the clock of the machine. */
export const SQLITE_NOW: string = "CAST(unixepoch('subsec') * 1000 AS INTEGER)"

/** Which table an outbox is. */
export interface OutboxTableOptions {
  /** Name of the table, with its schema on PostgreSQL if it needs one. Default: `celeriac_outbox`. */
  table?: string | undefined
}

/** Unquoted names: small letters, so that PostgreSQL does not change them. It is the name of a channel, too. */
const TABLE = /^(?:[a-z_][a-z0-9_]{0,39}\.)?[a-z_][a-z0-9_]{0,39}$/

/** Bytes of a name in PostgreSQL. */
const MAX_NAME = 63

/** The name of the table; `others`: names of options beside it. Throws ArgumentError. */
export function tableOf(options: OutboxTableOptions, others: readonly string[] = []): string {
  requireObject(options, 'outbox: options')
  refuseUnknown(options, new Set(['table', ...others]), 'outbox')
  const { table = 'celeriac_outbox' } = options
  if (typeof table === 'string' && table.length <= MAX_NAME && TABLE.test(table)) return table
  throw new ArgumentError(
    `outbox: table: expected a name of small letters, digits and _ as celeriac_outbox or shop.outbox, got ${shown(table)}`,
  )
}

/** For an index: without the schema. */
function plain(table: string): string {
  return table.slice(table.indexOf('.') + 1)
}

const COLUMNS: Readonly<Record<OutboxDatabase, string>> = {
  sqlite: `seq INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id TEXT,
  task TEXT,
  body TEXT NOT NULL,
  added INTEGER NOT NULL,
  relay TEXT,
  until INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  error TEXT`,
  postgres: `seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id text,
  task text,
  body text NOT NULL,
  added timestamptz NOT NULL DEFAULT now(),
  relay text,
  until timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  error text`,
}

/**
 * The SQL that makes the table of an outbox, unless it is there: for your migrations, or to be executed at the start.
 * `task_id`, `task` and `added` are for people (SQLite: ms since the epoch); a relay has a row (`relay`) until a moment
 * (`until`); `error`: why a row will not be published. Throws ArgumentError.
 */
export function outboxSchema(database: OutboxDatabase, options: OutboxTableOptions = {}): string {
  const table = tableOf(options)
  const columns = COLUMNS[database]
  if (columns === undefined)
    throw new ArgumentError(`outboxSchema: expected sqlite or postgres, got ${shown(database)}`)
  const strict = database === 'sqlite' ? ' STRICT' : ''
  return `CREATE TABLE IF NOT EXISTS ${table} (
  ${columns}
)${strict};
CREATE INDEX IF NOT EXISTS ${plain(table)}_waiting ON ${database === 'sqlite' ? plain(table) : table} (seq) WHERE error IS NULL;
`
}
