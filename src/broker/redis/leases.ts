import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Hold } from './held.ts'

/** What the thread is told. */
export type LeaseCommand =
  | { readonly add: readonly Hold[] }
  | { readonly remove: readonly string[] }
  | { readonly close: true }

export interface LeaseFacts {
  readonly url: string
  readonly prefix: string
  /** ms */
  readonly lease: number
  /** Seconds: lease minus visibility timeout. */
  readonly scoreOffset: number
}

/**
 * A thread of its own, with a connection of its own, that renews the leases of what this process holds, so that a task which blocks
 * the event loop does not lose its message. It is told of what is held in one message per turn.
 */
export class LeaseKeeper {
  readonly #facts: LeaseFacts
  #thread: Worker | undefined
  readonly #added: Hold[] = []
  readonly #removed: string[] = []
  #scheduled = false
  #closed = false

  constructor(facts: LeaseFacts) {
    this.#facts = facts
  }

  add(holds: readonly Hold[]): void {
    if (holds.length === 0) return
    this.#added.push(...holds)
    this.#soon()
  }

  remove(tags: readonly string[]): void {
    if (tags.length === 0) return
    this.#removed.push(...tags)
    this.#soon()
  }

  async close(): Promise<void> {
    this.#closed = true
    const thread = this.#thread
    if (!thread) return
    const ended = new Promise((resolve) => thread.once('exit', resolve))
    thread.ref()
    thread.postMessage({ close: true } satisfies LeaseCommand)
    await ended
  }

  #soon(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(() => this.#tell())
  }

  #tell(): void {
    this.#scheduled = false
    if (this.#closed) return
    this.#thread ??= this.#start()
    const [added, removed] = [this.#added.splice(0), this.#removed.splice(0)]
    if (added.length > 0) this.#thread.postMessage({ add: added } satisfies LeaseCommand)
    if (removed.length > 0) this.#thread.postMessage({ remove: removed } satisfies LeaseCommand)
  }

  #start(): Worker {
    const entry = new URL(`./leaseThread${extname(import.meta.url)}`, import.meta.url)
    const thread = new Worker(entry, { workerData: this.#facts, name: 'celeriac leases' })
    thread.unref()
    return thread
  }
}
