import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { StoreUnavailableError } from 'celeriac'

/** A job as the clients know it: its number, and which task that is. */
export interface Job {
  readonly id: number
  readonly task: string
  /** When it got its number, ms since 1970. */
  readonly since: number
}

/** AUTOINCREMENT: a number is never given twice, also when the newest rows were dropped. Rows count from 1. */
const SCHEMA = `CREATE TABLE IF NOT EXISTS job
  (row INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL UNIQUE, since INTEGER NOT NULL)`

/** How long a call waits, blocking, while another process writes, ms. A write is one row: far below a millisecond. */
const PATIENCE = 250

/**
 * The numbers of the jobs, 0, 1, 2…, in a SQLite file that several web processes may share.
 *
 * A task gets its number after it was sent, never before: a process that dies in between leaves a task without a
 * number, which no client was told of, but never a number without a task, which would look unfinished for ever.
 * Every method throws StoreUnavailableError when the file cannot be used.
 */
export class Jobs {
  readonly #db: DatabaseSync
  readonly #add: StatementSync
  readonly #find: StatementSync
  readonly #list: StatementSync
  readonly #drop: StatementSync

  /** Opens the file, and makes it and its folder where they are missing. `:memory:` lives as long as the object. */
  constructor(path: string) {
    this.#db = attempt(`opening ${path}`, () => open(path))
    this.#add = this.#db.prepare('INSERT INTO job (task, since) VALUES (?, ?)')
    this.#find = this.#db.prepare('SELECT row - 1 AS id, task, since FROM job WHERE row = ?')
    this.#list = this.#db.prepare('SELECT row - 1 AS id, task, since FROM job ORDER BY row')
    this.#drop = this.#db.prepare('DELETE FROM job WHERE row = ?')
  }

  /** Give a task that was sent the next number. */
  add(task: string): number {
    return attempt('numbering a job', () => Number(this.#add.run(task, Date.now()).lastInsertRowid) - 1)
  }

  find(id: number): Job | undefined {
    return attempt('looking for a job', () => this.#find.get(id + 1) as Job | undefined)
  }

  /** All jobs, in the order of their numbers. */
  list(): Job[] {
    return attempt('listing jobs', () => this.#list.all() as unknown as Job[])
  }

  /** Forget jobs. Their numbers are not given again. */
  drop(ids: readonly number[]): void {
    attempt('dropping jobs', () => {
      for (const id of ids) this.#drop.run(id + 1)
    })
  }

  /** Twice is harmless. */
  close(): void {
    if (this.#db.isOpen) this.#db.close()
  }
}

/** The file of the numbers that go with a result store: beside a SQLite file; in memory for results that end with this process. */
export function jobsFile(backend: string): string {
  if (/^(memory|rpc):/.test(backend)) return ':memory:'
  if (!backend.startsWith('sqlite:')) return `.celeriac/integral.${serverName(backend)}.jobs.db`
  const store = decodeURI(backend.replace(/^sqlite:(\/\/(?=\/))?/, ''))
  return `${store.replace(/\.db$/, '')}.jobs.db`
}

/** A server's URL as a part of a file's name, without user and password: the jobs of another server are others. */
function serverName(url: string): string {
  return url
    .replace(/\/\/[^/@]*@/, '//')
    .replace(/[?#].*$/, '')
    .replace(/\/0?$/, '')
    .replace(/[^\w.]+/g, '-')
}

function open(path: string): DatabaseSync {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
  const db = new DatabaseSync(path, { timeout: PATIENCE })
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${SCHEMA}`)
  return db
}

function attempt<Result>(what: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw new StoreUnavailableError(`${what}: ${(error as Error).message}`, { cause: error })
  }
}
