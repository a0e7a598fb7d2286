import type { Output } from '../../backend/eventLog.ts'
import type { Reply } from '../../backend/unitOfWork.ts'
import type { Delivery } from '../../broker/broker.ts'
import { pauseForStore } from '../../broker/storeBackoff.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import type { Clock } from '../../std/clock.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import { uuid } from '../../std/id.ts'
import { nextTurn } from '../../std/pause.ts'
import type { SettlerParts } from './settler.ts'

/** Most of one write: a part of what a log keeps, so that subscribers see it before it is dropped. */
const MAX_WRITE = { count: 250, bytes: 2 ** 18 }

interface Emitted {
  readonly body: string | Uint8Array
  readonly taken: () => void
}
type Entry = Emitted | { readonly meta: TaskMeta }

/** Where the emissions of one run are written. */
export interface OutputTarget {
  readonly id: string
  /** Emissions are kept while we hold the delivery; undefined where it was acknowledged. */
  readonly delivery: Delivery | undefined
  emit(output: Output, delivery: Delivery | undefined): Promise<boolean>
  store(meta: TaskMeta): Promise<unknown>
  fail(error: unknown, doing: string): void
  /** The app's. */
  readonly clock: Clock
  /** Aborts when the writer must not wait any longer for a store that is unavailable. */
  readonly stopNow: AbortSignal
}

/**
 * Writes what one run emits, and the states that it reports between, to the store: in order, one write at a time; what
 * is emitted during a write is in the next one. Waits for a store that is unavailable.
 */
export class OutputWriter {
  readonly #to: OutputTarget
  /** What was written before by others. */
  readonly #before: Promise<unknown> | undefined
  readonly #run = uuid()
  #entries: Entry[] = []
  #written = 0
  #closed = false
  #flow: Promise<void> | undefined

  constructor(to: OutputTarget, before: Promise<unknown> | undefined) {
    this.#to = to
    this.#before = before
  }

  emit(body: string | Uint8Array, taken: () => void): void {
    if (this.#closed) taken()
    else this.#add({ body, taken })
  }

  /** Store a state after the emissions before it. */
  state(meta: TaskMeta): void {
    if (!this.#closed) this.#add({ meta })
  }

  /** Resolves when everything is written, or cannot be. Never rejects. */
  async drain(): Promise<void> {
    await this.#flow
  }

  #add(entry: Entry): void {
    this.#entries.push(entry)
    this.#flow ??= this.#write()
  }

  async #write(): Promise<void> {
    await this.#before
    // Emissions that come later in this turn of the event loop belong to the same write.
    await nextTurn()
    while (this.#entries.length > 0) {
      const first = this.#entries[0] as Entry
      if ('meta' in first) {
        this.#entries.shift()
        await this.#store(first.meta)
      } else await this.#hand(this.#batch())
    }
    this.#flow = undefined
  }

  async #store(meta: TaskMeta): Promise<void> {
    try {
      await this.#to.store(meta)
    } catch (error) {
      this.#to.fail(error, `storing ${meta.status} of task ${meta.task_id}`)
    }
  }

  /** The emissions in front, as many as one write takes. */
  #batch(): Emitted[] {
    const batch: Emitted[] = []
    let bytes = 0
    for (const entry of this.#entries) {
      if ('meta' in entry || batch.length >= MAX_WRITE.count || bytes >= MAX_WRITE.bytes) break
      batch.push(entry)
      bytes += entry.body.length
    }
    this.#entries = this.#entries.slice(batch.length)
    return batch
  }

  async #hand(batch: readonly Emitted[]): Promise<void> {
    try {
      const kept = await this.#keep(batch)
      this.#written += batch.length
      if (!kept) this.#close()
    } catch (error) {
      this.#to.fail(error, `storing the output of task ${this.#to.id}`)
      this.#close()
    }
    for (const { taken } of batch) taken()
  }

  async #keep(batch: readonly Emitted[]): Promise<boolean> {
    const { id, delivery, stopNow, clock } = this.#to
    const emissions = batch.map(({ body }) => body)
    for (let attempt = 0; ; attempt++) {
      const output = { id, run: this.#run, from: this.#written + 1, emissions, again: attempt > 0 }
      try {
        return await this.#to.emit(output, delivery)
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || stopNow.aborted) throw error
        if (attempt === 0) this.#to.fail(error, `storing the output of task ${id}`)
        await pauseForStore(attempt, clock, stopNow)
      }
    }
  }

  /** Another worker has the task, or it has ended: no output of this run is stored any more. */
  #close(): void {
    this.#closed = true
    for (const entry of this.#entries.splice(0)) if ('taken' in entry) entry.taken()
  }
}

/** The request whose output is written. */
interface OutputSource {
  readonly id: string
  readonly delivery: Delivery
  readonly acked: boolean
  readonly reply: Reply | undefined
  readonly stored: Promise<unknown> | undefined
}

/** The writer of what a request emits. */
export function outputOf(request: OutputSource, { stores, app, stopNow }: SettlerParts): OutputWriter {
  const to: OutputTarget = {
    id: request.id,
    delivery: request.acked ? undefined : request.delivery,
    emit: (output, delivery) => stores.unitOfWork.emit(output, delivery),
    store: (meta) => stores.unitOfWork.write({ meta, reply: request.reply }),
    fail: (error, doing) => app.signals.emit('worker:error', { error, doing }),
    clock: app.config.clock,
    stopNow,
  }
  return new OutputWriter(to, request.stored)
}
