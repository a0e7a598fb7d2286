import type { TaskPool } from '../../config/taskOptions.ts'
import { Stop } from '../../std/stopSignal.ts'
import type { Pool } from '../pool/pool.ts'
import type { TaskPools } from '../pool/taskPools.ts'
import { Line, SPARES, type WaitEnd } from './line.ts'
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
  readonly #stopping = new Stop()
  /** When the last of the messages that were put back returns, ms since the epoch. */
  #lastReturn = 0

  /** `wanted`: the pools that the worker's tasks ask for, beside its own. */
  constructor(pools: TaskPools, wanted: ReadonlySet<TaskPool>) {
    this.#pools = pools
    this.#ready = new Set([pools.main])
    if (wanted.size > 0) for (const kind of [undefined, ...wanted]) this.#lineOf(pools.of(kind))
  }

  /** How many messages the worker holds at once. */
  get prefetch(): number {
    if (this.#lines.size === 0) return this.#pools.main.size
    return [...this.#lines.values()].reduce((sum, { size }) => sum + size + SPARES, 0)
  }

  /**
   * Undefined: at once, in the worker's own pool, the only one. A number: not before this moment, ms since the epoch,
   * here or in another worker. `now`: the same.
   */
  of({ definition, delivery }: Request, now: number): Turn | number | undefined {
    const pool = this.#pools.of(definition.options.pool)
    const line = pool === this.#pools.main ? this.#lines.get(pool) : this.#lineOf(pool)
    if (!line) return undefined
    const end = (runtime?: number): void => line.free(runtime)
    const isReady = this.#ready.has(pool)
    if (line.take()) return { pool, wait: isReady ? undefined : this.#open(pool), end }
    // One that was held before may have run, and that is known of this delivery alone.
    const patient = delivery.redelivered
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
