import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/** What the thread says after each round. */
export interface HouseReport {
  readonly problem: Error | undefined
}

/** What the thread is told. */
export type HouseCommand = { readonly add: number } | { readonly remove: number } | { readonly close: true }

export interface HouseFacts {
  readonly path: string
  /** ms */
  readonly lease: number
}

/**
 * A thread of its own that keeps the leases of this process's consumers, so that a task which blocks the event loop
 * does not lose them; it also takes the messages of dead consumers back, and moves the write-ahead log into the file.
 */
export class Housekeeper {
  readonly #facts: HouseFacts
  readonly #ids = new Set<number>()
  #thread: Worker | undefined
  #closed = false

  /** Why leases cannot be kept, while that is so. */
  problem: Error | undefined

  constructor(facts: HouseFacts) {
    this.#facts = facts
  }

  /** Keep this consumer's lease from now on. */
  add(id: number): void {
    if (this.#ids.has(id) || this.#closed) return
    this.#ids.add(id)
    this.#thread ??= this.#start()
    this.#tell({ add: id })
  }

  remove(id: number): void {
    this.#ids.delete(id)
    this.#tell({ remove: id })
  }

  async close(): Promise<void> {
    this.#closed = true
    const thread = this.#thread
    if (!thread) return
    const ended = new Promise((resolve) => thread.once('exit', resolve))
    this.#tell({ close: true })
    await ended
  }

  #tell(command: HouseCommand): void {
    this.#thread?.postMessage(command)
  }

  #start(): Worker {
    const entry = new URL(`./housekeeperThread${extname(import.meta.url)}`, import.meta.url)
    const thread = new Worker(entry, { workerData: this.#facts, name: 'celeriac leases' })
    thread.unref()
    thread.on('error', (error: Error) => {
      this.problem = error
    })
    thread.on('message', ({ problem }: HouseReport) => {
      this.problem = problem
    })
    thread.on('exit', () => this.#restart(thread))
    return thread
  }

  /** Leases must not end with their keeper. */
  #restart(dead: Worker): void {
    if (this.#closed || this.#thread !== dead) return
    this.#thread = undefined
    setTimeout(() => {
      if (this.#closed) return
      this.#thread = this.#start()
      for (const id of this.#ids) this.#tell({ add: id })
    }, 1000).unref()
  }
}
