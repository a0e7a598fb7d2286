import { ArgumentError } from '../../std/errors.ts'
import { DAY_MS } from './calendar.ts'

/** The latest time that a Date can hold, ms since the epoch. */
const MAX_DATE_MS = 8.64e15
/** Most days that are kept; above it the cache is emptied. */
const MAX_CACHED_DAYS = 20_000

const zones = new Map<string, Zone>()

/** The time zone of an IANA name, in any case. Throws ArgumentError for a name that this Node.js does not know. */
export function zoneOf(name: string): Zone {
  const key = name.toLowerCase()
  const known = zones.get(key) ?? new Zone(name)
  zones.set(key, known)
  return known
}

/**
 * How far the clocks of a time zone are ahead of UTC, in milliseconds: asked of Intl once per day, as that is slow.
 * Takes it for granted that they change at most once between two midnights in UTC, which is so since 1970.
 */
export class Zone {
  readonly #format: Intl.DateTimeFormat
  readonly #fixed: boolean
  readonly #midnights = new Map<number, number>()
  readonly #changes = new Map<number, number>()

  constructor(name: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, year: 'numeric', timeZoneName: 'longOffset' })
    } catch (cause) {
      throw new ArgumentError(
        `tz: expected the name of a time zone such as 'Europe/Berlin', got '${name.slice(0, 60)}'`,
        {
          cause,
        },
      )
    }
    this.#fixed = name.toUpperCase() === 'UTC'
  }

  /** The offset in force at a moment. */
  offsetAt(moment: number): number {
    if (this.#fixed) return 0
    const day = Math.floor(moment / DAY_MS)
    const before = this.#midnight(day)
    const after = this.#midnight(day + 1)
    return before === after || moment < this.#change(day) ? before : after
  }

  /** The first moment after `from`, `to` included, at which the offset changes. Looks at every day between. */
  changeIn(from: number, to: number): number | undefined {
    if (this.#fixed) return undefined
    for (let day = Math.floor(from / DAY_MS); day * DAY_MS < to; day++) {
      if (this.#midnight(day) === this.#midnight(day + 1)) continue
      const change = this.#change(day)
      if (change > from && change <= to) return change
    }
    return undefined
  }

  #midnight(day: number): number {
    const kept = this.#midnights.get(day)
    if (kept !== undefined) return kept
    if (this.#midnights.size >= MAX_CACHED_DAYS) this.#midnights.clear()
    const offset = this.#ask(day * DAY_MS)
    this.#midnights.set(day, offset)
    return offset
  }

  /** The moment of the change in a day that has one: the first with the new offset, to the second. */
  #change(day: number): number {
    const kept = this.#changes.get(day)
    if (kept !== undefined) return kept
    const old = this.#midnight(day)
    let [before, after] = [day * DAY_MS, (day + 1) * DAY_MS]
    while (after - before > 1000) {
      const middle = Math.floor((before + after) / 2000) * 1000
      if (this.#ask(middle) === old) before = middle
      else after = middle
    }
    this.#changes.set(day, after)
    return after
  }

  #ask(moment: number): number {
    const text = this.#format.format(Math.max(-MAX_DATE_MS, Math.min(MAX_DATE_MS, moment)))
    const [, sign, hours = 0, minutes = 0, seconds = 0] = /GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(text) ?? []
    const offset = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
    return sign === '-' ? -offset : offset
  }
}
