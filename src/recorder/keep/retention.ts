import type { DatabaseSync } from 'node:sqlite'
import type { RecorderLimits } from '../../config/recorderOptions.ts'
import { Names } from '../file/names.ts'
import { SEQ_PER_MS } from '../file/schema.ts'
import { TextIndex } from '../file/textIndex.ts'
import type { JobRow } from '../fold/jobs.ts'
import { STEPS_MS } from '../fold/rollups.ts'
import { Removal } from './removal.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** How long seconds and minutes of the statistics are kept, where the hours are kept longer, ms. */
const SECONDS_MS = 3 * HOUR_MS
const MINUTES_MS = 3 * DAY_MS
const WORKERS_MS = DAY_MS
/** Above the limit, data are dropped until they are smaller than this part of it. */
const LOW_MARK = 0.97
/** Events are kept for this part of the time of the jobs, where the size is what limits them. */
const EVENT_SHARE = 0.25
/** Rows of each kind that one step drops. */
const MAX_JOBS = 500
const MAX_EVENTS = 4000
const MAX_ROWS = 2000
/** Part of the file that may be free: new data take it. */
const FREE_SHARE = 0.1
/** Free pages that one step returns to the file system. */
const MAX_PAGES = 1000

type Limits = Pick<RecorderLimits, 'maxBytes' | 'jobs' | 'events' | 'stats'>

/** Drops what is too old, and the oldest where there is too much, in steps that are short. */
export class Retention {
  readonly #db: DatabaseSync
  readonly #limits: Limits
  readonly #names: Names
  readonly #text: TextIndex
  readonly #removal: Removal
  #shrinks = false
  #nextName = 0
  /** Jobs before this one were dropped. */
  expired = 0

  constructor(db: DatabaseSync, limits: Limits) {
    this.#db = db
    this.#limits = limits
    this.#names = new Names(db)
    this.#text = new TextIndex(db)
    this.#removal = new Removal(db, this.#names, this.#text)
  }

  /** One step. True where more is to be dropped. */
  step(now: number): boolean {
    this.#db.exec('BEGIN IMMEDIATE')
    let more: boolean
    try {
      this.#names.clear()
      more = this.#drop(now)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
    if (this.#number('freelist_count') > Math.max(MAX_PAGES, this.#number('page_count') * FREE_SHARE))
      this.#db.exec(`PRAGMA incremental_vacuum(${MAX_PAGES})`)
    return more
  }

  #drop(now: number): boolean {
    const { jobs, events, stats } = this.#limits
    const over = this.#isOver()
    const old = this.#oldest()
    const eventsFirst = over && now - old.event > EVENT_SHARE * (now - old.job)
    const dropped = [
      this.#dropEvents(eventsFirst ? now : now - events),
      this.#dropJobs((over && !eventsFirst ? now : now - jobs) * SEQ_PER_MS),
      this.#dropRollups(STEPS_MS['1s'], now - Math.min(stats, SECONDS_MS)),
      this.#dropRollups(STEPS_MS['1m'], now - Math.min(stats, MINUTES_MS)),
      this.#dropRollups(STEPS_MS['1h'], now - stats),
      this.#dropRest(now),
    ]
    return over || dropped.some(Boolean)
  }

  /** Pages that are free count as nothing: new data take them. */
  #isOver(): boolean {
    const bytes = (this.#number('page_count') - this.#number('freelist_count')) * this.#number('page_size')
    if (bytes > this.#limits.maxBytes) this.#shrinks = true
    else if (bytes < this.#limits.maxBytes * LOW_MARK) this.#shrinks = false
    return this.#shrinks
  }

  #number(pragma: string): number {
    return (this.#db.prepare(`PRAGMA ${pragma}`).get() as Record<string, number>)[pragma] as number
  }

  /** When the oldest of each came, ms; the end of time where there is none. */
  #oldest(): { job: number; event: number } {
    const job = this.#db.prepare('SELECT min(seq) AS seq FROM job').get() as { seq: number | null }
    const event = this.#db.prepare('SELECT came FROM event ORDER BY number LIMIT 1').get() as
      | { came: number }
      | undefined
    const never = Number.MAX_SAFE_INTEGER
    return { job: job.seq === null ? never : job.seq / SEQ_PER_MS, event: event?.came ?? never }
  }

  #dropEvents(before: number): boolean {
    const sql = 'DELETE FROM event WHERE number IN (SELECT number FROM event ORDER BY number LIMIT ?) AND came < ?'
    return this.#db.prepare(sql).run(MAX_EVENTS, before).changes === MAX_EVENTS
  }

  #dropJobs(before: number): boolean {
    const rows = this.#db
      .prepare('SELECT * FROM job WHERE seq < ? ORDER BY seq LIMIT ?')
      .all(before, MAX_JOBS) as unknown as JobRow[]
    for (const row of rows) this.#removal.expire(row)
    const last = rows.at(-1)
    if (last) {
      this.expired = last.seq + 1
      this.#text.dropBefore(this.expired)
    }
    return rows.length === MAX_JOBS
  }

  #dropRollups(step: number, before: number): boolean {
    const sql =
      'DELETE FROM rollup WHERE (step, at, task, queue) IN (SELECT step, at, task, queue FROM rollup WHERE step = ? AND at < ? ORDER BY at LIMIT ?)'
    return this.#db.prepare(sql).run(step, before, MAX_ROWS).changes === MAX_ROWS
  }

  #dropRest(now: number): boolean {
    const { jobs, events, stats } = this.#limits
    const statements = [
      ['DELETE FROM failure WHERE fingerprint IN (SELECT fingerprint FROM failure WHERE last_at < ? LIMIT ?)', jobs],
      ['DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? LIMIT ?)', stats],
      ['DELETE FROM worker WHERE name IN (SELECT name FROM worker WHERE seen < ? LIMIT ?)', WORKERS_MS],
      ['DELETE FROM loss WHERE id IN (SELECT id FROM loss WHERE until < ? LIMIT ?)', stats],
      ['DELETE FROM coverage WHERE id IN (SELECT id FROM coverage WHERE until < ? LIMIT ?)', stats],
      ['DELETE FROM forgotten WHERE hash IN (SELECT hash FROM forgotten WHERE until < ? LIMIT ?)', 0],
    ] as const
    const more = statements.map(([sql, age]) => this.#db.prepare(sql).run(now - age, MAX_ROWS).changes === MAX_ROWS)
    this.#dropName(now - Math.max(jobs, events, stats) - DAY_MS)
    return more.some(Boolean)
  }

  /** One name that was not used for longer than anything is kept. */
  #dropName(before: number): void {
    const row = this.#db
      .prepare('SELECT id FROM name WHERE id > ? AND used < ? AND id > 1 ORDER BY id LIMIT 1')
      .get(this.#nextName, before) as { id: number } | undefined
    this.#nextName = row?.id ?? 0
    if (row) dropUnused(this.#db, row.id)
  }
}

/** Remove a name that nothing uses; no event does, by its age. */
function dropUnused(db: DatabaseSync, number: number): void {
  const uses = ['task', 'queue', 'worker', 'owner'].map((column) => `SELECT 1 FROM job WHERE ${column} = :n`)
  const { used } = db
    .prepare(
      `SELECT EXISTS (${uses.join(' UNION ALL ')} UNION ALL SELECT 1 FROM tag WHERE tag = :n
        UNION ALL SELECT 1 FROM rollup WHERE task = :n OR queue = :n
        UNION ALL SELECT 1 FROM failure WHERE task = :n
        UNION ALL SELECT 1 FROM job WHERE state <> 1 AND state = :n) AS used`,
    )
    .get({ n: number }) as { used: number }
  if (used === 0 && number !== 1) db.prepare('DELETE FROM name WHERE id = ?').run(number)
}
