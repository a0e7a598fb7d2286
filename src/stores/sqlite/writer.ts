import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { StoreUnavailableError } from '../../std/errors.ts'
import { isBusy, isStoreTrouble } from './database.ts'

interface Job {
  readonly work: () => unknown
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/** Part of every transaction: may add to it, and is notified when it was committed. */
export interface Participant {
  /** True when it wants a transaction even if there is no other work. */
  wants(): boolean
  /** Runs inside the transaction, after all other work. True when it took something: then it is last the next time. */
  join(): boolean
  committed(): void
  /**
   * Nothing of it was written. It is asked again after a delay; at once if `error` is undefined: then other work
   * failed.
   */
  rolledBack(error: Error | undefined): void
}

/** How long a write waits for other processes before it fails, unless the caller sets it, ms. */
const BUSY_TIMEOUT_MS = 30_000
/** Delay before participants are asked again after a failure, ms. */
const RETRY_DELAY_MS = 500
/** Bounds how long other processes wait for the lock. */
const MAX_WORKS_PER_TRANSACTION = 2_000

/**
 * Group commit: all writes that are requested in one turn of the event loop are one transaction. While another process
 * is writing, it tries again a moment later without blocking the loop. A work that fails does not fail the others.
 */
export class Writer {
  readonly #db: DatabaseSync
  readonly #limit: number
  readonly #lost: () => StoreUnavailableError | undefined
  readonly #participants = new Set<Participant>()
  readonly #jobs: Job[] = []
  #scheduled = false
  #busySince: number | undefined
  #closed = false
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  /** Called at the beginning and at the end of each transaction, inside it; after each commit; after each rollback. */
  afterBegin: () => void = () => undefined
  beforeCommit: () => void = () => undefined
  onCommit: () => void = () => undefined
  onRollback: () => void = () => undefined

  /** `lost`: why nothing can be written any more; called before each transaction. */
  constructor(
    db: DatabaseSync,
    limit: number = BUSY_TIMEOUT_MS,
    lost: () => StoreUnavailableError | undefined = () => undefined,
  ) {
    this.#db = db
    this.#limit = limit
    this.#lost = lost
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#commit = db.prepare('COMMIT')
  }

  /**
   * Run `work` (synchronous, only statements of this database) in the next transaction; resolves with its value after
   * the commit.
   */
  write<Value>(work: () => Value): Promise<Value> {
    if (this.#closed) return Promise.reject(new StoreUnavailableError('the store is closed'))
    return new Promise<Value>((resolve, reject) => {
      this.#jobs.push({ work, resolve, reject })
      this.#schedule()
    })
  }

  join(participant: Participant): () => void {
    this.#participants.add(participant)
    return () => this.#participants.delete(participant)
  }

  /** A participant has something to do. */
  wake(): void {
    this.#schedule()
  }

  /** Write what is waiting, then refuse more. Waits for a busy store as any write does. */
  async close(): Promise<void> {
    while (this.#jobs.length > 0) await this.write(() => undefined)
    this.#closed = true
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    if (this.#closed) return
    const participants = [...this.#participants].filter((one) => one.wants())
    if (this.#jobs.length === 0 && participants.length === 0) return
    const lost = this.#lost()
    if (lost) {
      this.#fail(lost)
      return
    }
    if (!this.#lock()) return
    const jobs = this.#jobs.splice(0, MAX_WORKS_PER_TRANSACTION)
    const values = this.#attempt(jobs, participants)
    if (values) {
      for (const [index, job] of jobs.entries()) job.resolve(values[index] as never)
      for (const one of participants) one.committed()
      this.onCommit()
    } else {
      this.#oneByOne(jobs)
    }
    if (this.#jobs.length > 0) this.#schedule()
  }

  /** Take the write lock; if another process has it, try again soon. */
  #lock(): boolean {
    try {
      this.#begin.run()
      this.#busySince = undefined
      return true
    } catch (error) {
      const now = performance.now()
      this.#busySince ??= now
      if (isBusy(error) && now - this.#busySince < this.#limit) {
        this.#scheduled = true
        // Random, so that processes that wait for the same lock do not try again together.
        setTimeout(() => this.#flush(), 0.5 + Math.random() * 4)
      } else {
        this.#fail(error)
      }
      return false
    }
  }

  /** All in one transaction, or undefined when something in it failed and nothing was changed. */
  #attempt(jobs: readonly Job[], participants: readonly Participant[]): unknown[] | undefined {
    let worked = false
    try {
      this.afterBegin()
      const values = jobs.map((job) => job.work())
      worked = true
      for (const one of participants) if (one.join()) this.#putLast(one)
      this.beforeCommit()
      this.#commit.run()
      return values
    } catch (error) {
      // The error is not hidden: each work is tried again by itself, and fails with its own error.
      this.#rollback()
      // A work that fails for a reason of its own does not concern the participants.
      if (worked || isStoreTrouble(error)) this.#tellFailure(participants, error)
      else this.#askAgain(participants)
      return undefined
    }
  }

  /** Of two workers in one process neither takes all. */
  #putLast(participant: Participant): void {
    if (this.#participants.delete(participant)) this.#participants.add(participant)
  }

  #oneByOne(jobs: readonly Job[]): void {
    for (const job of jobs) {
      try {
        this.#begin.run()
        this.afterBegin()
        const value = job.work()
        this.beforeCommit()
        this.#commit.run()
        this.onCommit()
        job.resolve(value as never)
      } catch (error) {
        this.#rollback()
        if (isBusy(error)) this.#jobs.push(job)
        else job.reject(isStoreTrouble(error) ? unavailable(error) : error)
      }
    }
  }

  #rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    this.onRollback()
  }

  #fail(cause: unknown): void {
    this.#busySince = undefined
    const error = cause instanceof StoreUnavailableError ? cause : unavailable(cause)
    for (const job of this.#jobs.splice(0)) job.reject(error)
    this.#tellFailure([...this.#participants], error)
  }

  #askAgain(participants: readonly Participant[]): void {
    for (const one of participants) one.rolledBack(undefined)
    this.#schedule()
  }

  #tellFailure(participants: readonly Participant[], error: unknown): void {
    if (participants.length === 0) return
    for (const one of participants) one.rolledBack(error as Error)
    if (!this.#lost()) setTimeout(() => this.#schedule(), RETRY_DELAY_MS).unref()
  }
}

function unavailable(cause: unknown): StoreUnavailableError {
  return new StoreUnavailableError(`the store cannot be written: ${(cause as Error).message}`, { cause })
}
