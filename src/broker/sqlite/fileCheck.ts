import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { endianness } from 'node:os'
import { StoreUnavailableError } from '../../std/errors.ts'

/** How long one look at the files is good for, ms. */
const CHECK_EVERY = 500
/** Bytes of the header of a write-ahead log, and of the header of each page in it: https://sqlite.org/fileformat2.html#the_write_ahead_log */
const LOG_HEADER = 32
const FRAME_HEADER = 24
/** Bytes of the index's header that are read: https://sqlite.org/walformat.html §2.1 */
const INDEX_HEADER = 48

/**
 * Notices that the files of an open database are no longer those that other processes see: removed, replaced, or a log that was cut. SQLite
 * itself goes on with files that have no name any more, and what it writes there is lost.
 */
export class FileCheck {
  readonly #path: string
  readonly #files: ReadonlyMap<string, string>
  #looked = 0
  #problem: StoreUnavailableError | undefined

  /** `path` is that of a database that was just opened. */
  constructor(path: string) {
    this.#path = path
    this.#files = new Map([path, `${path}-wal`].map((file) => [file, identityOf(file) ?? '']))
    this.#looked = performance.now()
  }

  /** Why the database must not be used any more; undefined as long as its files are there. Once there is a problem it stays. */
  problem(): StoreUnavailableError | undefined {
    const now = performance.now()
    if (this.#problem || now - this.#looked < CHECK_EVERY) return this.#problem
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

  /** The index of the log, which all processes share, says how many pages are in it. It is read before and after: others write meanwhile. */
  #isLogCut(): boolean {
    const before = readIndex(this.#path)
    const size = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size
    const after = readIndex(this.#path)
    if (!before || !after?.equals(before) || size === undefined) return false
    const isLittle = endianness() === 'LE'
    const pages = isLittle ? before.readUInt32LE(16) : before.readUInt32BE(16)
    const pageSize = isLittle ? before.readUInt16LE(14) : before.readUInt16BE(14)
    // A page of 65536 bytes is written as 1.
    return pages > 0 && size < LOG_HEADER + pages * (FRAME_HEADER + (pageSize === 1 ? 65_536 : pageSize))
  }
}

/** Tells one file from another of its name; undefined where there is none. */
function identityOf(file: string): string | undefined {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

function readIndex(path: string): Buffer | undefined {
  try {
    const file = openSync(`${path}-shm`, 'r')
    try {
      const header = Buffer.alloc(INDEX_HEADER)
      return readSync(file, header, 0, INDEX_HEADER, 0) === INDEX_HEADER ? header : undefined
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    return undefined
  }
}
