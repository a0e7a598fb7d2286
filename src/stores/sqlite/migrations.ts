import type { DatabaseSync } from 'node:sqlite'
import type { Layout, MigrationStep } from '../migration.ts'
import { LIMIT_TABLES } from './limitSchema.ts'
import { APPLICATION_ID, CHORD_TABLES, DEAD_LETTER_TABLES, META, TABLES, TRIGGERS } from './schema.ts'

/** The `user_version` of a file of ours since version 2: version 1 refuses to open it. It is never raised again. */
const USER_VERSION = 2

/** The lowest version whose workers add the parts of chords. Those of an earlier one fail every member instead. */
export const CHORD_VERSION = 3

/** The lowest version whose processes take messages with limits, and keep them in their lanes. */
export const LIMIT_VERSION = 4

export type SqliteStep = MigrationStep<DatabaseSync>

/** Every version of the tables. A new one is a row; docs/contributing/add-a-migration.md says how. */
export const SQLITE_STEPS: readonly SqliteStep[] = [
  {
    version: 2,
    minCompatible: 2,
    describe: 'the tables are named celeriac_*, their version is in celeriac_meta; processes of version 1 end',
    run: (db, from) => toVersion2(db, from),
  },
  {
    version: 3,
    minCompatible: 2,
    describe:
      'tables for chords and large groups: celeriac_chord, celeriac_part, celeriac_batch; the first chord ends processes of version 2',
    run: (db) => db.exec(CHORD_TABLES),
  },
  {
    version: 4,
    minCompatible: 2,
    describe:
      'tables for limits: celeriac_limit_rule, celeriac_limiter, celeriac_lane, celeriac_lane_limit, celeriac_turn; the first message with limits ends processes of version 3',
    run: (db) => db.exec(LIMIT_TABLES),
  },
  {
    version: 5,
    minCompatible: 2,
    describe: 'tables for dead letters: celeriac_dead_letter, celeriac_dead_message, celeriac_dead_amount',
    run: (db) => db.exec(DEAD_LETTER_TABLES),
  },
]

/**
 * The layout of an open file; `unreadable` throws the error for a file of ours whose version cannot be read. Every
 * table that is not ours is left alone, so a file without tables of ours is one without data of celeriac.
 */
export function layoutOf(db: Pick<DatabaseSync, 'prepare'>, unreadable: (version: number) => never): Layout {
  if (has(db, 'table', 'celeriac_meta')) {
    const row = db.prepare('SELECT version, min_compatible AS minCompatible FROM celeriac_meta').get()
    return row as unknown as Layout
  }
  if (pragma(db, 'application_id') !== APPLICATION_ID) return { version: 0, minCompatible: 0 }
  const version = pragma(db, 'user_version')
  return version === 1 ? { version, minCompatible: 1 } : unreadable(version)
}

/** Run the steps and record the last one's layout, inside a transaction of the caller. */
export function runSteps(db: DatabaseSync, from: number, steps: readonly SqliteStep[]): void {
  let version = from
  for (const step of steps) {
    step.run(db, version)
    version = step.version
    // Data that is there may need a higher one than the step: see `Meta.require`.
    db.prepare('UPDATE celeriac_meta SET version = ?, min_compatible = max(min_compatible, ?)').run(
      version,
      step.minCompatible,
    )
  }
}

/**
 * To new names. Renaming a table costs nothing per row; its indexes keep their names of version 1. A file that has no
 * tables of ours gets all of them.
 */
function toVersion2(db: DatabaseSync, from: number): void {
  const isOurs = from === 1 || isEmpty(db)
  if (from === 1) db.exec('DROP TRIGGER IF EXISTS result_forgotten; DROP TRIGGER IF EXISTS result_dropped')
  for (const { first, sql } of TABLES) {
    if (from === 1 && first !== undefined && has(db, 'table', first))
      db.exec(`ALTER TABLE ${first} RENAME TO celeriac_${first}`)
    else db.exec(sql)
  }
  db.exec(`${META} ${TRIGGERS}`)
  db.exec(`INSERT INTO celeriac_meta VALUES (0, 0, ${from === 1 ? '(SELECT version FROM counter)' : 0})`)
  if (from === 1) closeToVersion1(db)
  if (isOurs) db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${USER_VERSION}`)
}

/**
 * A process of version 1 that goes on running finds no table of its own. Tables that it makes where they are missing
 * get a view in their place, which is an error in its statements: with `event` begins what it does when it opens a
 * file, with `schedule` what it does when it first uses a schedule.
 */
function closeToVersion1(db: DatabaseSync): void {
  db.exec('DROP TABLE counter')
  for (const name of ['event', 'schedule']) {
    db.exec(`CREATE VIEW ${name} AS SELECT 'celeriac of schema version 1 may not use this file' AS note`)
  }
}

function isEmpty(db: DatabaseSync): boolean {
  const { n: count } = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number }
  return count === 0 && pragma(db, 'user_version') === 0 && pragma(db, 'application_id') === 0
}

function has(db: Pick<DatabaseSync, 'prepare'>, type: 'table', name: string): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema WHERE type = ? AND name = ?').get(type, name) !== undefined
}

function pragma(db: Pick<DatabaseSync, 'prepare'>, name: string): number {
  const row = db.prepare(`PRAGMA ${name}`).get() as Record<string, number>
  return row[name] as number
}
