import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { StoreUnavailableError } from '../../std/errors.ts'
import { ChangeWatcher } from './changeWatcher.ts'
import { isBusy, isStoreTrouble, openDatabase } from './database.ts'
import { FileCheck } from './fileCheck.ts'
import { sqliteUrl } from './url.ts'
import { Writer } from './writer.ts'

/** What changed in a transaction of this connection; changes of other connections may be of any kind. */
export type Topic = 'messages' | 'results' | 'schedules'

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
  readonly #readVersion: StatementSync
  readonly #writeVersion: StatementSync
  /** The counter within the open transaction: read once, written once. */
  #version: number | undefined

  /** `timeout`: how long a write waits for other processes, ms. */
  constructor(path: string, timeout?: number) {
    this.path = path
    this.url = sqliteUrl(path)
    this.db = openDatabase(path)
    this.#check = new FileCheck(path, this.db)
    this.writer = new Writer(this.db, timeout, () => this.#check.problem())
    this.#readVersion = this.db.prepare('SELECT version FROM counter')
    this.#writeVersion = this.db.prepare('UPDATE counter SET version = ?')
    this.writer.beforeCommit = () => this.#version !== undefined && this.#writeVersion.run(this.#version)
    this.writer.onRollback = () => {
      this.#version = undefined
    }
    this.writer.onCommit = () => {
      this.#version = undefined
      this.#announce()
    }
    const counter = this.db.prepare('PRAGMA data_version')
    const version = (): number => (counter.get() as { data_version: number }).data_version
    this.#watcher = new ChangeWatcher(path, version, () => this.lost !== undefined)
  }

  /** Why this store must not be used any more: its files were removed, replaced or cut while it was open. */
  get lost(): StoreUnavailableError | undefined {
    return this.#check.problem()
  }

  /** The number of the last change of a record, over all processes. */
  get version(): number {
    return (this.#readVersion.get() as { version: number }).version
  }

  /** The number of one more change, for use inside a transaction. */
  nextVersion(): number {
    this.#version = (this.#version ?? this.version) + 1
    return this.#version
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
        if (!isStoreTrouble(error)) throw error
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
