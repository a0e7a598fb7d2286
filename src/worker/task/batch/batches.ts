import type { Clock } from '../../../std/clock.ts'
import type { StopSignal } from '../../../std/stopSignal.ts'
import type { TaskDefinition } from '../../../tasks/definition.ts'
import type { Pool } from '../../pool/pool.ts'
import type { WaitEnd } from '../line.ts'
import type { Request } from '../request.ts'
import { Batch, type Seat } from './batch.ts'
import { batchKeyOf } from './batchKey.ts'

/** Of a task with keys, whose items fill several batches at once: so many of its items may wait, or one batch. */
const MIN_WAITING_OF_KEYS = 1000
/** No more is taken for batches while so many items wait or run. */
const MAX_ITEMS = 20_000

interface BatchesParts {
  readonly clock: Clock
  /** Aborts when the worker stops: what waits does not begin any more. */
  readonly stopping: StopSignal
  /** A slot of this pool: undefined where there is one at once. Rejects where the pool cannot be opened. */
  slotOf(pool: Pool): Promise<WaitEnd> | undefined
  /** It is free. `runtime`: how long it was used, ms; absent where nothing ran. */
  free(pool: Pool, runtime?: number): void
  /** `extra` has changed. */
  changed(): void
}

/** A batch that more items may join. */
interface OpenBatch {
  readonly batch: Batch
  /** It is full, or its first item has waited long enough: it begins as soon as its pool has a slot. */
  ready(): void
}

/** The batches of one task that gather items. */
interface Gathering {
  readonly size: number
  /** ms */
  readonly wait: number
  /** Most of its items that are taken while they wait. */
  readonly limit: number
  /** By their keys. */
  readonly open: Map<string, OpenBatch>
  /** How many items wait. */
  waiting: number
  /** How many items the last batch had: as many are taken for the next one. */
  last: number
}

/**
 * The batches of a worker. A request joins the batch of its task and key. The batch begins when it is full or its first
 * item has waited long enough, as soon as its pool has a slot; until then more items join. Items that wait hold no
 * slot: the worker takes as many more messages.
 */
export class Batches {
  readonly #parts: BatchesParts
  /** By the name of the task. */
  readonly #gathering = new Map<string, Gathering>()
  /** How many items run, and in how many batches. */
  #running = 0
  #runs = 0

  /** `extra`, as `changed` was called for it last. */
  #announced = 0
  #announcing: NodeJS.Immediate | undefined

  constructor(parts: BatchesParts) {
    this.#parts = parts
  }

  /** How many messages the worker is to hold for batches, beside one for each slot. */
  get extra(): number {
    let waiting = 0
    let room = 0
    for (const { waiting: count, last, limit } of this.#gathering.values()) {
      waiting += count
      room += Math.max(0, Math.min(limit, Math.max(last, 2 * count)) - count)
    }
    const items = waiting + this.#running
    return items - this.#runs + Math.min(room, Math.max(0, MAX_ITEMS - items))
  }

  /**
   * Wait for the batch of this request to begin. Undefined when the worker stops before. Rejects for an item that has
   * no key, and where the pool cannot be opened.
   */
  async join(request: Request, pool: Pool): Promise<Seat | undefined> {
    const { stopping } = this.#parts
    const key = await batchKeyOf(request)
    if (stopping.aborted) return undefined
    // Its input is wrong: it fails by itself.
    if (key === undefined) return this.#alone(pool)
    const task = this.#gatheringOf(request.definition)
    const open = task.open.get(key) ?? this.#open(task, key, pool)
    const seat = open.batch.add()
    task.waiting++
    if (open.batch.size === task.size) {
      task.open.delete(key)
      open.ready()
    }
    this.#changed()
    return this.#begun(open.batch, seat)
  }

  /** The next batches are not expected to be as large as the last ones: what was taken for them was of other tasks. */
  forget(): void {
    for (const task of this.#gathering.values()) task.last = 0
  }

  async #begun(batch: Batch, seat: Seat): Promise<Seat | undefined> {
    return (await batch.begun.promise) ? seat : undefined
  }

  #alone(pool: Pool): Promise<Seat | undefined> {
    const batch = new Batch(pool)
    const seat = batch.add()
    void this.#run(batch, pool, () => undefined)
    return this.#begun(batch, seat)
  }

  #gatheringOf({ name, options }: TaskDefinition): Gathering {
    let task = this.#gathering.get(name)
    if (!task) {
      const { size = 1, wait = 0, key } = options.batch ?? {}
      const limit = key ? Math.max(size, MIN_WAITING_OF_KEYS) : size
      task = { size, wait, limit, open: new Map(), waiting: 0, last: 0 }
      this.#gathering.set(name, task)
    }
    return task
  }

  #open(task: Gathering, key: string, pool: Pool): OpenBatch {
    const { clock, stopping } = this.#parts
    const batch = new Batch(pool)
    let isReady = false
    const ready = (): void => {
      if (isReady) return
      isReady = true
      cancel()
      stopping.removeEventListener('abort', ready)
      void this.#run(batch, pool, (begins) => this.#close(task, key, open, begins))
    }
    const open: OpenBatch = { batch, ready }
    const cancel = clock.after(task.wait, ready)
    stopping.addEventListener('abort', ready)
    task.open.set(key, open)
    return open
  }

  /** No more items join. */
  #close(task: Gathering, key: string, open: OpenBatch, begins: boolean): void {
    if (task.open.get(key) === open) task.open.delete(key)
    task.waiting -= open.batch.size
    if (begins) task.last = open.batch.size
  }

  /** Begin it when there is a slot. `closed` is called before, when no more may join. */
  async #run(batch: Batch, pool: Pool, closed: (begins: boolean) => void): Promise<void> {
    const { free } = this.#parts
    let begins = false
    try {
      begins = await this.#hasSlot(pool)
    } catch (error) {
      closed(false)
      free(pool)
      batch.begun.reject(error)
      return
    }
    closed(begins)
    batch.begun.resolve(begins)
    if (!begins) return
    const { size } = batch
    this.#running += size
    this.#runs++
    this.#changed()
    const runtime = await batch.ended.promise
    this.#running -= size
    this.#runs--
    free(pool, runtime)
    this.#changed()
  }

  /**
   * Less is announced at once, so that nothing more is taken as items are settled; more is once for all items that join
   * in the same turn of the event loop.
   */
  #changed(): void {
    if (this.extra < this.#announced) this.#announce()
    else if (this.extra > this.#announced) this.#announcing ??= setImmediate(() => this.#announce())
  }

  #announce(): void {
    clearImmediate(this.#announcing)
    this.#announcing = undefined
    this.#announced = this.extra
    this.#parts.changed()
  }

  /** False when the worker stops before. */
  async #hasSlot(pool: Pool): Promise<boolean> {
    const { stopping, slotOf } = this.#parts
    if (stopping.aborted) return false
    const wait = slotOf(pool)
    return wait === undefined || (await wait) === 'slot'
  }
}
