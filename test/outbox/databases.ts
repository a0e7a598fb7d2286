import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { outboxSchema } from '../../src/outbox/outbox.ts'
import { emptyPostgres } from '../postgres/shared.ts'

/** A database of the caller with a table `purchase` and an outbox. */
export interface CallerDatabase {
  /** For a relay. */
  readonly url: string
  /** Runs `work` in a transaction; rolled back if it rejects. */
  transaction<Value>(
    work: (client: object, insert: (name: string) => Promise<unknown>) => Promise<Value>,
  ): Promise<Value>
  /** Rows of a statement. */
  rows(sql: string): Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

export const DATABASES = ['sqlite', 'postgres'] as const

const PURCHASE = 'CREATE TABLE purchase (name text NOT NULL)'

export async function openDatabase(kind: (typeof DATABASES)[number]): Promise<CallerDatabase> {
  const database = await (kind === 'sqlite' ? openSqlite() : openPostgres())
  for (const sql of [PURCHASE, ...outboxSchema(kind).split(';')]) if (sql.trim()) await database.rows(sql)
  return database
}

async function openSqlite(): Promise<CallerDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-outbox-'))
  const path = join(folder, 'shop.db')
  const db = new DatabaseSync(path, { timeout: 20_000 })
  db.exec('PRAGMA journal_mode = WAL')
  return {
    url: `sqlite:${path}`,
    transaction: async (work) => {
      db.exec('BEGIN IMMEDIATE')
      try {
        const value = await work(db, async (name) => db.prepare('INSERT INTO purchase (name) VALUES (?)').run(name))
        db.exec('COMMIT')
        return value
      } catch (error) {
        db.exec('ROLLBACK')
        throw error
      }
    },
    rows: async (sql) => db.prepare(sql).all(),
    close: async () => {
      db.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function openPostgres(): Promise<CallerDatabase> {
  const url = await emptyPostgres()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    url,
    transaction: async (work) => {
      await client.query('BEGIN')
      try {
        const value = await work(client, (name) => client.query('INSERT INTO purchase (name) VALUES ($1)', [name]))
        await client.query('COMMIT')
        return value
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      }
    },
    rows: async (sql) => (await client.query(sql)).rows,
    close: () => client.end(),
  }
}
