import { Worker } from 'node:worker_threads'
import { packageFile } from '../../std/packageFile.ts'
import type { Claim, Hold } from './held.ts'

/** What the thread is told. */
export type LeaseCommand =
  | { readonly add: readonly ClaimFacts[] }
  | { readonly remove: readonly string[] }
  | { readonly close: true }

/** A claim, and how many messages it took. */
export interface ClaimFacts {
  readonly name: string
  readonly count: number
}

/** What the thread says after each round. */
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

/** Wait before a thread that died is started anew, ms. */
const RESTART = 1000

/**
 * A thread of its own, with a connection of its own, that renews the leases of what this process holds, so that a task which blocks
 * the event loop does not lose its message. It knows claims, not single messages: to renew what is settled already does nothing.
 */
export class LeaseKeeper {
  readonly #facts: LeaseFacts
  readonly #claims = new Map<string, ClaimFacts>()
  #thread: Worker | undefined
  #added: ClaimFacts[] = []
  #removed: string[] = []
  #scheduled = false
  #closed = false
  /** Why leases cannot be kept, while that is so. */
  problem: Error | undefined

  constructor(facts: LeaseFacts) {
    this.#facts = facts
  }

  /** Throws ConfigError where no lease could be renewed, as the file of the thread is missing. */
  check(): void {
    threadFile()
  }

  add({ name, left: count }: Claim): void {
    if (count === 0) return
    this.#claims.set(name, { name, count })
    this.#added.push({ name, count })
    // At once: what was taken may be a task that blocks this thread before its next turn.
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
    const thread = this.#thread
    if (!thread) return
    const ended = new Promise((resolve) => thread.once('exit', resolve))
    // Only work keeps a process alive, but this must come to its end.
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
    const added = this.#added
    const removed = this.#removed
    this.#added = []
    this.#removed = []
    if (added.length > 0) this.#thread.postMessage({ add: added } satisfies LeaseCommand)
    if (removed.length > 0) this.#thread.postMessage({ remove: removed } satisfies LeaseCommand)
  }

  #start(): Worker {
    const thread = new Worker(threadFile(), { workerData: this.#facts, name: 'celeriac leases' })
    thread.on('message', ({ problem }: LeaseReport) => {
      this.problem = problem
    })
    thread.on('error', (error: Error) => {
      this.problem = error
    })
    thread.on('exit', () => this.#restart(thread))
    // Last: listening to its messages would keep the process alive again.
    thread.unref()
    return thread
  }

  /** Leases must not end with their keeper. */
  #restart(dead: Worker): void {
    if (this.#closed || this.#thread !== dead) return
    this.#thread = undefined
    setTimeout(() => {
      this.#added = [...this.#claims.values()]
      this.#soon()
    }, RESTART).unref()
  }
}

let file: URL | undefined

/** Looked for once: a thread that dies is replaced also where the files are being replaced. */
function threadFile(): URL {
  file ??= packageFile(import.meta.url, 'broker/redis/leases', 'broker/redis/leaseThread')
  return file
}
