import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { SqliteDialect } from 'kysely'

/** How long a writer waits for another one, ms. */
const TIMEOUT = 5000

/** A file of Node's own SQLite, and how Kysely speaks with it. */
export function openSqlite(path: string): { file: DatabaseSync; dialect: SqliteDialect } {
  mkdirSync(dirname(path), { recursive: true })
  const file = new DatabaseSync(path, { timeout: TIMEOUT })
  file.exec('PRAGMA journal_mode = WAL')
  const dialect = new SqliteDialect({ database: { close: () => file.close(), prepare: (sql) => prepared(file, sql) } })
  return { file, dialect }
}

function prepared(file: DatabaseSync, sql: string): ReturnType<NonNullable<Prepare>> {
  const statement = file.prepare(sql)
  const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[]
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  }
}

type Prepare = import('kysely').SqliteDatabase['prepare']
