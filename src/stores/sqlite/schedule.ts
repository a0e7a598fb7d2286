import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { uuid } from '../../std/id.ts'
import {
  type Due,
  type EntryChange,
  MAX_CLOCK_SKEW_MS,
  type ScheduleStore,
  type StoredEntry,
  type StoredRun,
} from '../scheduleStore.ts'
import { isStoreTrouble } from './database.ts'
import type { SqliteFile } from './file.ts'

const ENTRY_COLUMNS = 'name, token, entry AS text'

class Statements {
  readonly list: StatementSync
  readonly load: StatementSync
  readonly add: StatementSync
  readonly put: StatementSync
  readonly remove: StatementSync
  readonly due: StatementSync
  readonly waiting: StatementSync
  readonly claimed: StatementSync
  readonly nextDue: StatementSync
  readonly nextRun: StatementSync
  readonly addRun: StatementSync
  readonly takeRuns: StatementSync
  readonly endRun: StatementSync
  readonly count: StatementSync
  readonly changes: StatementSync

  constructor(db: DatabaseSync) {
    this.list = db.prepare(`SELECT ${ENTRY_COLUMNS} FROM celeriac_schedule WHERE app = ? ORDER BY name`)
    this.load = db.prepare(`SELECT ${ENTRY_COLUMNS} FROM celeriac_schedule WHERE app = ? AND name = ?`)
    this.add = db.prepare(
      `INSERT INTO celeriac_schedule (app, name, token, due, waiting, entry) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO NOTHING`,
    )
    this.put = db.prepare(
      `UPDATE celeriac_schedule SET token = ?, due = ?, waiting = ?, entry = ?
      WHERE app = ? AND name = ? AND token = ?`,
    )
    this.remove = db.prepare('DELETE FROM celeriac_schedule WHERE app = ? AND name = ? AND token = ?')
    this.due = db.prepare(
      `SELECT ${ENTRY_COLUMNS} FROM celeriac_schedule WHERE app = ? AND due <= ? ORDER BY due LIMIT ?`,
    )
    this.waiting = db.prepare(`SELECT ${ENTRY_COLUMNS} FROM celeriac_schedule WHERE app = ? AND waiting = 1`)
    this.claimed = db.prepare('SELECT id FROM celeriac_schedule_run WHERE app = ?')
    this.nextDue = db.prepare('SELECT min(due) AS at FROM celeriac_schedule WHERE app = ? AND due > ?')
    this.nextRun = db.prepare('SELECT min(until) AS at FROM celeriac_schedule_run WHERE app = ?')
    this.addRun = db.prepare(
      'INSERT INTO celeriac_schedule_run (app, id, until, run) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    )
    this.takeRuns = db.prepare(`UPDATE celeriac_schedule_run SET until = ? WHERE app = ? AND id IN (
      SELECT id FROM celeriac_schedule_run WHERE app = ? AND (until <= ? OR until > ?) ORDER BY until LIMIT ?
    ) RETURNING id, run AS text`)
    this.endRun = db.prepare('DELETE FROM celeriac_schedule_run WHERE app = ? AND id = ?')
    this.count = db.prepare(
      'INSERT INTO celeriac_schedule_change (app, number) VALUES (?, 1) ON CONFLICT DO UPDATE SET number = number + 1',
    )
    this.changes = db.prepare('SELECT number FROM celeriac_schedule_change WHERE app = ?')
  }
}

/** A schedule in a SQLite file. */
export class SqliteScheduleStore implements ScheduleStore {
  readonly url: string
  readonly #file: SqliteFile
  readonly #app: string
  readonly #own: Statements

  /** Apps that share a file have a schedule each. */
  constructor(file: SqliteFile, app: string) {
    this.#file = file
    this.url = file.url
    this.#app = app
    this.#own = new Statements(file.db)
  }

  list(): Promise<readonly StoredEntry[]> {
    return this.#file.read(() => rows<StoredEntry>(this.#own.list.all(this.#app)))
  }

  load(names: readonly string[]): Promise<readonly (StoredEntry | undefined)[]> {
    return this.#file.read(() =>
      names.map((name) => this.#own.load.get(this.#app, name) as unknown as StoredEntry | undefined),
    )
  }

  swap(changes: readonly EntryChange[], { quiet = false }: { quiet?: boolean } = {}): Promise<readonly boolean[]> {
    return this.#file.writer.write(() => {
      const done = changes.map((change) => this.#swap(change))
      if (!quiet && done.includes(true)) {
        this.#own.count.run(this.#app)
        this.#file.touch('schedules')
      }
      return done
    })
  }

  untouched(): Promise<boolean> {
    return this.#file.read(() => this.#changes() === 0)
  }

  due(now: number, limit: number): Promise<Due> {
    const { due, waiting, claimed, nextDue, nextRun } = this.#own
    return this.#file.read(() => {
      const times = [nextDue.get(this.#app, now), nextRun.get(this.#app)].flatMap((row) => {
        const { at } = row as { at: number | null }
        return at === null ? [] : [at]
      })
      return {
        entries: rows<StoredEntry>(due.all(this.#app, now, limit)),
        waiting: rows<StoredEntry>(waiting.all(this.#app)),
        claimed: rows<{ id: string }>(claimed.all(this.#app)).map(({ id }) => id),
        next: times.length === 0 ? undefined : Math.min(...times),
      }
    })
  }

  takeRuns(now: number, until: number, limit: number): Promise<readonly StoredRun[]> {
    const args = [until, this.#app, this.#app, now, until + MAX_CLOCK_SKEW_MS, limit]
    return this.#file.writer.write(() => rows<StoredRun>(this.#own.takeRuns.all(...args)))
  }

  async endRuns(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    await this.#file.writer.write(() => {
      for (const id of ids) this.#own.endRun.run(this.#app, id)
    })
  }

  async onChange(listener: () => void): Promise<() => Promise<void>> {
    let seen = await this.#file.read(() => this.#changes())
    const stop = this.#file.onChange('schedules', () => {
      try {
        const now = this.#changes()
        if (now === seen) return
        seen = now
      } catch (error) {
        // It may have changed: the next caller that reads it gets the store's error.
        if (!isStoreTrouble(error)) throw error
      }
      listener()
    })
    return async () => stop()
  }

  #changes(): number {
    return (this.#own.changes.get(this.#app) as { number: number } | undefined)?.number ?? 0
  }

  #swap({ name, from, to, runs = [] }: EntryChange): boolean {
    const { add, put, remove, addRun } = this.#own
    if (!this.#apply(name, from, to, { add, put, remove })) return false
    for (const { id, until, text } of runs) addRun.run(this.#app, id, until, text)
    return true
  }

  #apply(
    name: string,
    from: string | undefined,
    to: EntryChange['to'],
    { add, put, remove }: Pick<Statements, 'add' | 'put' | 'remove'>,
  ): boolean {
    if (!to) return from !== undefined && remove.run(this.#app, name, from).changes === 1
    const { due = null, text } = to
    const waiting = to.waiting ? 1 : 0
    const { changes } =
      from === undefined
        ? add.run(this.#app, name, uuid(), due, waiting, text)
        : put.run(uuid(), due, waiting, text, this.#app, name, from)
    return changes === 1
  }
}

function rows<Row>(found: unknown): Row[] {
  return found as Row[]
}
