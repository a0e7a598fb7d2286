import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sqliteCode, sqliteFault } from '../../broker/storeErrors.ts'
import { isDefect } from '../../std/defect.ts'
import { ConfigError, StoreUnavailableError } from '../../std/errors.ts'
import { ADDITIONS, APPLICATION_ID, SCHEMA, SCHEMA_VERSION } from './schema.ts'

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
 * Open the file, make folder and tables where they are missing. Until that is done, this waits for other processes that
 * do the same; afterwards a busy store is an error at once, which `Writer` turns into a wait that does not block the
 * event loop.
 */
export function openDatabase(path: string): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true })
    const db = new DatabaseSync(path, { timeout: OPEN_TIMEOUT_MS })
    try {
      prepare(db, path)
    } catch (error) {
      db.close()
      throw error
    }
    return db
  } catch (error) {
    if (error instanceof ConfigError || isDefect(error)) throw error
    if (sqliteCode(error) === SQLITE_NOTADB)
      throw new ConfigError(`${path} is no database; choose another file for the store`, { cause: error })
    throw new StoreUnavailableError(`cannot open the store ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * SQLite does not wait by itself where two processes might wait for each other, as when both switch the same new file
 * to WAL: so this loop does.
 */
function prepare(db: DatabaseSync, path: string): void {
  const end = performance.now() + OPEN_TIMEOUT_MS
  for (;;) {
    try {
      prepareOnce(db, path)
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > end) throw error
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 + Math.random() * 8)
  }
}

function prepareOnce(db: DatabaseSync, path: string): void {
  // Before the file is changed: it may belong to another program.
  const isNew = transaction(db, 'BEGIN', () => checkOwner(db, path)) === 'empty'
  // A crash of the process loses nothing that was committed; a power cut may lose the last moments, never the file's
  // integrity.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY')
  // The lease renewer's thread makes the checkpoints; this is the limit when no worker runs (pages of 4 KiB).
  db.exec('PRAGMA wal_autocheckpoint = 10000; PRAGMA cache_size = -16000')
  // A log that one large transaction has made longer is truncated when SQLite restarts it.
  db.exec(`PRAGMA journal_size_limit = ${MAX_LOG_BYTES}`)
  if (isNew) create(db, path)
  db.exec(ADDITIONS)
  db.exec('PRAGMA busy_timeout = 0')
}

function create(db: DatabaseSync, path: string): void {
  transaction(db, 'BEGIN IMMEDIATE', () => {
    // Another process may have made the tables first.
    if (checkOwner(db, path) !== 'empty') return
    db.exec(SCHEMA)
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
  })
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

/** Throws ConfigError for a file that is not ours or not of this version. */
function checkOwner(db: DatabaseSync, path: string): 'ours' | 'empty' {
  const version = pragma(db, 'user_version')
  if (pragma(db, 'application_id') === APPLICATION_ID) {
    if (version === SCHEMA_VERSION) return 'ours'
    throw new ConfigError(
      `${path} has schema version ${version}, this celeriac reads ${SCHEMA_VERSION}; upgrade celeriac or choose another file`,
    )
  }
  const { n: tables } = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number }
  if (version === 0 && tables === 0) return 'empty'
  throw new ConfigError(`${path} is a database of another program; choose another file for the store`)
}

function pragma(db: DatabaseSync, name: string): number {
  const row = db.prepare(`PRAGMA ${name}`).get() as Record<string, number>
  return row[name] as number
}
