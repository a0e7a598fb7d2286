import { type FSWatcher, watch } from 'node:fs'

/** How often it looks by itself, ms: for file systems that tell of no changes. */
const LOOK = 500
/** The log is written a moment before the commit can be seen: after a word without a change it looks again, this many times, each later, ms. */
const GLANCES = [1, 4, 20]

/**
 * Tells its listeners that another connection, in whatever process, has committed. The kernel says so: every commit writes
 * the write-ahead log. Looks at SQLite's change counter at each word, and now and then without one.
 */
export class Wake {
  readonly #path: string
  readonly #counter: () => number
  readonly #listeners = new Set<() => void>()
  #seen = -1
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  #pending = false
  #glance: NodeJS.Timeout | undefined

  /** `path` is that of the database; `counter` reads `PRAGMA data_version`. */
  constructor(path: string, counter: () => number) {
    this.#path = path
    this.#counter = counter
  }

  /** Listen; while anybody does, the process stays alive. The returned function ends it. */
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
    // The log exists as long as a connection is open, and ours is.
    this.#watcher = watch(`${this.#path}-wal`, { persistent: false }, () => this.#soon())
    // A watcher that breaks (limits of the kernel) leaves the slow look, which needs none.
    this.#watcher.on('error', () => this.#watcher?.close())
    this.#timer = setInterval(() => this.#look(), LOOK)
  }

  #stop(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    clearInterval(this.#timer)
    clearTimeout(this.#glance)
  }

  /** Many words of one moment are one look. */
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
    const wait = GLANCES[tries]
    if (this.#look() || wait === undefined) return
    this.#glance = setTimeout(() => this.#glanceAgain(tries + 1), wait)
  }

  /** True when there was a change. */
  #look(): boolean {
    if (this.#listeners.size === 0) return true
    const counter = this.#counter()
    if (counter === this.#seen) return false
    this.#seen = counter
    for (const listener of [...this.#listeners]) listener()
    return true
  }
}
