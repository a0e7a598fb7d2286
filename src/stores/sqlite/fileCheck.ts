import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { StoreUnavailableError } from '../../std/errors.ts'
import { isBusy } from './database.ts'

/** How long one check of the files is valid, ms. */
const CHECK_INTERVAL_MS = 500
/**
 * Bytes of the header of a write-ahead log, and of the header of each page in it:
 * https://sqlite.org/fileformat2.html#the_write_ahead_log
 */
const LOG_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

/**
 * Notices that the files of an open database are no longer those that other processes see: removed, replaced, or a log
 * that was cut. SQLite itself continues with files that no longer have a name, and what it writes there is lost. This
 * check opens no file: closing one ends all locks that this process has on it, SQLite's too
 * (https://sqlite.org/howtocorrupt.html, section 2.2).
 */
export class FileCheck {
  readonly #path: string
  readonly #db: DatabaseSync
  /** Size of the log at the last check, bytes. */
  #size: number
  readonly #files: ReadonlyMap<string, string>
  #looked = 0
  #problem: StoreUnavailableError | undefined

  /** `path` is that of the database `db`, which was just opened. */
  constructor(path: string, db: DatabaseSync) {
    this.#path = path
    this.#db = db
    this.#size = sizeOf(`${path}-wal`)
    this.#files = new Map([path, `${path}-wal`].map((file) => [file, identityOf(file) ?? '']))
    this.#looked = performance.now()
  }

  /**
   * Why the database must not be used any more; undefined as long as its files are there. Once there is a problem it
   * stays.
   */
  problem(): StoreUnavailableError | undefined {
    const now = performance.now()
    if (this.#problem || now - this.#looked < CHECK_INTERVAL_MS) return this.#problem
    this.#looked = now
    const what = this.#changed() ?? (this.#isLogCut() ? `${this.#path}-wal was cut` : undefined)
    if (what !== undefined) {
      this.#problem = new StoreUnavailableError(
        `the store's file ${what} while it was open; what was written since is lost: start this process again`,
      )
    }
    return this.#problem
  }

  #changed(): string | undefined {
    for (const [file, identity] of this.#files) {
      const found = identityOf(file)
      if (found !== identity) return `${file} was ${found === undefined ? 'removed' : 'replaced'}`
    }
    return undefined
  }

  /**
   * A log that became shorter was either restarted by SQLite or cut: a cut log is shorter than its pages, or these
   * cannot be read.
   */
  #isLogCut(): boolean {
    const size = sizeOf(`${this.#path}-wal`)
    if (size >= this.#size) {
      this.#size = size
      return false
    }
    // This cannot be decided within a transaction: the next check will decide it.
    if (this.#db.isTransaction) return false
    try {
      const { log } = this.#db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get() as { log: number }
      const { page_size: page } = this.#db.prepare('PRAGMA page_size').get() as { page_size: number }
      const now = sizeOf(`${this.#path}-wal`)
      this.#size = now
      return log > 0 && now < LOG_HEADER_BYTES + log * (FRAME_HEADER_BYTES + page)
    } catch (error) {
      // Another process makes a checkpoint: the next check will decide.
      return !isBusy(error)
    }
  }
}

/** Distinguishes a file from others of the same name; undefined where there is none. */
function identityOf(file: string): string | undefined {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
