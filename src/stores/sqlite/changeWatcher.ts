import { type FSWatcher, watch } from 'node:fs'
import { isStoreTrouble } from './database.ts'

/** How often the file is checked without a file event, ms: some file systems send none. */
const POLL_INTERVAL_MS = 500
/**
 * The WAL is written shortly before the commit becomes visible. After a file event without a version change, check
 * again after these delays, ms.
 */
const RECHECK_DELAYS_MS = [1, 4, 20]

/**
 * Notifies its listeners that another connection, in any process, has committed. Every commit writes the write-ahead
 * log, so the kernel sends a file event. This class reads SQLite's change counter at each file event, and at intervals
 * without one.
 */
export class ChangeWatcher {
  readonly #path: string
  readonly #counter: () => number
  readonly #isLost: () => boolean
  readonly #listeners = new Set<() => void>()
  #seen = -1
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  #pending = false
  #glance: NodeJS.Timeout | undefined

  /**
   * `path` is that of the database; `counter` reads `PRAGMA data_version`; `isLost`: the files are no longer those of
   * the open database, which listeners are notified of as well.
   */
  constructor(path: string, counter: () => number, isLost: () => boolean = () => false) {
    this.#path = path
    this.#counter = counter
    this.#isLost = isLost
  }

  /** Add a listener; while there is any, the process stays alive. The returned function removes it. */
  on(listener: () => void): () => void {
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) this.#start()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#stop()
    }
  }

  close(): void {
    this.#listeners.clear()
    this.#stop()
  }

  #start(): void {
    this.#seen = this.#counter()
    this.#watcher = this.#watch()
    this.#timer = setInterval(() => (this.#isLost() ? this.#notify() : this.#look()), POLL_INTERVAL_MS)
  }

  /** Undefined where the file cannot be watched, as by the limits of the kernel: the poll needs no watcher. */
  #watch(): FSWatcher | undefined {
    try {
      // The log exists as long as a connection is open, and this process has one open.
      const watcher = watch(`${this.#path}-wal`, { persistent: false }, () => this.#soon())
      watcher.on('error', () => watcher.close())
      return watcher
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall !== 'watch') throw error
      return undefined
    }
  }

  #stop(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    clearInterval(this.#timer)
    clearTimeout(this.#glance)
  }

  /** All file events of one moment are one check. */
  #soon(): void {
    if (this.#pending) return
    this.#pending = true
    setImmediate(() => {
      this.#pending = false
      this.#glanceAgain(0)
    })
  }

  #glanceAgain(tries: number): void {
    clearTimeout(this.#glance)
    // After a change too: the kernel may have merged the events of two commits, and the second commit is not visible
    // yet.
    const next = this.#look() ? 0 : tries
    const wait = RECHECK_DELAYS_MS[next]
    if (wait === undefined || this.#listeners.size === 0) return
    this.#glance = setTimeout(() => this.#glanceAgain(next + 1), wait)
  }

  /** True when there was a change. */
  #look(): boolean {
    if (this.#listeners.size === 0) return false
    try {
      const counter = this.#counter()
      if (counter === this.#seen) return false
      this.#seen = counter
    } catch (error) {
      // A caller of the store gets this error from its own call; here the next poll tries again.
      if (isStoreTrouble(error)) return false
      throw error
    }
    this.#notify()
    return true
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
