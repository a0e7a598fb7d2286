import { ArgumentError } from '../../std/errors.ts'
import { refuseUnknown, shown } from '../../std/validate.ts'
import { Calendar } from './calendar.ts'
import { anyOf, both, type DayRule, dateRule, everyDay, weekdayRule } from './days.ts'
import { type Field, MONTHS, numbersOf, quoted, type Reading, WEEKDAYS } from './fields.ts'
import type { CronSpec, Schedule } from './schedule.ts'
import { momentOf, nextGiven, nextWild, SEARCH_START } from './wallClock.ts'
import { type Zone, zoneOf } from './zone.ts'

/** Whose clocks count. */
export interface ZoneOptions {
  /**
   * IANA name of the time zone whose clocks count, as `'Europe/Berlin'`. Default UTC, whatever the machine's own is.
   */
  tz?: string | undefined
}

const SECOND: Field = { name: 'second', min: 0, max: 59 }
const MINUTE: Field = { name: 'minute', min: 0, max: 59 }
const HOUR: Field = { name: 'hour', min: 0, max: 23 }
const DATE: Field = { name: 'day-of-month', min: 1, max: 31 }
const MONTH: Field = { name: 'month', min: 1, max: 12, names: MONTHS }
const WEEKDAY: Field = { name: 'day-of-week', min: 0, max: 7, names: WEEKDAYS }

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

const MAX_EXPRESSION_LENGTH = 1000

/**
 * Due at the times of a cron expression: minute, hour, day-of-month, month, day-of-week; with six fields, seconds come
 * first. Where both days are restricted one of them is enough, as in vixie cron; `+` before the day-of-week asks for
 * both. Throws ArgumentError for an expression that is wrong, naming the field, or that never comes true.
 *
 * Where the clocks are changed: an expression without `*` or `/` in second, minute and hour is due once per day and
 * time (the first time of two; after the gap where the time does not exist). Any other follows the clock: it runs
 * through both passes of an hour that comes twice, and leaves out what does not exist.
 */
export function cron(expression: string, options: ZoneOptions = {}): Schedule {
  return new Cron(expression, zoneName(options, 'cron'))
}

/** The zone's name out of the options, UTC by default. Throws ArgumentError. */
export function zoneName(options: ZoneOptions, where: string): string {
  if (typeof options !== 'object' || options === null) {
    throw new ArgumentError(`${where}: expected options such as { tz: 'Europe/Berlin' }, got ${shown(options)}`)
  }
  refuseUnknown(options, new Set(['tz']), where)
  const { tz = 'UTC' } = options
  if (typeof tz !== 'string') throw new ArgumentError(`${where}: tz: expected a text, got ${shown(tz)}`)
  return tz
}

class Cron implements Schedule {
  readonly #expression: string
  readonly #tz: string
  readonly #zone: Zone
  readonly #calendar: Calendar
  readonly #wild: boolean

  constructor(expression: string, tz: string) {
    if (typeof expression !== 'string' || expression.length > MAX_EXPRESSION_LENGTH) {
      const got = typeof expression === 'string' ? `${expression.length}` : shown(expression)
      throw new ArgumentError(`cron: expected an expression of at most ${MAX_EXPRESSION_LENGTH} characters, got ${got}`)
    }
    const reading = { owner: `cron ${quoted(expression)}` }
    const fields = fieldsOf(expression, reading)
    this.#expression = expression.trim().replace(/\s+/g, ' ')
    this.#tz = tz
    this.#zone = zoneOf(tz)
    this.#calendar = calendarOf(fields, reading)
    this.#wild = /[*/?]/.test(fields.slice(0, 3).join(' '))
  }

  next(after: Date): Date | undefined {
    const moment = (this.#wild ? nextWild : nextGiven)(this.#calendar, this.#zone, momentOf(after))
    return moment === undefined ? undefined : new Date(moment)
  }

  toJSON(): CronSpec {
    return { kind: 'cron', expression: this.#expression, tz: this.#tz }
  }

  describe(): string {
    return `cron ${this.#expression} (${this.#tz})`
  }
}

type Six = readonly [second: string, minute: string, hour: string, date: string, month: string, weekday: string]

function fieldsOf(expression: string, { owner }: Reading): Six {
  const text = expression.trim()
  const plain = text.startsWith('@') ? NICKNAMES[text.toLowerCase()] : text
  if (plain === undefined) {
    throw new ArgumentError(`${owner}: expected one of ${Object.keys(NICKNAMES).join(', ')}, or fields`)
  }
  const fields = plain === '' ? [] : plain.split(/\s+/)
  if (fields.length === 6) return fields as unknown as Six
  if (fields.length === 5) return ['0', ...fields] as unknown as Six
  const names = [MINUTE, HOUR, DATE, MONTH, WEEKDAY].map(({ name }) => name)
  const missing = names.slice(fields.length)
  throw new ArgumentError(
    `${owner}: expected 5 fields (${names.join(' ')}), or 6 with second first, got ${fields.length}` +
      (missing.length === 0
        ? ''
        : `: ${new Intl.ListFormat('en').format(missing)} ${missing.length === 1 ? 'is' : 'are'} missing`),
  )
}

function calendarOf([second, minute, hour, date, month, weekday]: Six, reading: Reading): Calendar {
  const calendar = new Calendar({
    seconds: numbersOf(second, SECOND, reading),
    minutes: numbersOf(minute, MINUTE, reading),
    hours: numbersOf(hour, HOUR, reading),
    days: daysOf(date, weekday, reading),
    months: numbersOf(month, MONTH, reading),
  })
  if (calendar.following(SEARCH_START) === undefined) {
    const days = /^[*?]$/.test(weekday) ? '' : ` and day-of-week ${quoted(weekday)}`
    throw new ArgumentError(
      `${reading.owner}: day-of-month: never happens: no month of ${quoted(month)} has a day ${quoted(date)}${days}`,
    )
  }
  return calendar
}

function daysOf(date: string, weekday: string, reading: Reading): DayRule {
  const and = weekday.startsWith('+')
  const day = and ? weekday.slice(1) : weekday
  const dates = /^[*?]$/.test(date) ? undefined : dateRule(date, DATE, reading)
  const weekdays = /^[*?]$/.test(day) ? undefined : weekdayRule(day, WEEKDAY, reading)
  if (dates && weekdays) return and ? both(dates, weekdays) : anyOf([dates, weekdays])
  return dates ?? weekdays ?? everyDay
}
