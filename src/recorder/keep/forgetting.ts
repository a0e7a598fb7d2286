import type { DatabaseSync } from 'node:sqlite'
import { isFinal } from '../../protocol/states.ts'
import { Names, ownName } from '../file/names.ts'
import { TextIndex } from '../file/textIndex.ts'
import { fingerprintOf } from '../fold/fingerprint.ts'
import { type ForgetFilter, hashOf } from '../fold/ingest.ts'
import type { JobRow } from '../fold/jobs.ts'
import { Removal } from './removal.ts'

/** Jobs that one transaction forgets. */
const MAX_AT_ONCE = 25
/** Late events of a forgotten job are refused for so long, ms. */
const REFUSED_MS = 24 * 3600 * 1000
/** How often the write-ahead log is truncated before another process that reads it is left alone. */
const TRUNCATE_TRIES = 50

/** What is to be forgotten. */
export interface ForgetCommand {
  readonly filter: ForgetFilter
  /** Only jobs that have ended. */
  readonly ended: boolean
  /** Where the step before has ended. */
  readonly from?: number | undefined
  readonly now: number
}

/** How many jobs a step has removed, and where the next one begins. */
export interface Forgotten {
  readonly count: number
  readonly next?: number | undefined
}

/** Removes all that the file has of jobs, and overwrites it. Ids that are not in the file are refused, too. */
export class Forgetting {
  readonly #db: DatabaseSync
  readonly #names: Names
  readonly #removal: Removal

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#names = new Names(db)
    this.#removal = new Removal(db, this.#names, new TextIndex(db))
  }

  /** One step, so that what else is written waits for it only briefly. */
  forget({ filter, ended, from, now }: ForgetCommand): Forgotten {
    const step = filter.ids
      ? this.#forgetIds(filter.ids, filter, ended, from ?? 0, now)
      : this.#forgetFound(filter, ended, from ?? Number.MAX_SAFE_INTEGER, now)
    if (step.next !== undefined) return step
    this.truncate()
    return step
  }

  /** Move the write-ahead log into the file, and empty it: it has pages as they were. */
  truncate(): void {
    for (let tries = 0; tries < TRUNCATE_TRIES; tries++) {
      const { busy } = this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
      if (busy === 0) return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
  }

  #forgetIds(all: readonly string[], filter: ForgetFilter, ended: boolean, from: number, now: number): Forgotten {
    const ids = all.slice(from, from + MAX_AT_ONCE)
    const find = this.#db.prepare('SELECT * FROM job WHERE id = ?')
    const isOfIds = filter.owner === undefined && filter.tag === undefined && filter.tasks === undefined
    const count = this.#transaction(() => {
      const rows = ids.flatMap((id) => {
        const row = find.get(id) as JobRow | undefined
        if (!row && isOfIds) this.#refuse(id, now)
        return row && this.#fits(row, filter, ended) ? [row] : []
      })
      return this.#forgetRows(rows, now)
    })
    const next = from + ids.length
    return next < all.length ? { count, next } : { count }
  }

  #forgetFound(filter: ForgetFilter, ended: boolean, before: number, now: number): Forgotten {
    const rows = this.#rowsOf(filter, before)
    const fitting = rows.filter((row) => this.#fits(row, filter, ended))
    const count = this.#transaction(() => this.#forgetRows(fitting, now))
    const last = rows.at(-1)
    return last ? { count, next: last.seq } : { count }
  }

  #forgetRows(rows: readonly JobRow[], now: number): number {
    const { indexed } = this.#db.prepare('SELECT indexed FROM recorder').get() as { indexed: number }
    for (const row of rows) {
      const task = this.#names.text(row.task) ?? ''
      this.#removal.forget(row, row.seq <= indexed, (exception) => fingerprintOf(task, exception).message)
      this.#refuse(row.id, now)
    }
    this.#dropNames(rows)
    return rows.length
  }

  #refuse(id: string, now: number): void {
    this.#db.prepare('INSERT OR REPLACE INTO forgotten VALUES (?, ?)').run(hashOf(id), now + REFUSED_MS)
    this.#removal.forgetFailures(id, (exception) => exception)
  }

  #fits(row: JobRow, { owner, tag, tasks }: ForgetFilter, ended: boolean): boolean {
    if (ended && !isFinal(this.#names.text(row.state) ?? '')) return false
    if (owner !== undefined && this.#names.own(row.owner) !== owner) return false
    if (tasks && !tasks.includes(this.#names.text(row.task) ?? '')) return false
    return tag === undefined || (row.tags !== null && (JSON.parse(row.tags) as string[]).includes(tag))
  }

  /** Some jobs of the owner, or with the tag, before this one. */
  #rowsOf({ owner, tag }: ForgetFilter, before: number): readonly JobRow[] {
    const number = this.#names.find(ownName(owner ?? tag ?? ''))
    if (number === undefined) return []
    const from =
      owner === undefined
        ? 'SELECT job.* FROM tag JOIN job USING (seq) WHERE tag.tag = ? AND tag.seq < ? ORDER BY tag.seq DESC'
        : 'SELECT * FROM job WHERE owner = ? AND seq < ? ORDER BY seq DESC'
    return this.#db.prepare(`${from} LIMIT ?`).all(number, before, MAX_AT_ONCE) as unknown as JobRow[]
  }

  /** Names of owners and tags that no job has any more. */
  #dropNames(rows: readonly JobRow[]): void {
    const tags = rows.flatMap((row) => (row.tags === null ? [] : (JSON.parse(row.tags) as string[])))
    const numbers = new Set([...rows.map(({ owner }) => owner), ...tags.map((tag) => this.#names.find(ownName(tag)))])
    for (const number of numbers)
      if (number !== null && number !== undefined) {
        const sql = 'SELECT 1 FROM job WHERE owner = ? UNION ALL SELECT 1 FROM tag WHERE tag = ? LIMIT 1'
        if (this.#db.prepare(sql).get(number, number)) continue
        this.#db.prepare('DELETE FROM name WHERE id = ?').run(number)
      }
    this.#names.clear()
  }

  #transaction(work: () => number): number {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const count = work()
      this.#db.exec('COMMIT')
      return count
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      this.#names.clear()
      throw error
    }
  }
}
