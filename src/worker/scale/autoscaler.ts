import type { Broker } from '../../broker/broker.ts'
import type { Clock } from '../../std/clock.ts'
import type { Pool } from '../pool/pool.ts'
import type { Autoscale } from '../poolOptions.ts'
import { CpuUse } from './cpuUse.ts'

/** How often the load is looked at, ms. */
const INTERVAL_MS = 1000
/** A pool shrinks when it has not been in full use for so long, ms. */
const KEEPALIVE_MS = 30_000
/** From this share on all processors are in use. */
const ALL_CORES = 0.9
/** A task that uses this share of a processor, or more, would take it from others. */
const CPU_BOUND = 0.1

/** The load of a worker. */
export interface Load {
  readonly clock: Clock
  readonly broker: Pick<Broker, 'size'>
  /** That the worker takes from. */
  readonly queues: readonly string[]
  /** Whether it takes messages now. */
  takes(): boolean
  /** How many requests wait in it for a slot of the pool. */
  waiting(): number
}

/** What follows from the load. */
export interface Scaled {
  bounds(): Autoscale
  resize(size: number): void
}

/**
 * Changes the size of a pool by its load. It grows while all slots are in use and messages wait: by as many slots as
 * there are messages, and at most to twice its size within a second, so that the use of the processors is known before
 * the next step. While they are all in use by its tasks, more children would only take turns: it does not grow. It
 * shrinks after 30 seconds to the most that ran at once in this time.
 */
export class Autoscaler {
  readonly #pool: Pick<Pool, 'busy' | 'size' | 'target' | 'pids'>
  readonly #load: Load
  readonly #scaled: Scaled
  readonly #interval: number
  readonly #keepalive: number
  readonly #cpu: Pick<CpuUse, 'sample'>
  #cancel: (() => void) | undefined
  #isStopped = false
  /** Most runs at once since the last look. */
  #peak = 0
  /** For how many looks there was a slot too many, and the most that ran at once meanwhile. */
  #spared = 0
  #needed = 0

  /** `interval` and `keepalive`: ms. */
  constructor(
    pool: Pick<Pool, 'busy' | 'size' | 'target' | 'pids'>,
    load: Load,
    scaled: Scaled,
    {
      interval = INTERVAL_MS,
      keepalive = KEEPALIVE_MS,
      cpu = new CpuUse(),
    }: { readonly interval?: number; readonly keepalive?: number; readonly cpu?: Pick<CpuUse, 'sample'> } = {},
  ) {
    this.#pool = pool
    this.#load = load
    this.#scaled = scaled
    this.#interval = interval
    this.#keepalive = keepalive
    this.#cpu = cpu
  }

  start(): void {
    this.#cpu.sample(this.#pool.pids)
    this.#wait()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  /** A task is about to run: for a moment or for long. */
  began(): void {
    this.#peak = Math.max(this.#peak, this.#pool.busy + 1)
  }

  #wait(): void {
    this.#cancel = this.#load.clock.after(this.#interval, () => void this.#look(), true)
  }

  async #look(): Promise<void> {
    const { busy, target, pids } = this.#pool
    const { cores, own } = this.#cpu.sample(pids)
    const needed = Math.max(this.#peak, busy + this.#load.waiting())
    this.#peak = busy
    if (needed < target) this.#spare(needed)
    else {
      this.#spared = 0
      // Where its use of the processors is not known, it may be all of it.
      const isCpuBound = own === undefined || own >= CPU_BOUND * busy
      if (this.#isFull && !(cores >= ALL_CORES && isCpuBound)) await this.#grow()
    }
    if (!this.#isStopped) this.#wait()
  }

  /** Every slot is in use, and none is about to open. */
  get #isFull(): boolean {
    const { busy, size, target } = this.#pool
    return target < this.#scaled.bounds().max && size === target && busy >= size
  }

  async #grow(): Promise<void> {
    const waiting = this.#load.waiting() + (await this.#queued())
    if (this.#isStopped || waiting === 0 || !this.#isFull) return
    const { target } = this.#pool
    this.#scaled.resize(Math.min(target + Math.min(waiting, target), this.#scaled.bounds().max))
  }

  /** How many messages wait in its queues. While its store is unavailable, which the consumer reports, none. */
  async #queued(): Promise<number> {
    const { broker, queues, takes } = this.#load
    if (!takes()) return 0
    try {
      const sizes = await Promise.all(queues.map((queue) => broker.size(queue)))
      return sizes.reduce((sum, size) => sum + size)
    } catch {
      return 0
    }
  }

  #spare(needed: number): void {
    if (this.#spared === 0) this.#needed = 0
    this.#spared++
    this.#needed = Math.max(this.#needed, needed)
    if (this.#spared * this.#interval < this.#keepalive) return
    this.#spared = 0
    const size = Math.max(this.#needed, this.#scaled.bounds().min)
    if (size < this.#pool.target) this.#scaled.resize(size)
  }
}
