import { packageFile } from '../../../std/packageFile.ts'
import { ServiceThread } from '../../../std/serviceThread.ts'
import type { Claim, Hold } from './delivery.ts'

/** Commands to the thread. */
export type LeaseCommand =
  | { readonly add: readonly ClaimFacts[] }
  | { readonly remove: readonly string[] }
  | { readonly close: true }

/** A claim, and how many messages it took. */
export interface ClaimFacts {
  readonly name: string
  readonly count: number
}

/** What the thread reports after each round. */
export interface LeaseReport {
  readonly problem: Error | undefined
}

export interface LeaseFacts {
  readonly url: string
  readonly prefix: string
  /** ms */
  readonly lease: number
  /** Seconds: lease minus visibility timeout. */
  readonly scoreOffset: number
}

/**
 * A separate thread with its own connection that renews the leases of the messages that this process holds, so that a
 * task which blocks the event loop does not lose its message. It knows claims, not single messages: to renew one that
 * is settled already does nothing.
 */
export class LeaseRenewer {
  readonly #thread: ServiceThread<LeaseCommand, LeaseReport>
  readonly #claims = new Map<string, ClaimFacts>()
  #added: ClaimFacts[] = []
  #removed: string[] = []
  #scheduled = false
  #closed = false
  /** Why leases cannot be renewed, while that is so. */
  problem: Error | undefined

  constructor(facts: LeaseFacts) {
    this.#thread = new ServiceThread({
      name: 'celeriac leases',
      file: threadFile,
      data: facts,
      hear: ({ problem }) => {
        this.problem = problem
      },
      failed: (error) => {
        this.problem = error
      },
      restarted: () => {
        this.#added = [...this.#claims.values()]
        this.#soon()
      },
    })
  }

  /**
   * Called before the first claim: a thread takes time to start, on a busy machine more than a short lease lasts.
   * Rejects with ConfigError where its file is missing.
   */
  open(): Promise<void> {
    return this.#thread.open()
  }

  add({ name, left: count }: Claim): void {
    if (count === 0) return
    this.#claims.set(name, { name, count })
    this.#added.push({ name, count })
    // At once: a task that was just claimed may block this event loop before its next turn.
    this.#tell()
  }

  remove(holds: readonly Hold[]): void {
    for (const { claim } of holds) {
      if (!claim) continue
      claim.left--
      if (claim.left > 0) continue
      this.#claims.delete(claim.name)
      this.#removed.push(claim.name)
      this.#soon()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#thread.close()
  }

  #soon(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(() => this.#tell())
  }

  #tell(): void {
    this.#scheduled = false
    if (this.#closed) return
    const added = this.#added
    const removed = this.#removed
    this.#added = []
    this.#removed = []
    if (added.length > 0) this.#thread.tell({ add: added })
    if (removed.length > 0) this.#thread.tell({ remove: removed })
  }
}

let file: URL | undefined

/** Searched for once: a thread that dies is replaced even while the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(import.meta.url, 'stores/redis/broker/leaseRenewer', 'stores/redis/broker/leaseRenewerThread')
  return file
}
