import { packageFile } from '../../../std/packageFile.ts'
import { ServiceThread } from '../../../std/serviceThread.ts'
import type { Claim, Hold } from './delivery.ts'
import { LeaseTable } from './leaseTable.ts'

/** Commands to the thread. `table`: memory of one more LeaseTable. */
export type LeaseCommand = { readonly table: SharedArrayBuffer } | { readonly close: true }

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
  /** Memory of each LeaseTable. */
  readonly tables: readonly SharedArrayBuffer[]
}

/**
 * A separate thread with its own connection that renews the leases of the messages that this process holds, so that a
 * task which blocks the event loop does not lose its message. It knows claims, not single messages: to renew one that
 * is settled already does nothing. It reads them from memory that is shared with it: a claim is there at once, also if
 * its task blocks this event loop before the next turn, and the thread is not woken for it.
 */
export class LeaseRenewer {
  readonly #thread: ServiceThread<LeaseCommand, LeaseReport>
  readonly #tables: LeaseTable[] = []
  /** Of each, for a thread that is started again. */
  readonly #memory: SharedArrayBuffer[] = []
  /** Removes a claim, by its name. */
  readonly #removals = new Map<string, () => void>()
  /** Why leases cannot be renewed, while that is so. */
  problem: Error | undefined

  constructor(facts: Omit<LeaseFacts, 'tables'>) {
    this.#thread = new ServiceThread({
      name: 'celeriac leases',
      file: threadFile,
      data: { ...facts, tables: this.#memory } satisfies LeaseFacts,
      hear: ({ problem }) => {
        this.problem = problem
      },
      failed: (error) => {
        this.problem = error
      },
      restarted: () => undefined,
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
    const table = this.#tables.find(({ isFull }) => !isFull) ?? this.#another()
    const slot = table.add({ name, count })
    this.#removals.set(name, () => table.remove(slot))
  }

  remove(holds: readonly Hold[]): void {
    for (const { claim } of holds) {
      if (!claim) continue
      claim.left--
      if (claim.left > 0) continue
      this.#removals.get(claim.name)?.()
      this.#removals.delete(claim.name)
    }
  }

  async close(): Promise<void> {
    await this.#thread.close()
  }

  #another(): LeaseTable {
    const table = new LeaseTable()
    this.#tables.push(table)
    this.#memory.push(table.memory)
    this.#thread.tell({ table: table.memory })
    return table
  }
}

let file: URL | undefined

/** Searched for once: a thread that dies is replaced even while the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(import.meta.url, 'stores/redis/broker/leaseRenewer', 'stores/redis/broker/leaseRenewerThread')
  return file
}
