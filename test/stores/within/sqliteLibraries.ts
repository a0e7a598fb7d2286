import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { sql as drizzleSql } from 'drizzle-orm/sql'
import { drizzle } from 'drizzle-orm/sqlite-proxy'
import { Kysely, sql as kyselySql, SqliteDialect } from 'kysely'
import type { Connected, Insert } from './libraries.ts'

const open = (url: string): DatabaseSync => new DatabaseSync(url.slice('sqlite:'.length), { timeout: 10_000 })

/** One after the other: there is one connection. */
function inTurns(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }
}

async function begun<Result>(
  db: DatabaseSync,
  begin: string,
  work: (client: DatabaseSync, insert: Insert) => Promise<Result>,
): Promise<Result> {
  const insert = db.prepare('INSERT INTO purchase (name) VALUES (?)')
  db.exec(begin)
  try {
    const result = await work(db, async (name) => insert.run(name))
    db.exec('COMMIT')
    return result
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

function plain(begin: string, open: (url: string) => DatabaseSync): (url: string) => Promise<Connected> {
  return async (url) => {
    const [db, other, turn] = [open(url), open(url), inTurns()]
    return {
      transaction: (work) => turn(() => begun(db, begin, work)),
      isAlone: true,
      outside: other,
      close: async () => [db.close(), other.close()],
    }
  }
}

/** What Kysely's dialect uses of better-sqlite3. */
function kyselyDatabase(db: DatabaseSync) {
  return {
    prepare: (sql: string) => {
      const statement = db.prepare(sql)
      return {
        reader: statement.columns().length > 0,
        all: (values: readonly unknown[]) => statement.all(...(values as SQLInputValue[])),
        run: (values: readonly unknown[]) => statement.run(...(values as SQLInputValue[])),
        iterate: (values: readonly unknown[]) => statement.iterate(...(values as SQLInputValue[])),
      }
    },
    close: () => db.close(),
  }
}

/** By name: what connects each to a file. Each is given the DatabaseSync below. */
export const SQLITE_LIBRARIES: Readonly<Record<string, (url: string) => Promise<Connected>>> = {
  DatabaseSync: plain('BEGIN IMMEDIATE', open),
  'DatabaseSync, a deferred transaction': plain('BEGIN', open),
  'DatabaseSync, with bigints and arrays': plain(
    'BEGIN EXCLUSIVE',
    (url) =>
      new DatabaseSync(url.slice('sqlite:'.length), {
        timeout: 10_000,
        readBigInts: true,
        returnArrays: true,
        allowBareNamedParameters: false,
      }),
  ),
  Kysely: async (url) => {
    const client = open(url)
    const db = new Kysely<Record<string, never>>({ dialect: new SqliteDialect({ database: kyselyDatabase(client) }) })
    return {
      transaction: (work) =>
        db
          .transaction()
          .execute((trx) =>
            work(client, (name) => kyselySql`INSERT INTO purchase (name) VALUES (${name})`.execute(trx)),
          ),
      isAlone: true,
      outside: db,
      close: () => db.destroy(),
    }
  },
  'Drizzle, sqlite-proxy': async (url) => {
    const [client, turn] = [open(url), inTurns()]
    const db = drizzle(async (text, values, method) => {
      const statement = client.prepare(text)
      if (method === 'run') return { rows: [statement.run(...(values as SQLInputValue[]))] as unknown[] }
      statement.setReturnArrays(true)
      const rows = statement.all(...(values as SQLInputValue[])) as unknown as unknown[][]
      return { rows: method === 'get' ? (rows[0] as unknown[]) : rows }
    })
    return {
      transaction: (work) =>
        turn(() =>
          db.transaction(
            (tx) => work(client, (name) => tx.run(drizzleSql`INSERT INTO purchase (name) VALUES (${name})`)),
            { behavior: 'immediate' },
          ),
        ),
      isAlone: true,
      outside: db,
      close: async () => client.close(),
    }
  },
}
