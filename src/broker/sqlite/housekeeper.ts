import { Worker } from 'node:worker_threads'
import { packageFile } from '../../std/packageFile.ts'

/** What the thread says after each round. */
export interface HouseReport {
  readonly problem: Error | undefined
  /** Consumers that are no more: somebody found their leases run out, as when this process was stopped for a while. */
  readonly lost?: readonly number[]
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
  readonly #lost = new Map<number, () => void>()
  #thread: Worker | undefined
  #closed = false

  /** Why leases cannot be kept, while that is so. */
  problem: Error | undefined

  constructor(facts: HouseFacts) {
    this.#facts = facts
  }

  /** Throws ConfigError where no lease could be kept, as the file of the thread is missing. */
  check(): void {
    threadFile()
  }

  /** Keep this consumer's lease from now on; `lost` is called should it be lost all the same. */
  add(id: number, lost: () => void): void {
    if (this.#closed) return
    this.#lost.set(id, lost)
    this.#thread ??= this.#start()
    this.#tell({ add: id })
  }

  remove(id: number): void {
    if (this.#lost.delete(id)) this.#tell({ remove: id })
  }

  async close(): Promise<void> {
    this.#closed = true
    const thread = this.#thread
    if (!thread) return
    const ended = new Promise((resolve) => thread.once('exit', resolve))
    // Only work keeps a process alive, but this must come to its end.
    thread.ref()
    this.#tell({ close: true })
    await ended
  }

  #tell(command: HouseCommand): void {
    this.#thread?.postMessage(command)
  }

  #start(): Worker {
    const thread = new Worker(threadFile(), { workerData: this.#facts, name: 'celeriac leases' })
    thread.on('error', (error: Error) => {
      this.problem = error
    })
    thread.on('message', (report: HouseReport) => this.#hear(report))
    thread.on('exit', () => this.#restart(thread))
    // Last: listening to its messages would keep the process alive again.
    thread.unref()
    return thread
  }

  #hear({ problem, lost = [] }: HouseReport): void {
    this.problem = problem
    for (const id of lost) {
      const tell = this.#lost.get(id)
      this.#lost.delete(id)
      tell?.()
    }
  }

  /** Leases must not end with their keeper. */
  #restart(dead: Worker): void {
    if (this.#closed || this.#thread !== dead) return
    this.#thread = undefined
    setTimeout(() => {
      if (this.#closed) return
      this.#thread = this.#start()
      for (const id of this.#lost.keys()) this.#tell({ add: id })
    }, 1000).unref()
  }
}

let file: URL | undefined

/** Looked for once: a thread that dies is replaced also where the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(import.meta.url, 'broker/sqlite/housekeeper', 'broker/sqlite/housekeeperThread')
  return file
}
