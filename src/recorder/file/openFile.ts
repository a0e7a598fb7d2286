import { existsSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sqliteCode } from '../../broker/storeErrors.ts'
import { ConfigError, StoreUnavailableError } from '../../std/errors.ts'
import { makeFolder } from '../../std/folder.ts'
import { CHILD_INDEX, RECORDER_APPLICATION_ID, RECORDER_TABLES, RECORDER_VERSION } from './schema.ts'

const SQLITE_CORRUPT = 11
/** Of a virtual table. */
const SQLITE_CORRUPT_VTAB = 267
const SQLITE_NOTADB = 26
/** How long a statement waits for another process, ms. Only the thread of the file waits. */
const BUSY_TIMEOUT_MS = 10_000
/** Pages of 4 KiB in the write-ahead log before they are moved into the file. */
const CHECKPOINT_PAGES = 2000
const MAX_LOG_BYTES = 64 * 2 ** 20
/** KiB of pages in memory. */
const CACHE_KIB = 32_000

/** True where the content of the file is damaged, and not the full text alone. */
export function isCorrupt(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_CORRUPT && !isTextCorrupt(error)
}

/** True where the full text is damaged. */
export function isTextCorrupt(error: unknown): boolean {
  return (error as { errcode?: unknown }).errcode === SQLITE_CORRUPT_VTAB
}

export interface OpenedFile {
  readonly db: DatabaseSync
  /** Where a damaged file was put. */
  readonly setAside?: string | undefined
}

/**
 * Open a recorder's file; make it where there is none. One that is damaged is renamed and a new one is made: nothing in
 * it is needed by tasks. `fleet`: the broker whose events it has. Throws ConfigError for a file of a later version, of
 * another fleet, or of another program; StoreUnavailableError.
 */
export function openRecorderFile(path: string, fleet: string, now: number): OpenedFile {
  try {
    return { db: opened(path, fleet) }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    if (sqliteCode(error) === SQLITE_NOTADB)
      throw new ConfigError(`${path} is no database; move it away, or choose another file: recorder: { file }`, {
        cause: error,
      })
    if (!isCorrupt(error) || !existsSync(path)) throw unavailable(path, error)
    return { setAside: putAside(path, now), db: opened(path, fleet) }
  }
}

/** Rename a damaged file, so that a new one is made. Returns its new name. */
export function putAside(path: string, now: number): string {
  const aside = `${path}.corrupt-${now}`
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  return aside
}

/** Distinguishes a file from others of the same name; undefined where there is none. */
export function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

function unavailable(path: string, error: unknown): StoreUnavailableError {
  return new StoreUnavailableError(`cannot open the recorder's file ${path}: ${(error as Error).message}`, {
    cause: error,
  })
}

function opened(path: string, fleet: string): DatabaseSync {
  if (path !== ':memory:') makeFolder(dirname(path))
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
  try {
    prepare(db, path, fleet)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function prepare(db: DatabaseSync, path: string, fleet: string): void {
  const isNew = (db.prepare('PRAGMA page_count').get() as { page_count: number }).page_count === 0
  // Before the first page is written; without effect later.
  if (isNew) db.exec('PRAGMA auto_vacuum = INCREMENTAL')
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY')
  // What is deleted is overwritten: a job that was forgotten leaves nothing in free space.
  db.exec('PRAGMA secure_delete = ON')
  db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -${CACHE_KIB}`)
  db.exec(`PRAGMA journal_size_limit = ${MAX_LOG_BYTES}`)
  db.exec('BEGIN IMMEDIATE')
  try {
    makeTables(db, path, fleet)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function makeTables(db: DatabaseSync, path: string, fleet: string): void {
  const { application_id: id } = db.prepare('PRAGMA application_id').get() as { application_id: number }
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  const { count } = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }
  if (id === 0 && version === 0 && count === 0) {
    db.exec(RECORDER_TABLES)
    db.prepare('INSERT INTO recorder VALUES (?, NULL, 0, 0, 0, 0, 0, NULL)').run(fleet)
    db.exec(`PRAGMA application_id = ${RECORDER_APPLICATION_ID}; PRAGMA user_version = ${RECORDER_VERSION}`)
    return
  }
  if (id !== RECORDER_APPLICATION_ID)
    throw new ConfigError(`${path} is a database of another program; choose another file: recorder: { file }`)
  if (version > RECORDER_VERSION)
    throw new ConfigError(
      `${path} was written by a later version of celeriac (recorder version ${version}, expected at most ${RECORDER_VERSION}): update this one, or choose another file: recorder: { file }`,
    )
  const row = db.prepare('SELECT fleet FROM recorder').get() as { fleet: string }
  if (row.fleet !== fleet)
    throw new ConfigError(
      `${path} has the record of ${row.fleet}, expected that of ${fleet}: choose another file: recorder: { file }`,
    )
  db.exec(CHILD_INDEX)
}
