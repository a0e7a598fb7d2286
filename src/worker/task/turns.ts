import type { Clock } from '../../std/clock.ts'
import { pause } from '../../std/pause.ts'
import { Stop } from '../../std/stopSignal.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import type { Pool } from '../pool/pool.ts'
import { type TaskPools, tasksOf } from '../pool/taskPools.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { Seat } from './batch/batch.ts'
import type { Batches } from './batch/batches.ts'
import { Bucket } from './bucket.ts'
import { Line, type WaitEnd } from './line.ts'
import { afterLoss, type LossLimits } from './losses.ts'
import type { Request } from './request.ts'

/** Where a request runs, and what it waits for. */
export interface Turn {
  readonly pool: Pick<Pool, 'run'>
  /** Of that pool. */
  readonly line: Line
  /** Until it has a slot; absent where it has one. Rejects when its pool cannot be opened. */
  readonly wait?: Promise<WaitEnd> | undefined
  /** It does not need its slot any more. `runtime`: how long it ran, ms; absent where it did not. */
  end(runtime?: number): void
}

interface TurnsParts {
  readonly app: Pick<WorkerApp, 'config' | 'tasks'>
  readonly lossLimits: LossLimits
  /** What the worker holds. */
  executions(): Iterable<Promise<void>>
  /** Absent: 2. 0 where a message is taken for a free slot alone. */
  readonly spares?: number | undefined
}

/** How long a message is put back, ms, at least and at most. */
const MIN_AWAY_MS = 250
const MAX_AWAY_MS = 10_000
/** Messages that are put back return one by one, with this time between them, ms. */
const RETURN_INTERVAL_MS = 5

/**
 * Which request runs when, in a worker whose tasks ask for several pools or have rate limits: each pool has its slots
 * and its line, each limit its bucket. A message that would wait here for more than a second is put back into its queue
 * for a while: so it keeps no other task waiting, and any other worker may take it.
 */
export class Turns {
  readonly #pools: TaskPools
  readonly #lines = new Map<Pool, Line>()
  /** By the name of the task. */
  readonly #buckets = new Map<string, Bucket>()
  /** Rate limits that were set while it runs, as `RateLimit`, by the name of the task. */
  readonly #rates = new Map<string, number | undefined>()
  readonly #executions: () => Iterable<Promise<void>>
  readonly #clock: Clock
  readonly #tasks: TurnsParts['app']['tasks']
  /** Pools that have been opened. */
  readonly #ready: Set<Pool>
  readonly #limits: LossLimits
  readonly #spares: number | undefined
  readonly #stopping = new Stop()
  /** Loaded where there are tasks with `batch`. */
  #loading: Promise<Batches> | undefined
  #batches: Batches | undefined
  /** How many messages it holds beside one for each slot of the worker's own pool. */
  #besideSlots: number
  /** Called when `prefetch` changes. */
  onPrefetch: (count: number) => void = () => undefined
  /** How many requests wait to run alone. */
  #alone = 0
  /** When the last of the messages that were put back returns, ms since the epoch. */
  #lastReturn = 0

  /** For the tasks of these queues. */
  constructor(pools: TaskPools, queues: readonly string[], { app, lossLimits, spares, executions }: TurnsParts) {
    this.#pools = pools
    this.#clock = app.config.clock
    this.#tasks = app.tasks
    this.#limits = lossLimits
    this.#spares = spares
    this.#executions = executions
    this.#ready = new Set([pools.main])
    const wanted = pools.wanted(queues)
    const buckets = [...tasksOf(app, queues)].flatMap((definition) => this.#bucketOf(definition) ?? [])
    if (wanted.size + buckets.length > 0) for (const kind of [undefined, ...wanted]) this.#lineOf(pools.of(kind))
    this.#besideSlots = this.#count()
    pools.main.onSize = () => {
      if (this.#stopping.aborted) return
      this.#lines.get(pools.main)?.resize(pools.main.size)
      this.onPrefetch(this.prefetch)
    }
  }

  /** How many messages the worker holds at once. */
  get prefetch(): number {
    return this.#pools.main.size + this.#besideSlots + this.#alone + (this.#batches?.extra ?? 0)
  }

  /** How many requests wait here for a slot of the worker's own pool. */
  get waiting(): number {
    return this.#lines.get(this.#pools.main)?.waiting ?? 0
  }

  /** Load what the batches of its app need, where it has tasks with `batch`. */
  async prepare(): Promise<void> {
    if ([...this.#tasks.values()].some(({ definition }) => definition.options.batch)) await this.#load()
  }

  /**
   * Undefined: at once, in the worker's own pool, where it is the only one. A number: not before this moment, here or
   * in another worker. All moments are ms since the epoch.
   */
  of(request: Request, now: number): Turn | number | undefined {
    const alone = this.#aloneFor(request)
    const pool = alone ?? this.#pools.of(request.definition.options.pool)
    if (request.definition.options.batch && !alone) return this.#inBatch(request, pool)
    const bucket = this.#bucketOf(request.definition)
    const line = bucket || pool !== this.#pools.main ? this.#beginLine(pool) : this.#lines.get(pool)
    if (!line) return undefined
    // One that was held before may have run, and that is known of this delivery alone.
    const patient = alone !== undefined || request.delivery.redelivered
    if (!patient && !line.hasRoom) {
      this.#batches?.forget()
      return this.#returnAt(line, now)
    }
    const delay = bucket ? bucket.reserve(now) : 0
    if (delay === undefined) return bucket?.returnAt(now)
    const end = (runtime?: number): void => line.free(runtime)
    const hasSlot = delay === 0 && line.take()
    if (hasSlot && this.#ready.has(pool)) return { pool, line, end }
    const wait = hasSlot ? this.#open(pool) : this.#wait(pool, line, delay, patient)
    return { pool, line, wait: alone ? this.#beside(wait) : wait, end }
  }

  /** The rate limit of a task, ms between runs; undefined: none. */
  rateLimit({ name, options: { rateLimit } }: TaskDefinition): number | undefined {
    if (this.#rates.has(name)) return this.#rates.get(name)
    return typeof rateLimit === 'number' ? rateLimit : undefined
  }

  /** Change the rate limit of a task, ms between runs; undefined: none. Those that wait already keep their turn. */
  setRateLimit(task: string, interval: number | undefined): void {
    this.#rates.set(task, interval)
    if (interval === undefined) this.#buckets.delete(task)
    else {
      this.#buckets.set(task, new Bucket(interval))
      this.#beginLine(this.#pools.main)
    }
    this.#recount()
  }

  /** When a request that has waited in vain may begin, ms since the epoch. */
  later({ line }: Turn, now: number): number {
    return this.#returnAt(line, now)
  }

  /** Those that wait do not begin any more. */
  stop(): void {
    this.#stopping.abort('shutdown')
  }

  /** The pool for a task whose workers were lost: there it ends neither this worker nor the tasks beside it. */
  #aloneFor({ lost }: Request): Pool | undefined {
    if (lost === 0 || afterLoss({ of: 'worker', losses: lost }, this.#limits) !== 'run alone') return undefined
    const { alone, main } = this.#pools
    return alone === main ? undefined : alone
  }

  /** While a task waits to run alone it takes no place from the others; when it runs it has one as any other. */
  async #beside(wait: Promise<WaitEnd>): Promise<WaitEnd> {
    this.#resize(1)
    try {
      return await wait
    } finally {
      this.#resize(-1)
    }
  }

  #resize(by: 1 | -1): void {
    this.#alone += by
    this.onPrefetch(this.prefetch)
  }

  /**
   * With others of its task. The first of a worker begins the line of its pool at once: what the worker holds then is
   * no item that waits.
   */
  #inBatch(request: Request, pool: Pool): Turn {
    const line = this.#beginLine(pool)
    let seat: Seat | undefined
    const wait = this.#load().then(async (batches): Promise<WaitEnd> => {
      seat = await batches.join(request, pool)
      return seat ? 'slot' : 'stopped'
    })
    const run: Pool['run'] = (job, options) => (seat as Seat).run(job, options)
    return { pool: { run }, line, wait, end: () => seat?.leave() }
  }

  #load(): Promise<Batches> {
    this.#loading ??= this.#loadBatches()
    return this.#loading
  }

  async #loadBatches(): Promise<Batches> {
    const { Batches: Loaded } = await import('./batch/batches.ts')
    this.#batches = new Loaded({
      clock: this.#clock,
      stopping: this.#stopping,
      slotOf: (pool) => {
        const line = this.#lineOf(pool)
        if (!line.take()) return this.#wait(pool, line, 0, true)
        return this.#ready.has(pool) ? undefined : this.#open(pool)
      },
      free: (pool, runtime) => this.#lineOf(pool).free(runtime),
      changed: () => this.onPrefetch(this.prefetch),
    })
    return this.#batches
  }

  /** First for the rate limit of its task, `delay` ms, then for a slot, then for its pool. */
  async #wait(pool: Pool, line: Line, delay: number, patient: boolean): Promise<WaitEnd> {
    if (delay > 0) await pause(delay, this.#clock, this.#stopping, true)
    if (this.#stopping.aborted) return 'stopped'
    const end = line.take() ? 'slot' : await line.wait(patient, this.#stopping)
    return end === 'slot' && !this.#ready.has(pool) ? this.#open(pool) : end
  }

  /** The worker may stop while the children load the task module. */
  #open(pool: Pool): Promise<WaitEnd> {
    return new Promise((resolve, reject) => {
      const stop = (): void => resolve('stopped')
      this.#stopping.addEventListener('abort', stop)
      const opened = (): void => {
        this.#ready.add(pool)
        this.#stopping.removeEventListener('abort', stop)
        resolve('slot')
      }
      pool.start().then(opened, (error) => {
        this.#stopping.removeEventListener('abort', stop)
        reject(error)
      })
    })
  }

  #returnAt({ delay }: Line, now: number): number {
    const away = Math.min(Math.max(delay, MIN_AWAY_MS), MAX_AWAY_MS)
    this.#lastReturn = Math.min(Math.max(this.#lastReturn + RETURN_INTERVAL_MS, now + away), now + MAX_AWAY_MS)
    return this.#lastReturn
  }

  /**
   * The line of a pool. The first that a worker begins while it runs counts as slots of its own pool what it holds
   * already.
   */
  #beginLine(pool: Pool): Line {
    const { main } = this.#pools
    if (this.#lines.has(pool)) return this.#lineOf(pool)
    if (!this.#lines.has(main)) {
      const own = this.#lineOf(main)
      for (const execution of this.#executions()) if (own.take()) void execution.then(() => own.free())
    }
    const line = this.#lineOf(pool)
    this.#recount()
    return line
  }

  #count(): number {
    const lines = [...this.#lines].map(([pool, line]) => (pool === this.#pools.main ? 0 : line.size) + line.spares)
    const places = [...lines, ...[...this.#buckets.values()].map(({ held }) => held)]
    return places.reduce((sum, count) => sum + count, 0)
  }

  #recount(): void {
    const count = this.#count()
    if (count === this.#besideSlots) return
    this.#besideSlots = count
    this.onPrefetch(this.prefetch)
  }

  #lineOf(pool: Pool): Line {
    let line = this.#lines.get(pool)
    if (!line) {
      line = new Line(pool.size, this.#clock, this.#spares)
      this.#lines.set(pool, line)
    }
    return line
  }

  #bucketOf(definition: TaskDefinition): Bucket | undefined {
    const { name } = definition
    const rateLimit = this.rateLimit(definition)
    if (rateLimit === undefined) return undefined
    let bucket = this.#buckets.get(name)
    if (!bucket) {
      bucket = new Bucket(rateLimit)
      this.#buckets.set(name, bucket)
    }
    return bucket
  }
}
