import type { Clock } from '../../std/clock.ts'
import type { StopSignal } from '../../std/stopSignal.ts'

/** So many wait for a slot however long it takes: the next ones. None where nothing is taken ahead. */
export const SPARES = 2
/** The others wait for so long at most, ms; then their messages are put back. */
export const MAX_WAIT_MS = 1000
/** Weight of the latest run in the mean. */
const WEIGHT = 0.1

/** How a wait ends: with a slot, without one for want of time, or with the worker. */
export type WaitEnd = 'slot' | 'late' | 'stopped'

/** The slots of one pool, and the requests that wait for one, first come first served. */
export class Line {
  #size: number
  /** `SPARES`, or 0. */
  readonly spares: number
  readonly #clock: Clock
  #taken = 0
  readonly #waiting = new Set<() => void>()
  /** How long a run takes, ms: 0 as long as that is not known. */
  #mean = 0

  constructor(size: number, clock: Clock, spares: number = SPARES) {
    this.#size = size
    this.spares = spares
    this.#clock = clock
  }

  get size(): number {
    return this.#size
  }

  /** How many wait for a slot. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** There are so many slots from now on. Those that are taken beyond it are given up as they become free. */
  resize(size: number): void {
    this.#size = size
    for (const next of [...this.#waiting].slice(0, Math.max(0, size - this.#taken))) {
      this.#taken++
      next()
    }
  }

  /** When it is worth asking again where there was no room, ms: a slot is free, or half of the line is gone. */
  get delay(): number {
    return Math.max(this.#interval, Math.min(this.#waiting.size * this.#interval, MAX_WAIT_MS) / 2)
  }

  /** One more has its slot at once, or probably in time. */
  get hasRoom(): boolean {
    const { size } = this.#waiting
    if (this.#taken < this.#size) return true
    return size < this.spares || (this.spares > 0 && (size + 1) * this.#interval <= MAX_WAIT_MS)
  }

  /** Take a slot that is free. */
  take(): boolean {
    if (this.#taken >= this.#size) return false
    this.#taken++
    return true
  }

  /** Take the next slot that becomes free. `patient`: whatever time it takes. */
  wait(patient: boolean, stopping: StopSignal): Promise<WaitEnd> {
    if (stopping.aborted) return Promise.resolve('stopped')
    const ahead = this.#waiting.size
    return new Promise((resolve) => {
      const end = (how: WaitEnd): void => {
        cancel?.()
        this.#waiting.delete(next)
        stopping.removeEventListener('abort', stop)
        resolve(how)
      }
      const next = (): void => end('slot')
      const stop = (): void => end('stopped')
      const cancel = patient
        ? undefined
        : this.#clock.after(MAX_WAIT_MS, () => this.#isLate(next, ahead) && end('late'), true)
      this.#waiting.add(next)
      stopping.addEventListener('abort', stop)
    })
  }

  /** The slot is free. `runtime`: how long it was used, ms; undefined where nothing ran. */
  free(runtime?: number): void {
    if (runtime !== undefined) this.#mean += (runtime - this.#mean) * (this.#mean === 0 ? 1 : WEIGHT)
    const [next] = this.#waiting
    if (next && this.#taken <= this.#size) next()
    else this.#taken--
  }

  /** How often a slot becomes free while all are taken, ms. */
  get #interval(): number {
    return this.#mean / this.#size
  }

  /**
   * It has waited in vain, unless it is one of the next: then runs take longer than was known. `ahead`: how many waited
   * before it at the beginning.
   */
  #isLate(next: () => void, ahead: number): boolean {
    const place = [...this.#waiting].indexOf(next)
    if (place < this.spares) return false
    const rounds = Math.max(1, (ahead - place) / this.#size)
    this.#mean = Math.max(this.#mean, MAX_WAIT_MS / rounds)
    return true
  }
}
