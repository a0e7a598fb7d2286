import { packageFile } from '../../../std/packageFile.ts'
import { ServiceThread } from '../../../std/serviceThread.ts'

/** What the thread says after each round. */
export interface LeaseReport {
  readonly problem: Error | undefined
  /** Consumers that are no more: somebody found their leases run out, as when this process was stopped for a while. */
  readonly lost?: readonly number[]
}

/** What the thread is told. */
export type LeaseCommand = { readonly add: number } | { readonly remove: number } | { readonly close: true }

export interface LeaseFacts {
  readonly path: string
  /** ms */
  readonly lease: number
}

/**
 * A thread of its own that keeps the leases of this process's consumers, so that a task which blocks the event loop
 * does not lose them; it also takes the messages of dead consumers back, and moves the write-ahead log into the file.
 */
export class LeaseRenewer {
  readonly #thread: ServiceThread<LeaseCommand, LeaseReport>
  readonly #lost = new Map<number, () => void>()
  #closed = false

  /** Why leases cannot be kept, while that is so. */
  problem: Error | undefined

  constructor(facts: LeaseFacts) {
    this.#thread = new ServiceThread({
      name: 'celeriac leases',
      file: threadFile,
      data: facts,
      hear: (report) => this.#hear(report),
      failed: (error) => {
        this.problem = error
      },
      restarted: () => {
        for (const id of this.#lost.keys()) this.#thread.tell({ add: id })
      },
    })
  }

  /** Before the first lease: a thread takes its time to start, on a busy machine more than a short lease lasts. Rejects with ConfigError where its file is missing. */
  open(): Promise<void> {
    return this.#thread.open()
  }

  /** Keep this consumer's lease from now on; `lost` is called should it be lost all the same. */
  add(id: number, lost: () => void): void {
    if (this.#closed) return
    this.#lost.set(id, lost)
    this.#thread.tell({ add: id })
  }

  remove(id: number): void {
    if (this.#lost.delete(id)) this.#thread.tell({ remove: id })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#thread.close()
  }

  #hear({ problem, lost = [] }: LeaseReport): void {
    this.problem = problem
    for (const id of lost) {
      const tell = this.#lost.get(id)
      this.#lost.delete(id)
      tell?.()
    }
  }
}

let file: URL | undefined

/** Looked for once: a thread that dies is replaced also where the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(import.meta.url, 'stores/sqlite/broker/leaseRenewer', 'stores/sqlite/broker/leaseRenewerThread')
  return file
}
