import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sqliteCode, sqliteFault } from '../../broker/storeErrors.ts'
import { ConfigError, StoreUnavailableError } from '../../std/errors.ts'
import { makeFolder } from '../../std/folder.ts'
import { isDefect } from '../../std/thrown.ts'
import { type Decision, decide, type Layout, type Migration, migrationOf } from '../migration.ts'
import { layoutOf, runSteps, SQLITE_STEPS, type SqliteStep } from './migrations.ts'

/** Bytes of the write-ahead log that are kept for the next writes. */
const MAX_LOG_BYTES = 64 * 2 ** 20

/** Longest that opening waits for other processes that open the same file, ms. */
const OPEN_TIMEOUT_MS = 10_000

const SQLITE_BUSY = 5
const SQLITE_NOTADB = 26

/** Another process is writing. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_BUSY
}

/** The store cannot be read or written now; the same may succeed later. */
export function isStoreTrouble(error: unknown): boolean {
  return sqliteFault(error) === 'outage'
}

/**
 * Open the file; make the folder and the tables where they are missing, and migrate those of an earlier version. Until
 * that is done, this waits for other processes that do the same; afterwards a busy store is an error at once, which
 * `Writer` turns into a wait that does not block the event loop. Throws ConfigError for a file that this version cannot
 * use, StoreUnavailableError. `steps`: the versions of the tables that this process knows. `onMigrated` is called after
 * the commit of a migration, also of a new file (`from` is then 0).
 */
export function openDatabase(
  path: string,
  steps: readonly SqliteStep[] = SQLITE_STEPS,
  onMigrated?: (migration: Migration) => void,
): DatabaseSync {
  return opened(path, () => {
    makeFolder(dirname(path))
    const db = new DatabaseSync(path, { timeout: OPEN_TIMEOUT_MS })
    return prepared(db, () => {
      const migration = prepare(db, path, steps)
      if (migration) onMigrated?.(migration)
      return db
    })
  })
}

/** From now on each commit of this connection is on the disk before it returns: a power cut loses none. */
export function waitForDisk(db: DatabaseSync): void {
  db.exec('PRAGMA synchronous = FULL')
}

/** What opening this file would migrate. The file is not changed, and not made where there is none. Throws as above. */
export function plannedMigration(path: string, steps: readonly SqliteStep[] = SQLITE_STEPS): Migration {
  return opened(path, () => {
    const isThere = existsSync(path)
    const db = new DatabaseSync(isThere ? path : ':memory:', { readOnly: isThere, timeout: OPEN_TIMEOUT_MS })
    return prepared(db, () => {
      const { found, decision } = transaction(db, 'BEGIN', () => look(db, path, steps))
      db.close()
      return migrationOf(found, decision)
    })
  })
}

function opened<Value>(path: string, open: () => Value): Value {
  try {
    return open()
  } catch (error) {
    if (error instanceof ConfigError || isDefect(error)) throw error
    if (sqliteCode(error) === SQLITE_NOTADB)
      throw new ConfigError(`${path} is no database; choose another file for the store`, { cause: error })
    throw new StoreUnavailableError(`cannot open the store ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** An error closes the database. */
function prepared<Value>(db: DatabaseSync, work: () => Value): Value {
  try {
    return work()
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * SQLite does not wait by itself where two processes might wait for each other, as when both switch the same new file
 * to WAL: so this loop does.
 */
function prepare(db: DatabaseSync, path: string, steps: readonly SqliteStep[]): Migration | undefined {
  const end = performance.now() + OPEN_TIMEOUT_MS
  for (;;) {
    try {
      return prepareOnce(db, path, steps)
    } catch (error) {
      if (!isBusy(error) || performance.now() > end) throw error
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 + Math.random() * 8)
  }
}

function prepareOnce(db: DatabaseSync, path: string, steps: readonly SqliteStep[]): Migration | undefined {
  // Before the file is changed: this version may not be allowed to.
  const { decision } = transaction(db, 'BEGIN', () => look(db, path, steps))
  useLog(db, path)
  // A crash of the process loses nothing that was committed; a power cut may lose the last moments, never the file's
  // integrity.
  db.exec('PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY')
  // The lease renewer's thread makes the checkpoints; this is the limit when no worker runs (pages of 4 KiB).
  db.exec('PRAGMA wal_autocheckpoint = 10000; PRAGMA cache_size = -16000')
  // A log that one large transaction has made longer is truncated when SQLite restarts it.
  db.exec(`PRAGMA journal_size_limit = ${MAX_LOG_BYTES}`)
  const migration = decision.kind === 'migrate' ? migrate(db, path, steps) : undefined
  db.exec('PRAGMA busy_timeout = 0')
  return migration
}

/** Readers and one writer work at the same time only with a write-ahead log; the file keeps this mode. */
function useLog(db: DatabaseSync, path: string): void {
  const { journal_mode: mode } = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string }
  if (mode !== 'wal')
    throw new ConfigError(
      `${path} has the journal mode ${mode} and cannot have wal, which the store needs; choose another file`,
    )
}

/**
 * All steps in one transaction: a process that ends before the commit leaves the file as it was. Undefined where
 * another process has run them.
 */
function migrate(db: DatabaseSync, path: string, steps: readonly SqliteStep[]): Migration | undefined {
  return transaction(db, 'BEGIN IMMEDIATE', () => {
    // Read again: another process may have migrated the file first, or to a version that refuses this one.
    const { found, decision } = look(db, path, steps)
    if (decision.kind !== 'migrate') return undefined
    runSteps(db, found.version, decision.steps)
    return migrationOf(found, decision)
  })
}

/** The version of the tables, and what to do with them. Throws ConfigError for a file that this version may not use. */
function look(
  db: DatabaseSync,
  path: string,
  steps: readonly SqliteStep[],
): { found: Layout; decision: Decision<SqliteStep> } {
  const found = layoutOf(db, (version) => {
    throw new ConfigError(
      `${path} is marked as a file of celeriac with the schema version ${version}, and has no table celeriac_meta; choose another file for the store`,
    )
  })
  const decision = decide(path, found, steps)
  if (decision.kind === 'refuse') throw decision.error
  return { found, decision }
}

function transaction<Value>(db: DatabaseSync, begin: 'BEGIN' | 'BEGIN IMMEDIATE', work: () => Value): Value {
  db.exec(begin)
  try {
    const value = work()
    db.exec('COMMIT')
    return value
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
