import { packageFile } from '../../../std/packageFile.ts'
import { ServiceThread } from '../../../std/serviceThread.ts'

/** What the thread reports after each round. */
export interface LeaseReport {
  readonly problem: Error | undefined
  /**
   * Consumers that no longer exist: another process found their leases expired, as when this process was stopped for a
   * while.
   */
  readonly lost?: readonly number[]
}

/** Commands to the thread. */
export type LeaseCommand = { readonly add: number } | { readonly remove: number } | { readonly close: true }

export interface LeaseFacts {
  readonly path: string
  /** ms */
  readonly lease: number
}

/**
 * A separate thread that renews the leases of this process's consumers, so that a task which blocks the event loop does
 * not lose them; it also rescues the messages of dead consumers, and moves the write-ahead log into the file.
 */
export class LeaseRenewer {
  readonly #thread: ServiceThread<LeaseCommand, LeaseReport>
  readonly #lost = new Map<number, () => void>()
  #closed = false

  /** Why leases cannot be renewed, while that is so. */
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

  /**
   * Called before the first lease: a thread takes time to start, on a busy machine more than a short lease lasts.
   * Rejects with ConfigError where its file is missing.
   */
  open(): Promise<void> {
    return this.#thread.open()
  }

  /** Renew this consumer's lease from now on; `lost` is called if it is lost nevertheless. */
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

/** Searched for once: a thread that dies is replaced even while the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(import.meta.url, 'stores/sqlite/broker/leaseRenewer', 'stores/sqlite/broker/leaseRenewerThread')
  return file
}
