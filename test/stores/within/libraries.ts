import { drizzle as drizzleNode } from 'drizzle-orm/node-postgres'
import { drizzle as drizzleJs } from 'drizzle-orm/postgres-js'
import { sql as drizzleSql } from 'drizzle-orm/sql'
import knex from 'knex'
import { Kysely, sql as kyselySql, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'

/** Adds a row with this name to the table `purchase`, in the transaction. */
export type Insert = (name: string) => Promise<unknown>

/** A library that is connected to a database. */
export interface Connected {
  /** Runs `work` in a transaction, as the library does it: rolled back if it rejects. */
  transaction<Result>(work: (client: object, insert: Insert) => Promise<Result>): Promise<Result>
  /** It has one connection: no two transactions at the same time. */
  readonly isAlone?: boolean
  /** What must be refused: it is no transaction. */
  readonly outside: object
  close(): Promise<unknown>
}

/** Connections that it may have. */
const MAX = 10

async function onClient<Result>(
  client: pg.ClientBase,
  work: (client: pg.ClientBase, insert: Insert) => Promise<Result>,
): Promise<Result> {
  await client.query('BEGIN')
  try {
    const result = await work(client, (name) => client.query('INSERT INTO purchase (name) VALUES ($1)', [name]))
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

async function onPoolClient<Result>(
  pool: pg.Pool,
  work: (client: pg.PoolClient, insert: Insert) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  try {
    return await onClient(client, (_, insert) => work(client, insert))
  } finally {
    client.release()
  }
}

/** What Prisma's engine sees of a client of pg: it deserializes each column by its type, and a text is sent as a text. */
function prismaOf(client: pg.ClientBase): object {
  const send = async (text: string, values: readonly unknown[]): Promise<pg.QueryResult> => {
    for (const [at, value] of values.entries()) {
      if (value !== null && typeof value !== 'string') throw new TypeError(`${typeof value} for $${at + 1}`)
      if (new RegExp(`\\$${at + 1}(?!\\d|::text)`).test(text)) throw new TypeError(`$${at + 1} is no text: ${text}`)
    }
    const result = await client.query(text, [...values])
    const isVoid = result.fields?.some(({ dataTypeID }) => dataTypeID === 2278)
    if (isVoid) throw new TypeError(`Failed to deserialize column of type 'void': ${text}`)
    return result
  }
  const known = (error: pg.DatabaseError): never => {
    throw Object.assign(new Error(`Raw query failed. Code: \`${error.code}\`. Message: \`${error.message}\``), {
      code: 'P2010',
      meta: { code: error.code, message: error.message },
    })
  }
  return {
    $queryRawUnsafe: (text: string, ...values: unknown[]) => send(text, values).then(({ rows }) => rows, known),
    $executeRawUnsafe: (text: string, ...values: unknown[]) =>
      send(text, values).then(({ rowCount }) => rowCount, known),
  }
}

/** By name: what connects each to a database. */
export const LIBRARIES: Readonly<Record<string, (url: string) => Promise<Connected>>> = {
  'pg, client': async (connectionString) => {
    const [client, other] = [new pg.Client({ connectionString }), new pg.Client({ connectionString })]
    await Promise.all([client.connect(), other.connect()])
    // One transaction after the other.
    let last: Promise<unknown> = Promise.resolve()
    return {
      transaction: (work) => {
        const next = last.then(() => onClient(client, work))
        last = next.catch(() => undefined)
        return next
      },
      isAlone: true,
      outside: other,
      close: () => Promise.all([client.end(), other.end()]),
    }
  },
  'pg, client of a pool': async (connectionString) => {
    const pool = new pg.Pool({ connectionString, max: MAX })
    return { transaction: (work) => onPoolClient(pool, work), outside: pool, close: () => pool.end() }
  },
  'postgres.js': async (url) => {
    const sql = postgres(url, { max: MAX, onnotice: () => undefined })
    return {
      transaction: (work) =>
        sql.begin((own) => work(own, (name) => own`INSERT INTO purchase (name) VALUES (${name})`)) as never,
      outside: sql,
      close: () => sql.end(),
    }
  },
  'Drizzle, node-postgres': async (connectionString) => {
    const pool = new pg.Pool({ connectionString, max: MAX })
    const db = drizzleNode({ client: pool })
    return {
      transaction: (work) =>
        db.transaction((tx) =>
          work(tx, (name) => tx.execute(drizzleSql`INSERT INTO purchase (name) VALUES (${name})`)),
        ),
      outside: db,
      close: () => pool.end(),
    }
  },
  'Drizzle, postgres-js': async (url) => {
    const client = postgres(url, { max: MAX, onnotice: () => undefined })
    const db = drizzleJs({ client })
    return {
      transaction: (work) =>
        db.transaction((tx) =>
          work(tx, (name) => tx.execute(drizzleSql`INSERT INTO purchase (name) VALUES (${name})`)),
        ),
      outside: db,
      close: () => client.end(),
    }
  },
  Kysely: async (connectionString) => {
    const db = new Kysely<Record<string, never>>({
      dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString, max: MAX }) }),
    })
    return {
      transaction: (work) =>
        db
          .transaction()
          .execute((trx) => work(trx, (name) => kyselySql`INSERT INTO purchase (name) VALUES (${name})`.execute(trx))),
      outside: db,
      close: () => db.destroy(),
    }
  },
  Knex: async (connection) => {
    const db = knex({ client: 'pg', connection, pool: { min: 0, max: MAX } })
    return {
      transaction: (work) => db.transaction((trx) => work(trx, (name) => trx('purchase').insert({ name }))),
      outside: db,
      close: () => db.destroy(),
    }
  },
  'Prisma (a stand-in)': async (connectionString) => {
    const pool = new pg.Pool({ connectionString, max: MAX })
    return {
      transaction: (work) => onPoolClient(pool, (client, insert) => work(prismaOf(client), insert)),
      outside: { ...prismaOf(new pg.Client()), $transaction: () => undefined },
      close: () => pool.end(),
    }
  },
}
