import { setTimeout as sleep } from 'node:timers/promises'
import type { ResultBackend } from '../../backend/backend.ts'
import { Keeping, type KeepingCaps, type KeptRows } from '../../backend/bounds/keeping.ts'
import type { Config } from '../../config/config.ts'
import type { QueueBounds } from '../../config/queueOptions.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import { uuid } from '../../std/id.ts'
import { keptUses, namedQueues, type QueueSizes, queueUses } from './boundUses.ts'
import { BoundWarnings } from './boundWarnings.ts'

/** How often queues are looked at, ms, and what is kept, in looks. */
const INTERVAL_MS = 15_000
const LOOKS_PER_TRIM = 4
/** How long the note of a process counts, ms. */
const NOTE_MS = 2 * INTERVAL_MS
/** What is kept is counted for at most this part of the time; while it is counted, for at most the second one. */
const COUNTED_SHARE = 0.01
const BUSY_SHARE = 0.2

export interface WatchParts {
  readonly stores: { readonly broker: QueueSizes; readonly backend: Pick<ResultBackend, 'rows' | 'notes'> }
  readonly boundOf: QueueBounds | undefined
  readonly caps: KeepingCaps | undefined
  config(): Config
}

/**
 * Trims what is kept, and warns while something is nearly full. Of the processes of an app one does it: it renews a
 * note; another takes over when it has not done so for two intervals.
 */
export class BoundsWatch {
  readonly #parts: WatchParts
  readonly #name: string = uuid()
  readonly #warnings: BoundWarnings
  #looks = 0
  #notBefore = 0
  /** When the note was renewed. */
  #renewed = 0
  #isClosed = false
  #cancel: () => void = () => undefined
  #trimming: Promise<void> | undefined
  #stop = new AbortController()
  /** What was logged of the last failure. */
  #failure: string | undefined

  constructor(parts: WatchParts) {
    this.#parts = parts
    this.#warnings = new BoundWarnings(() => parts.config())
  }

  start(): void {
    if (this.#isClosed) return
    const look = async (): Promise<void> => {
      await this.#look()
      this.start()
    }
    this.#cancel = this.#parts.config().clock.after(INTERVAL_MS, () => void look(), true)
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
    this.#stop.abort()
  }

  /** Resolves at the end of a trim that is due. */
  async look(): Promise<void> {
    await this.#look()
    await this.#trimming
  }

  async #look(): Promise<void> {
    try {
      if (!(await this.#isOurs())) {
        this.#stop.abort()
        return
      }
      const { stores, boundOf } = this.#parts
      if (boundOf) {
        const queues = new Set(namedQueues(this.#parts.config()))
        this.#warnings.judge(await queueUses(stores.broker, boundOf, queues))
      }
      if (this.#looks++ % LOOKS_PER_TRIM === 0) this.#trimming ??= this.#trim()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** It may take longer than the time between two looks, which go on. */
  async #trim(): Promise<void> {
    const { stores, caps } = this.#parts
    try {
      if (!caps || !stores.backend.rows || performance.now() < this.#notBefore) return
      await this.#trimTo(caps, await stores.backend.rows(), stores.backend.notes !== undefined)
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failed(error)
    } finally {
      this.#trimming = undefined
    }
  }

  async #trimTo(caps: KeepingCaps, rows: KeptRows, shares: boolean): Promise<void> {
    this.#stop = new AbortController()
    const { signal } = this.#stop
    let busy = 0
    const pause = async (took: number): Promise<void> => {
      busy += took
      this.#notBefore = performance.now() + busy / COUNTED_SHARE
      await sleep(took / BUSY_SHARE - took, undefined, { ref: false, signal })
      // This process stood still: another one may count and drop by now.
      if (shares && performance.now() - this.#renewed > NOTE_MS) this.#stop.abort()
      signal.throwIfAborted()
    }
    const { kept, dropped } = await new Keeping(rows, pause).trim(caps)
    this.#failure = undefined
    const { logger } = this.#parts.config()
    if (dropped.results + dropped.logs > 0) logger.debug(dropped, 'results were dropped: more than the app keeps')
    this.#warnings.judge(keptUses(kept, caps))
  }

  /** Where the store is unavailable, whatever needs it reports it; it is looked at again in any case. */
  #failed(error: unknown): void {
    if (this.#isClosed || error instanceof StoreUnavailableError) return
    const { message } = error as Error
    if (message !== this.#failure) this.#parts.config().logger.warn({ err: error }, `bounds were not kept: ${message}`)
    this.#failure = message
  }

  /** Where the backend keeps no notes, each process does it. */
  async #isOurs(): Promise<boolean> {
    const { stores, config } = this.#parts
    const { notes } = stores.backend
    if (!notes) return true
    const { name, clock } = config()
    const since = performance.now()
    const note = { key: `bounds ${name}`, value: this.#name, expires: clock.now() + NOTE_MS }
    if (!(await notes.putIfAbsent(note))) {
      if ((await notes.get(note.key)) !== this.#name) return false
      await notes.put(note)
    }
    this.#renewed = since
    return true
  }
}
