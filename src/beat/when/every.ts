import { type Duration, milliseconds } from '../../std/duration.ts'
import { ArgumentError } from '../../std/errors.ts'
import { refuseUnknown, shown } from '../../std/validate.ts'
import { LATEST_TIME } from './calendar.ts'
import { dateOf } from './date.ts'
import type { EverySpec, Schedule } from './schedule.ts'
import { momentOf } from './wallClock.ts'

/** From where an interval counts. */
export interface EveryOptions {
  /**
   * First due moment, from which the intervals are counted; as a text, ISO 8601. Default: they are counted from 1970
   * on.
   */
  from?: Date | string | undefined
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]

/**
 * Due at the multiples of an interval since 1970-01-01T00:00:00Z, or from `from` on. Unlike Celery, which counts from
 * the last run, the moments are fixed: every beat computes the same ones, and a restart moves none. Time zones and
 * changes of the clocks do not matter to it: `'1d'` is 24 hours. Throws ArgumentError for an interval below 1 ms.
 */
export function every(interval: Duration, options: EveryOptions = {}): Schedule {
  return new Every(interval, options)
}

class Every implements Schedule {
  readonly #interval: number
  readonly #from: number | undefined

  constructor(interval: Duration, options: EveryOptions) {
    // Text such as '0.07s' is 70.00000000000001 ms.
    this.#interval = Math.round(typeof interval === 'number' ? interval : milliseconds(interval, 'every'))
    if (!(this.#interval >= 1 && Number.isFinite(this.#interval)))
      throw new ArgumentError(
        `every: expected an interval of 1 ms or more, got ${typeof interval === 'number' ? interval : shown(interval)}`,
      )
    if (typeof options !== 'object' || options === null) {
      throw new ArgumentError(`every: expected options such as { from: new Date() }, got ${shown(options)}`)
    }
    refuseUnknown(options, new Set(['from']), 'every')
    this.#from = options.from === undefined ? undefined : dateOf(options.from, 'every: from').getTime()
  }

  next(after: Date): Date | undefined {
    const moment = momentOf(after)
    const from = this.#from ?? 0
    const due =
      this.#from !== undefined && moment < from
        ? from
        : from + (Math.floor((moment - from) / this.#interval) + 1) * this.#interval
    return due > LATEST_TIME ? undefined : new Date(due)
  }

  toJSON(): EverySpec {
    const from = this.#from === undefined ? {} : { from: new Date(this.#from).toISOString() }
    return { kind: 'every', interval: this.#interval, ...from }
  }

  describe(): string {
    const [unit, size] = UNITS.find(([, ms]) => this.#interval % ms === 0) ?? ['ms', 1]
    const from = this.#from === undefined ? '' : ` from ${new Date(this.#from).toISOString()}`
    return `every ${this.#interval / size}${unit}${from}`
  }
}
