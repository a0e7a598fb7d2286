import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { ArgumentError } from '../../../std/errors.ts'
import { codeOf } from '../../../std/thrown.ts'
import { decide, versionOf } from '../../migration.ts'
import type { Connection } from '../file.ts'
import { Meta } from '../meta.ts'
import { layoutOf, SQLITE_STEPS } from '../migrations.ts'
import { sqliteUrl } from '../url.ts'
import { clientErrorOf } from './clientError.ts'

/** Takes the write lock and changes nothing: what is read afterwards stays true until the transaction ends. */
const LOCK = 'UPDATE celeriac_meta SET changes = changes WHERE 0'

/** Of the connection alone, and undone with the transaction. Its commit fails: FOREIGN KEY constraint failed. */
const VETO = `
CREATE TEMP TABLE IF NOT EXISTS celeriac_veto (
  id INTEGER PRIMARY KEY,
  missing INTEGER REFERENCES celeriac_veto (id) DEFERRABLE INITIALLY DEFERRED
);
INSERT OR REPLACE INTO temp.celeriac_veto VALUES (1, 2);`

/** A database of the caller on which a transaction is open. It neither commits nor undoes that. */
export class CallerConnection implements Connection {
  readonly db: Connection['db']
  readonly #given: DatabaseSync
  readonly #place: string
  readonly #meta: Meta
  readonly #lock: StatementSync
  readonly #savepoint: StatementSync
  readonly #release: StatementSync
  readonly #undo: StatementSync

  /** `place` names the file. The database has been checked: `requireCaller`. */
  constructor(given: DatabaseSync, place: string) {
    this.#given = given
    this.#place = place
    this.db = withPlainRows(given)
    this.#meta = new Meta(this.db, versionOf(SQLITE_STEPS))
    this.#lock = this.db.prepare(LOCK)
    this.#savepoint = this.db.prepare('SAVEPOINT celeriac_submit')
    this.#release = this.db.prepare('RELEASE celeriac_submit')
    this.#undo = this.db.prepare('ROLLBACK TO celeriac_submit')
  }

  /** False after the caller has closed the database, and opened it again: its statements have ended. */
  get isAlive(): boolean {
    try {
      this.#lock.columns()
      return true
    } catch (error) {
      if (codeOf(error) !== 'ERR_INVALID_STATE') throw error
      return false
    }
  }

  /**
   * All that `work` writes, or nothing where it throws: the transaction is then as it was. Throws ArgumentError where
   * none is open, StoreUnavailableError.
   */
  write<Value>(work: () => Value): Value {
    requireTransaction(this.#given)
    try {
      this.#lock.run()
      return this.#inSavepoint(work)
    } catch (error) {
      throw clientErrorOf(error, this.#place, this.#given.isTransaction)
    }
  }

  /**
   * From here on the transaction of the caller cannot be committed: it has a reference to a row that there is not.
   * Where the caller has turned references off, it is rolled back.
   */
  veto(): void {
    const { foreign_keys: areChecked } = this.db.prepare('PRAGMA foreign_keys').get() as { foreign_keys: number }
    this.#given.exec(areChecked ? VETO : 'ROLLBACK')
  }

  #inSavepoint<Value>(work: () => Value): Value {
    this.#savepoint.run()
    try {
      this.#meta.begin()
      const value = work()
      this.#meta.beforeCommit()
      this.#release.run()
      return value
    } catch (error) {
      this.#undoWork()
      throw error
    } finally {
      this.#meta.end()
    }
  }

  /** Some errors, as of a full disk, make SQLite itself undo the whole transaction. */
  #undoWork(): void {
    if (!this.#given.isTransaction) return
    this.#undo.run()
    this.#release.run()
  }

  nextVersion(): number {
    return this.#meta.next()
  }

  require(version: number): void {
    this.#meta.require(version)
  }

  atEnd(work: (isCommit: boolean) => void): void {
    this.#meta.atEnd(work)
  }

  /** Its commit is one of another connection: `ChangeWatcher` notices it. */
  touch(): void {
    // Nothing to do.
  }
}

/**
 * Throws ArgumentError for a database without an open transaction, one of another file than this, and one that sees
 * other tables there than this process knows.
 */
export function requireCaller(given: DatabaseSync, file: { readonly path: string; readonly db: DatabaseSync }): void {
  requireTransaction(given)
  const [own, found] = [file.db.location(), given.location()]
  if (found !== own)
    throw new ArgumentError(
      `within: expected a DatabaseSync of the file ${own}, got one of ${found ?? 'a database in memory'}`,
    )
  lockFirst(given, file.path)
  requireLayout(given, file.path)
}

/** Before anything is read: a transaction that has read cannot write any more when another connection has written. */
function lockFirst(given: DatabaseSync, path: string): void {
  try {
    given.exec(LOCK)
  } catch (error) {
    // Without our tables: the next check says so.
    if (!/no such (table|column)/.test((error as Error).message))
      throw clientErrorOf(error, sqliteUrl(path), given.isTransaction)
  }
}

function requireTransaction(given: DatabaseSync): void {
  if (given.isOpen && given.isTransaction) return
  throw new ArgumentError(
    'within: expected a DatabaseSync on which a transaction is open until the function ends, got one without: begin before, and commit after it',
  )
}

/** Its transaction may have begun before the tables were made, or have changed them. */
function requireLayout(given: DatabaseSync, path: string): void {
  const db = withPlainRows(given)
  const found = layoutOf(db, (version) => {
    throw new ArgumentError(
      `within: expected the tables of celeriac in ${path}, got a file marked as version ${version}`,
    )
  })
  if (decide(path, found, SQLITE_STEPS).kind === 'use') return
  const got = found.version === 0 ? 'none' : `those of version ${found.version}`
  throw new ArgumentError(
    `within: expected the tables of celeriac of version ${versionOf(SQLITE_STEPS)} in ${path}, got ${got} in this transaction: begin it when the app is connected (app.connect())`,
  )
}

/** Its options may say that rows are arrays, or integers bigints: ours are not. */
function withPlainRows(given: DatabaseSync): Connection['db'] {
  return {
    exec: (sql) => given.exec(sql),
    prepare: (sql) => {
      const statement = given.prepare(sql)
      statement.setReturnArrays(false)
      statement.setReadBigInts(false)
      statement.setAllowBareNamedParameters(true)
      return statement
    },
  }
}
