import type { TaskPool } from '../../config/taskOptions.ts'
import { Stop } from '../../std/stopSignal.ts'
import type { Pool } from '../pool/pool.ts'
import type { TaskPools } from '../pool/taskPools.ts'
import { Line, SPARES, type WaitEnd } from './line.ts'
import { afterLoss, type LossLimits } from './losses.ts'
import type { Request } from './request.ts'

/** Where a request runs, and what it waits for. */
export interface Turn {
  readonly pool: Pool
  /** Until it has a slot; absent where it has one. Rejects when its pool cannot be opened. */
  readonly wait?: Promise<WaitEnd> | undefined
  /** It does not need its slot any more. `runtime`: how long it ran, ms; absent where it did not. */
  end(runtime?: number): void
}

/** How long a message is put back, ms: about the time until a slot becomes free, within these bounds. */
const MIN_AWAY_MS = 250
const MAX_AWAY_MS = 10_000
/** Messages that are put back return one by one, with this time between them, ms. */
const RETURN_INTERVAL_MS = 5

/**
 * Which request runs when, in a worker whose tasks ask for several pools: each pool has its slots and its line. A
 * message that would wait here for more than a second is put back into its queue for a while: so it keeps no task of
 * another pool waiting, and any other worker may take it.
 */
export class Turns {
  readonly #pools: TaskPools
  readonly #lines = new Map<Pool, Line>()
  /** Pools that have been opened. */
  readonly #ready: Set<Pool>
  readonly #limits: LossLimits
  readonly #stopping = new Stop()
  /** How many messages it holds for these lines. */
  readonly #places: number
  /** Called when `prefetch` changes. */
  onPrefetch: (count: number) => void = () => undefined
  /** How many requests run alone, or wait for that, beside all others. */
  #alone = 0
  /** When the last of the messages that were put back returns, ms since the epoch. */
  #lastReturn = 0

  /** `wanted`: the pools that the worker's tasks ask for, beside its own. */
  constructor(pools: TaskPools, wanted: ReadonlySet<TaskPool>, limits: LossLimits) {
    this.#pools = pools
    this.#limits = limits
    this.#ready = new Set([pools.main])
    const lines = wanted.size === 0 ? [] : [undefined, ...wanted].map((kind) => this.#lineOf(pools.of(kind)))
    this.#places = lines.length === 0 ? pools.main.size : lines.reduce((sum, { size }) => sum + size + SPARES, 0)
  }

  /** How many messages the worker holds at once. */
  get prefetch(): number {
    return this.#places + this.#alone
  }

  /**
   * Undefined: at once, in the worker's own pool, the only one. A number: not before this moment, ms since the epoch,
   * here or in another worker. `now`: the same.
   */
  of(request: Request, now: number): Turn | number | undefined {
    const alone = this.#aloneFor(request)
    const pool = alone ?? this.#pools.of(request.definition.options.pool)
    const line = pool === this.#pools.main ? this.#lines.get(pool) : this.#lineOf(pool)
    if (!line) return undefined
    const end = (runtime?: number): void => {
      line.free(runtime)
      if (alone) this.#resize(-1)
    }
    const isReady = this.#ready.has(pool)
    if (alone) this.#resize(1)
    if (line.take()) return { pool, wait: isReady ? undefined : this.#open(pool), end }
    // One that was held before may have run, and that is known of this delivery alone.
    const patient = alone !== undefined || request.delivery.redelivered
    if (!patient && !line.hasRoom) return this.#returnAt(line.interval, now)
    const slot = line.wait(patient, this.#stopping)
    const opened = async (): Promise<WaitEnd> => ((await slot) === 'slot' ? this.#open(pool) : slot)
    return { pool, wait: isReady ? slot : opened(), end }
  }

  /** When a request that has waited in vain may begin, ms since the epoch. */
  later({ pool }: Turn, now: number): number {
    return this.#returnAt(this.#lineOf(pool).interval, now)
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

  /** A task that runs alone takes no place from the others. */
  #resize(by: 1 | -1): void {
    this.#alone += by
    this.onPrefetch(this.prefetch)
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

  #returnAt(interval: number, now: number): number {
    const away = Math.min(Math.max(interval, MIN_AWAY_MS), MAX_AWAY_MS)
    this.#lastReturn = Math.min(Math.max(this.#lastReturn + RETURN_INTERVAL_MS, now + away), now + MAX_AWAY_MS)
    return this.#lastReturn
  }

  #lineOf(pool: Pool): Line {
    let line = this.#lines.get(pool)
    if (!line) {
      line = new Line(pool.size)
      this.#lines.set(pool, line)
    }
    return line
  }
}
