import { versionOf } from '../../../src/stores/migration.ts'
import { SQLITE_STEPS, type SqliteStep } from '../../../src/stores/sqlite/migrations.ts'

/** The newest version of the tables. */
export const NEWEST = versionOf(SQLITE_STEPS)

/** One more version for tests: adds a column and a table, so that processes of the newest version go on. */
export const EXPAND: readonly SqliteStep[] = [
  ...SQLITE_STEPS,
  {
    version: NEWEST + 1,
    minCompatible: 2,
    describe: 'a column and a table for tests',
    run: (db) =>
      db.exec(`ALTER TABLE celeriac_message ADD COLUMN workflow TEXT; ALTER TABLE celeriac_result ADD COLUMN step INTEGER;
        CREATE TABLE celeriac_extra (key TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID, STRICT`),
  },
]

/** Another one for tests: ends processes of the newest version. */
export const CONTRACT: readonly SqliteStep[] = [
  ...EXPAND,
  {
    version: NEWEST + 2,
    minCompatible: NEWEST + 1,
    describe: 'no table for tests',
    run: (db) => db.exec('DROP TABLE celeriac_extra'),
  },
]
