import { getTimes, type SunTimeName } from 'suncalc'
import { ArgumentError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import { DAY_MS, LATEST_TIME } from './calendar.ts'
import type { Schedule, SolarEvent, SolarSpec } from './schedule.ts'
import { momentOf } from './wallClock.ts'

/** Celery's names, and suncalc's for the same. */
const EVENTS: Readonly<Record<SolarEvent, SunTimeName | 'solarNoon'>> = {
  dawn_astronomical: 'nightEnd',
  dawn_nautical: 'nauticalDawn',
  dawn_civil: 'dawn',
  sunrise: 'sunrise',
  solar_noon: 'solarNoon',
  sunset: 'sunset',
  dusk_civil: 'dusk',
  dusk_nautical: 'nauticalDusk',
  dusk_astronomical: 'night',
}

/** Within a year the sun returns; close to a pole (beyond 89.5 degrees) an event may be missed in some years. */
const MAX_DAYS_AHEAD = 3660

/**
 * Due when the sun does something at a place: `lat` and `lon` in degrees, north and east positive. On days without the
 * event (polar day, polar night) nothing is due; the next one is the first day within ten years that has it. Correct to
 * about a minute, at sea level. Throws ArgumentError for an unknown event, a place out of range, and one where it never
 * happens.
 */
export function solar(event: SolarEvent, lat: number, lon: number): Schedule {
  return new Solar(event, lat, lon)
}

class Solar implements Schedule {
  readonly #event: SolarEvent
  readonly #lat: number
  readonly #lon: number

  constructor(event: SolarEvent, lat: number, lon: number) {
    if (typeof event !== 'string' || !Object.hasOwn(EVENTS, event)) {
      throw new ArgumentError(`solar: event: expected one of ${Object.keys(EVENTS).join(', ')}, got ${shown(event)}`)
    }
    requireDegrees(lat, 90, 'lat')
    requireDegrees(lon, 180, 'lon')
    this.#event = event
    this.#lat = lat
    this.#lon = lon
    if (this.next(new Date(0)) === undefined) {
      throw new ArgumentError(`solar: ${event} never happens at latitude ${lat}`)
    }
  }

  next(after: Date): Date | undefined {
    const moment = momentOf(after)
    // The sun's day is that of the place, not that of UTC: the first event may belong to the day before or after.
    for (let ahead = -1; ahead <= MAX_DAYS_AHEAD && moment + ahead * DAY_MS <= LATEST_TIME; ahead++) {
      const due = getTimes(new Date(moment + ahead * DAY_MS), this.#lat, this.#lon)[EVENTS[this.#event]]?.getTime()
      if (due !== undefined && due > moment) return due > LATEST_TIME ? undefined : new Date(due)
    }
    return undefined
  }

  toJSON(): SolarSpec {
    return { kind: 'solar', event: this.#event, lat: this.#lat, lon: this.#lon }
  }

  describe(): string {
    return `${this.#event} at ${this.#lat}, ${this.#lon}`
  }
}

function requireDegrees(value: unknown, limit: number, name: string): void {
  if (typeof value === 'number' && Math.abs(value) <= limit) return
  throw new ArgumentError(
    `solar: ${name}: expected degrees from -${limit} to ${limit}, got ${typeof value === 'number' ? value : shown(value)}`,
  )
}
