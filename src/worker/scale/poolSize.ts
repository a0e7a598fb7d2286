import { ArgumentError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import type { Pool } from '../pool/pool.ts'
import { type Autoscale, parseAutoscale } from '../poolOptions.ts'
import type { WorkerState } from '../state.ts'
import type { Load } from './autoscaler.ts'

/** The bounds of a pool that scales itself, and its size now. */
export interface AutoscaleState extends Autoscale {
  /** Tasks at once, those included whose thread or process still starts. */
  readonly current: number
}

/** The size of a worker's own pool, and who changes it: a caller, or the pool itself by its load. */
export class PoolSize {
  readonly #pool: Pool
  #bounds: Autoscale | undefined
  readonly #report: (change: { readonly before: number; readonly size: number }) => void

  /** `bounds`: it scales itself. `report` is called with each change of what the size is to be. */
  constructor(
    pool: Pool,
    bounds: Autoscale | undefined,
    report: (change: { readonly before: number; readonly size: number }) => void,
  ) {
    this.#pool = pool
    this.#bounds = bounds
    this.#report = report
  }

  get autoscale(): AutoscaleState | undefined {
    return this.#bounds && { ...this.#bounds, current: this.#pool.target }
  }

  /** As `Worker.grow`. */
  grow(count: number): number {
    return this.#change('grow', count, this.#pool.target + count)
  }

  /** As `Worker.shrink`. */
  shrink(count: number): number {
    return this.#change('shrink', count, this.#pool.target - count)
  }

  /** As `Worker.setAutoscale`. */
  setAutoscale(max: number | undefined, min: number | undefined): AutoscaleState {
    if (!this.#bounds)
      throw new ArgumentError('setAutoscale: expected a worker with the option autoscale, got one without')
    this.#bounds = parseAutoscale({ max: max ?? this.#bounds.max, min: min ?? this.#bounds.min }, 'setAutoscale')
    this.#resize(Math.min(Math.max(this.#pool.target, this.#bounds.min), this.#bounds.max))
    return { ...this.#bounds, current: this.#pool.target }
  }

  /** Let the pool scale itself by the load of a worker, where it is to. The returned function ends that. */
  async follow(state: Pick<WorkerState, 'onBegin'>, load: Load): Promise<() => void> {
    if (!this.#bounds) return () => undefined
    const { Autoscaler } = await import('./autoscaler.ts')
    const scaler = new Autoscaler(this.#pool, load, {
      bounds: () => this.#bounds as Autoscale,
      resize: (size) => this.#resize(size),
    })
    const { onBegin } = state
    state.onBegin = () => {
      onBegin()
      scaler.began()
    }
    scaler.start()
    return () => {
      state.onBegin = onBegin
      scaler.stop()
    }
  }

  /** Celery, too, refuses it where the pool scales itself. */
  #change(doing: 'grow' | 'shrink', count: number, size: number): number {
    if (!(Number.isInteger(count) && count >= 1))
      throw new ArgumentError(`${doing}: expected a whole number >= 1, got ${shown(count)}`)
    if (this.#bounds)
      throw new ArgumentError(
        `${doing}: expected a worker without autoscale, got one with it: change its range instead`,
      )
    this.#resize(size)
    return size
  }

  #resize(size: number): void {
    const before = this.#pool.target
    this.#pool.resize(size)
    if (size !== before) this.#report({ before, size })
  }
}
