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
    return this.count("result WHERE state = 'SUCCESS'") === tasks
  }

  async checkEmpty(): Promise<void> {
    expect(this.count('message'), 'messages left').toBe(0)
    expect(this.query('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  }

  async waiting(): Promise<number> {
    return this.count('message WHERE owner IS NULL')
  }

  async markedLost(): Promise<number> {
    return this.count('message WHERE lost > 0')
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

  /** Ask the file itself. */
  query<Row>(sql: string): Row[] {
    const db = new DatabaseSync(this.#path, { readOnly: true, timeout: 5000 })
    try {
      return db.prepare(sql).all() as unknown as Row[]
    } finally {
      db.close()
    }
  }

  count(from: string): number {
    return this.query<{ n: number }>(`SELECT count(*) AS n FROM ${from}`)[0]?.n as number
  }
}
