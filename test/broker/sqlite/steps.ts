import { SQLITE_STEPS, type SqliteStep } from '../../../src/stores/sqlite/migrations.ts'

/** Version 5 for tests: adds a column and a table, so that processes of version 4 go on. */
export const EXPAND: readonly SqliteStep[] = [
  ...SQLITE_STEPS,
  {
    version: 5,
    minCompatible: 2,
    describe: 'a column and a table for tests',
    run: (db) =>
      db.exec(`ALTER TABLE celeriac_message ADD COLUMN workflow TEXT; ALTER TABLE celeriac_result ADD COLUMN step INTEGER;
        CREATE TABLE celeriac_extra (key TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID, STRICT`),
  },
]

/** Version 6 for tests: ends processes of version 4. */
export const CONTRACT: readonly SqliteStep[] = [
  ...EXPAND,
  {
    version: 6,
    minCompatible: 5,
    describe: 'no table for tests',
    run: (db) => db.exec('DROP TABLE celeriac_extra'),
  },
]
