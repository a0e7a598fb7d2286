import { ArgumentError } from '../../std/errors.ts'
import { refuseUnknown, shown } from '../../std/validate.ts'
import { Calendar } from './calendar.ts'
import { type ZoneOptions, zoneName } from './cron.ts'
import { both, onDates, onWeekdays } from './days.ts'
import { ascending, type Field, MONTHS, numbersOf, WEEKDAYS } from './fields.ts'
import type { CrontabField, CrontabSpec, Schedule } from './schedule.ts'
import { momentOf, nextGiven, nextWild, SEARCH_START } from './wallClock.ts'
import { type Zone, zoneOf } from './zone.ts'

/** Celery's fields: one that is absent matches always. */
export interface CrontabOptions extends ZoneOptions {
  /** 0 to 59. */
  minute?: CrontabField | undefined
  /** 0 to 23. */
  hour?: CrontabField | undefined
  /** 0 (Sunday) to 6, or names. */
  dayOfWeek?: CrontabField | undefined
  /** 1 to 31. */
  dayOfMonth?: CrontabField | undefined
  /** 1 to 12, or names. */
  monthOfYear?: CrontabField | undefined
}

const FIELDS = {
  minute: { name: 'minute', min: 0, max: 59 },
  hour: { name: 'hour', min: 0, max: 23 },
  dayOfWeek: { name: 'dayOfWeek', min: 0, max: 6, names: WEEKDAYS },
  dayOfMonth: { name: 'dayOfMonth', min: 1, max: 31 },
  monthOfYear: { name: 'monthOfYear', min: 1, max: 12, names: MONTHS },
} as const satisfies Record<string, Field>

type FieldName = keyof typeof FIELDS
const FIELD_NAMES = Object.keys(FIELDS) as FieldName[]
const PARSE_OPTIONS = { owner: 'crontab', lenient: true }
const MAX_LIST_ITEMS = 100

/**
 * Celery's `crontab`: due in each minute that matches every field. Unlike cron, where one of the two days is enough,
 * both must match; ranges may wrap (`22-2`, `sat-mon`). Where the clocks are changed it does as `cron()` does. Throws
 * ArgumentError for a field that is wrong, naming it, or for a date that never comes.
 */
export function crontab(options: CrontabOptions = {}): Schedule {
  return new Crontab(options)
}

class Crontab implements Schedule {
  readonly #fields: Readonly<Partial<Record<FieldName, CrontabField>>>
  readonly #tz: string
  readonly #zone: Zone
  readonly #calendar: Calendar
  readonly #wild: boolean

  constructor(options: CrontabOptions) {
    if (typeof options !== 'object' || options === null) {
      throw new ArgumentError(`crontab: expected options such as { hour: 7 }, got ${shown(options)}`)
    }
    refuseUnknown(options, new Set([...FIELD_NAMES, 'tz']), 'crontab')
    this.#fields = Object.fromEntries(
      FIELD_NAMES.flatMap((name) => {
        const value = options[name]
        return value === undefined ? [] : [[name, Array.isArray(value) ? [...value] : value]]
      }),
    )
    this.#tz = zoneName(options.tz === undefined ? {} : { tz: options.tz }, 'crontab')
    this.#zone = zoneOf(this.#tz)
    const numbers = (name: FieldName) => fieldNumbers(this.#fields[name], FIELDS[name])
    this.#calendar = new Calendar({
      seconds: [0],
      minutes: numbers('minute'),
      hours: numbers('hour'),
      days: both(onDates(numbers('dayOfMonth')), onWeekdays(numbers('dayOfWeek'))),
      months: numbers('monthOfYear'),
    })
    if (this.#calendar.following(SEARCH_START) === undefined) {
      throw new ArgumentError(`${this.describe()}: dayOfMonth: never happens: no such day in these months`)
    }
    this.#wild = [this.#fields.minute, this.#fields.hour].some(
      (field) => field === undefined || /[*/]/.test(String(field)),
    )
  }

  next(after: Date): Date | undefined {
    const moment = (this.#wild ? nextWild : nextGiven)(this.#calendar, this.#zone, momentOf(after))
    return moment === undefined ? undefined : new Date(moment)
  }

  toJSON(): CrontabSpec {
    return { kind: 'crontab', ...this.#fields, tz: this.#tz }
  }

  describe(): string {
    const fields = Object.entries(this.#fields).map(([name, value]) => `${name}=${String(value)}`)
    return `crontab ${fields.length === 0 ? 'every minute' : fields.join(' ')} (${this.#tz})`
  }
}

function fieldNumbers(value: CrontabField | undefined, field: Field): number[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value === undefined ? '*' : value]
  if (list.length === 0 || list.length > MAX_LIST_ITEMS) {
    throw new ArgumentError(`crontab: ${field.name}: expected a list of 1-${MAX_LIST_ITEMS} values, got ${list.length}`)
  }
  return ascending(
    list.flatMap((one) => {
      if (typeof one !== 'string' && typeof one !== 'number') {
        throw new ArgumentError(`crontab: ${field.name}: expected a number or a text such as '*/5', got ${shown(one)}`)
      }
      if (typeof one === 'number' && !Number.isInteger(one)) {
        throw new ArgumentError(
          `crontab: ${field.name}: expected a whole number from ${field.min} to ${field.max}, got ${one}`,
        )
      }
      return numbersOf(String(one), field, PARSE_OPTIONS)
    }),
  )
}
