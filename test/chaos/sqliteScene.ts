import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { Scene, sceneFolder } from './scene.ts'

/** A scene around a file of the embedded store. */
export class SqliteScene extends Scene {
  readonly #path: string

  constructor(lease: number) {
    const folder = sceneFolder()
    const path = join(folder, 'store.db')
    super(`sqlite:${path}`, lease, folder)
    this.#path = path
  }

  async finished(tasks: number): Promise<boolean> {
    return this.count("celeriac_result WHERE state = 'SUCCESS'") === tasks
  }

  async checkEmpty(): Promise<void> {
    expect(this.count('celeriac_message'), 'messages left').toBe(0)
    expect(this.query('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  }

  async waiting(): Promise<number> {
    return this.count('celeriac_message WHERE owner IS NULL')
  }

  async markedLost(): Promise<number> {
    return this.count('celeriac_message WHERE lost > 0')
  }

  async quiet(): Promise<boolean> {
    const db = new DatabaseSync(this.#path, { timeout: 200 })
    try {
      db.exec('BEGIN IMMEDIATE; ROLLBACK')
      return true
    } catch {
      return false
    } finally {
      db.close()
    }
  }

  async messageIds(): Promise<string[]> {
    return this.#ids('SELECT task_id AS id FROM celeriac_message ORDER BY 1')
  }

  async recordIds(): Promise<string[]> {
    return this.#ids('SELECT id FROM celeriac_result ORDER BY 1')
  }

  /** Ask the file itself. */
  query<Row>(sql: string): Row[] {
    const db = new DatabaseSync(this.#path, { readOnly: true, timeout: 5000 })
    try {
      return db.prepare(sql).all() as unknown as Row[]
    } finally {
      db.close()
    }
  }

  #ids(sql: string): string[] {
    return this.query<{ id: string }>(sql).map(({ id }) => id)
  }

  count(from: string): number {
    return this.query<{ n: number }>(`SELECT count(*) AS n FROM ${from}`)[0]?.n as number
  }
}
