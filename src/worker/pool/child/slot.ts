import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, backoffDelay } from '../../../std/backoff.ts'
import { Deferred } from '../../../std/deferred.ts'
import type { Logger } from '../../../std/log.ts'
import type { StopSignal } from '../../../std/stopSignal.ts'
import type { JobChild } from './jobChild.ts'

/** What the slots of one run of a pool share. */
export interface SlotParts {
  /** Aborts when the pool closes its children. */
  readonly stopping: StopSignal
  /** Resolves then: ends the pause before a new child. */
  readonly end: Promise<void>
  readonly log: Logger
  /** What a child is called: `thread`, `process`. */
  readonly noun: string
  /** A new child, which begins to load the module. */
  add(): JobChild
  /** The child that was started ahead to replace this one. */
  successorOf(child: JobChild): JobChild | undefined
  /** The child waits for a job. */
  offer(child: JobChild): void
  /** It gets no job any more. */
  withdraw(child: JobChild): void
  /** Give up the slot, where there is one too many. */
  spare(slot: Slot): boolean
  /** A slot has its first child. */
  opened(): void
}

/** Between tries to replace a child that dies without having run a job. */
const RESPAWN_BACKOFF: Backoff = { kind: 'exponential', delay: 200, maxDelay: 30_000, jitter: 'none' }

/** One slot of a pool of children: a child that is gone is replaced, until the slot is closed or the pool stops. */
export class Slot {
  readonly #parts: SlotParts
  #child: JobChild
  #isOpen: boolean
  readonly #closed = new Deferred<void>()
  #isClosed = false

  /** `isOpen`: it counts before its first child has loaded. */
  constructor(parts: SlotParts, isOpen: boolean) {
    this.#parts = parts
    this.#isOpen = isOpen
    this.#child = parts.add()
  }

  get child(): JobChild {
    return this.#child
  }

  /** It counts: it has had a child that could run a job. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Resolves when its first child has loaded the module, or it is closed. Rejects as `JobChild.ready`. */
  async loaded(): Promise<void> {
    try {
      await this.#child.ready
    } catch (error) {
      if (!this.#isClosed) throw error
    }
  }

  /**
   * Keep it filled: a child that is gone is replaced, at once if it was a job that ended it. One that is retired ends
   * when its successor is ready. Resolves when the slot is closed or the pool stops.
   */
  async keep(): Promise<void> {
    await this.#load()
    let failures = 0
    while (!this.#isOver) {
      if (this.#child.alive) this.#offer()
      await this.#child.gone
      this.#parts.withdraw(this.#child)
      if (this.#isOver || this.#parts.spare(this)) break
      failures = this.#child.jobs > 0 ? 0 : failures + 1
      if (failures > 0) await this.#pause(failures)
      if (this.#isOver) break
      const before = this.#child
      this.#child = this.#parts.successorOf(before) ?? this.#parts.add()
      await this.#load()
      void before.close()
    }
    if (!this.#parts.stopping.aborted) this.#end()
  }

  /** Give it up, with its child, which must not run a job. */
  close(): void {
    this.#isClosed = true
    this.#closed.resolve()
    this.#parts.withdraw(this.#child)
    this.#end()
  }

  get #isOver(): boolean {
    return this.#isClosed || this.#parts.stopping.aborted
  }

  #end(): void {
    void this.#child.close()
    void this.#parts.successorOf(this.#child)?.close()
  }

  #offer(): void {
    if (!this.#isOpen) {
      this.#isOpen = true
      this.#parts.opened()
    }
    this.#parts.offer(this.#child)
  }

  async #load(): Promise<void> {
    const child = this.#child
    try {
      await child.ready
    } catch (error) {
      if (!this.#isOver) this.#parts.log.error({ err: error }, `a new ${this.#parts.noun} cannot start`)
      await child.close()
    }
  }

  async #pause(failures: number): Promise<void> {
    const delay = backoffDelay(RESPAWN_BACKOFF, failures - 1)
    await Promise.race([sleep(delay, undefined, { ref: false }), this.#parts.end, this.#closed.promise])
  }
}
