import type { DatabaseSync } from 'node:sqlite'
import { sqliteCode } from '../../broker/storeErrors.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import { type Migration, versionOf } from '../migration.ts'
import { ChangeWatcher } from './changeWatcher.ts'
import { isBusy, isStoreTrouble, openDatabase } from './database.ts'
import { FileCheck } from './fileCheck.ts'
import { Meta } from './meta.ts'
import { SQLITE_STEPS, type SqliteStep } from './migrations.ts'
import { sqliteUrl } from './url.ts'
import { Writer } from './writer.ts'

/** What changed in a transaction of this connection; changes of other connections may be of any kind. */
export type Topic = 'messages' | 'results' | 'schedules'

/** Through which rows are written, inside a transaction: the connection of a file, or one of the caller. */
export interface Connection extends Pick<SqliteFile, 'nextVersion' | 'require' | 'touch' | 'atEnd'> {
  readonly db: Pick<DatabaseSync, 'prepare' | 'exec'>
}

/** Longest that a read waits for a busy store, ms. */
const READ_TIMEOUT_MS = 5000

/**
 * One open file: the connection, its group commit, and the listeners to its changes. Broker, backend and schedule of
 * one URL share it.
 */
export class SqliteFile {
  readonly url: string
  readonly path: string
  readonly db: DatabaseSync
  readonly writer: Writer
  readonly #watcher: ChangeWatcher
  readonly #check: FileCheck
  readonly #listeners: Readonly<Record<Topic, Set<() => void>>> = {
    messages: new Set(),
    results: new Set(),
    schedules: new Set(),
  }
  readonly #touched = new Set<Topic>()
  readonly #meta: Meta

  /** `timeout`: how long a write waits for other processes, ms. `steps`, `onMigrated`: as for `openDatabase`. */
  constructor(
    path: string,
    timeout?: number,
    steps: readonly SqliteStep[] = SQLITE_STEPS,
    onMigrated?: (migration: Migration) => void,
  ) {
    this.path = path
    this.url = sqliteUrl(path)
    this.db = openDatabase(path, steps, onMigrated)
    this.#meta = new Meta(this.db, versionOf(steps))
    this.#check = new FileCheck(path, this.db)
    this.writer = new Writer(this.db, timeout, () => this.lost)
    this.writer.afterBegin = () => this.#meta.begin()
    this.writer.beforeCommit = () => this.#meta.beforeCommit()
    this.writer.onRollback = () => this.#meta.end()
    this.writer.onCommit = () => {
      this.#meta.end()
      this.#announce()
    }
    const counter = this.db.prepare('PRAGMA data_version')
    const version = (): number => (counter.get() as { data_version: number }).data_version
    this.#watcher = new ChangeWatcher(path, version, () => (this.lost ?? this.#refusal()) !== undefined)
  }

  /**
   * Why this store must not be used any more: its files were removed, replaced or cut while it was open, or migrated to
   * a version that refuses this process.
   */
  get lost(): StoreUnavailableError | undefined {
    return this.#check.problem() ?? this.#meta.outdated
  }

  /** A process that does not write reads from time to time whether the file was migrated beyond its version. */
  #refusal(): StoreUnavailableError | undefined {
    try {
      return this.#meta.check()
    } catch (error) {
      // The next write, read or check gets the error of the store.
      if (sqliteCode(error) === undefined) throw error
      return undefined
    }
  }

  /** The number of the last change of a record, over all processes. */
  get version(): number {
    return this.#meta.changes
  }

  /** The number of one more change, for use inside a transaction. */
  nextVersion(): number {
    return this.#meta.next()
  }

  /** Inside a transaction of the writer, as `Meta.require`. */
  require(version: number): void {
    this.#meta.require(version)
  }

  /** Inside a transaction of the writer, as `Meta.atEnd`. */
  atEnd(work: (isCommit: boolean) => void): void {
    this.#meta.atEnd(work)
  }

  /**
   * Run a work that only reads. Waits while the store is busy, as after a crash; throws StoreUnavailableError when it
   * cannot be read.
   */
  async read<Value>(work: () => Value): Promise<Value> {
    const end = performance.now() + READ_TIMEOUT_MS
    for (;;) {
      if (!this.db.isOpen) throw new StoreUnavailableError('the store is closed')
      if (this.lost) throw this.lost
      try {
        return work()
      } catch (error) {
        if (!isStoreTrouble(error)) throw this.#meta.check() ?? error
        if (!isBusy(error) || performance.now() > end) {
          throw new StoreUnavailableError(`the store cannot be read: ${(error as Error).message}`, { cause: error })
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  /** Declare, inside a work, what it changes. */
  touch(topic: Topic): void {
    this.#touched.add(topic)
  }

  /** Called after every commit that may have changed the topic, in any process. The returned function ends it. */
  onChange(topic: Topic, listener: () => void): () => void {
    const own = this.#listeners[topic]
    own.add(listener)
    const stop = this.#watcher.on(listener)
    return () => {
      own.delete(listener)
      stop()
    }
  }

  async close(): Promise<void> {
    await this.writer.close()
    this.#watcher.close()
    this.db.close()
  }

  #announce(): void {
    for (const topic of this.#touched) {
      for (const listener of [...this.#listeners[topic]]) listener()
    }
    this.#touched.clear()
  }
}
