import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from '../../../src/worker/worker.ts'
import { Shop } from './shop.ts'

const TABLES = ['message', 'result', 'event', 'note', 'origin', 'chord', 'part'].map((name) => `celeriac_${name}`)

/** The same in a SQLite file. */
export class SqliteShop extends Shop {
  path = ''
  /** A connection beside celeriac's. */
  db = new DatabaseSync(':memory:')
  #folder = ''

  override async open(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), 'celeriac-within-'))
    this.path = join(this.#folder, 'shop.db')
    this.url = `sqlite:${this.path}`
    this.define()
    await this.app.connect()
    this.db = new DatabaseSync(this.path, { timeout: 10_000 })
    this.db.exec('CREATE TABLE purchase (name TEXT NOT NULL)')
    this.worker = new Worker(this.app, { logger: false, queues: ['celery', 'other'] })
    await this.worker.start()
  }

  override async clear(): Promise<void> {
    this.packed.length = 0
    this.charging = (_, name) => name
    this.db.exec(['purchase', ...TABLES].map((table) => `DELETE FROM ${table}`).join(';'))
  }

  override async count(table: string): Promise<number> {
    return (this.db.prepare(`SELECT count(*) AS count FROM ${table}`).get() as { count: number }).count
  }

  override waiting(): Promise<number> {
    return this.count('celeriac_message')
  }

  override counts(): Promise<number[]> {
    const tables = ['message', 'result', 'note', 'origin', 'chord'].map((name) => `celeriac_${name}`)
    return Promise.all(['purchase', ...tables].map((table) => this.count(table)))
  }

  override async close(): Promise<void> {
    await super.close()
    this.db.close()
    rmSync(this.#folder, { recursive: true })
  }
}
