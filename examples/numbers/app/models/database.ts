import { Kysely, PostgresDialect } from 'kysely'
import { DATABASE } from '../../config/settings.ts'
import { migrate } from './migrations.ts'
import { openSqlite } from './nodeSqlite.ts'
import type { Tables } from './tables.ts'

export type Database = Kysely<Tables>

/** Connections of one process to PostgreSQL, at most. */
const CONNECTIONS = 4

let opening: Promise<Database> | undefined

/** The application's database. Opened, and its tables brought up to date, when it is first needed. */
export function database(): Promise<Database> {
  opening ??= openDatabase(DATABASE).catch((error: unknown) => {
    // The next one tries again.
    opening = undefined
    throw error
  })
  return opening
}

/** Open `sqlite:<file>` or `postgres://…`. Any number of processes may do so at once: one of them migrates. */
export async function openDatabase(url: string): Promise<Database> {
  if (url.startsWith('sqlite:')) return await openFile(url.slice('sqlite:'.length))
  if (/^postgres(ql)?:\/\//.test(url)) return await openServer(url)
  throw new RangeError('DATABASE_URL: expected sqlite:<file> or postgres://…, got another scheme')
}

async function openFile(path: string): Promise<Database> {
  const { file, dialect } = openSqlite(path)
  const db: Database = new Kysely({ dialect })
  try {
    // Kysely leaves SQLite's transaction to us: who comes second waits here, and finds that all is done.
    file.exec('PRAGMA foreign_keys = ON; BEGIN IMMEDIATE')
    await migrate(db, 'sqlite')
    file.exec('COMMIT')
    return db
  } catch (error) {
    file.close()
    throw error
  }
}

async function openServer(url: string): Promise<Database> {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, allowExitOnIdle: true })
  // An idle connection that breaks is replaced; without a listener it would end the process.
  pool.on('error', (error) => console.error(`numbers: a connection to the database is gone: ${error.message}`))
  const db: Database = new Kysely({ dialect: new PostgresDialect({ pool }) })
  try {
    await migrate(db, 'postgres')
    return db
  } catch (error) {
    await db.destroy()
    throw error
  }
}
