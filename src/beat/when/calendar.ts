import type { DayRule } from './days.ts'

/** Milliseconds of a day without a change of the clocks. */
export const DAY_MS = 86_400_000

/** No schedule is due after the year 9999, the last one that Python's datetime can hold. */
export const LATEST_TIME: number = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Longer than between any two days that match: 29 February on a given weekday, across 2100. */
const MAX_MONTHS_AHEAD = 41 * 12

/** What matches: numbers ascending. */
export interface CalendarRules {
  readonly seconds: readonly number[]
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly days: DayRule
  /** 1 to 12. */
  readonly months: readonly number[]
}

/**
 * Finds matching times on a clock on the wall, which knows no time zone: a time is the milliseconds it would be in UTC.
 */
export class Calendar {
  readonly #seconds: Follower
  readonly #minutes: Follower
  readonly #hours: Follower
  readonly #months: ReadonlySet<number>
  readonly #days: DayRule
  /** Days of each kind of month, by its length and first weekday, once asked for. */
  readonly #masks: (number | undefined)[] = []
  /** First time of a day that matches, in milliseconds. */
  readonly #opening: number

  constructor({ seconds, minutes, hours, days, months }: CalendarRules) {
    this.#seconds = follower(seconds)
    this.#minutes = follower(minutes)
    this.#hours = follower(hours)
    this.#days = days
    this.#months = new Set(months)
    this.#opening = clock(this.#hours(0), this.#minutes(0), this.#seconds(0))
  }

  /** The first match at `from` or later; undefined: none before the year 10000. */
  following(from: number): number | undefined {
    const start = Math.ceil(from / 1000) * 1000
    if (start > LATEST_TIME) return undefined
    const midnight = Math.floor(start / DAY_MS) * DAY_MS
    const time = this.#timeFrom(start - midnight)
    const date = new Date(start)
    const day = this.#dayFrom(
      date.getUTCFullYear(),
      date.getUTCMonth(),
      date.getUTCDate() - (time === undefined ? 0 : 1),
    )
    if (day === undefined) return undefined
    const found = day === midnight ? midnight + (time as number) : day + this.#opening
    return found > LATEST_TIME ? undefined : found
  }

  /** First matching time of day at `from` (milliseconds since midnight) or later. */
  #timeFrom(from: number): number | undefined {
    const hour = Math.floor(from / 3_600_000)
    const minute = Math.floor(from / 60_000) % 60
    const second = Math.floor(from / 1000) % 60
    if (this.#hours(hour) === hour) {
      if (this.#minutes(minute) === minute && this.#seconds(second) >= 0) {
        return clock(hour, minute, this.#seconds(second))
      }
      if (this.#minutes(minute + 1) >= 0) return clock(hour, this.#minutes(minute + 1), this.#seconds(0))
    }
    const next = this.#hours(hour + 1)
    return next < 0 ? undefined : clock(next, this.#minutes(0), this.#seconds(0))
  }

  /** Midnight of the first matching day, `skipped` days into the month (0 to 11) or later. */
  #dayFrom(year: number, month: number, skipped: number): number | undefined {
    for (let ahead = 0; ahead <= MAX_MONTHS_AHEAD; ahead++) {
      const index = (month + ahead) % 12
      if (!this.#months.has(index + 1)) continue
      const first = monthStart(year, month + ahead)
      const length = Math.round((monthStart(year, month + ahead + 1) - first) / DAY_MS)
      const mask = this.#maskOf(length, weekday(first))
      const rest = ahead > 0 ? mask : skipped > 31 ? 0 : (mask >>> skipped) << skipped
      if (rest !== 0) return first + (31 - Math.clz32(rest & -rest)) * DAY_MS
    }
    return undefined
  }

  #maskOf(length: number, first: number): number {
    const kind = length * 7 + first
    this.#masks[kind] ??= this.#days({ length, first }) & (2 ** length - 1)
    return this.#masks[kind]
  }
}

/** The least member at or above a value; -1: none. Looked up, as it is asked for every tick. */
type Follower = (value: number) => number

function follower(members: readonly number[]): Follower {
  const table = new Int8Array(61).fill(-1)
  for (const member of members.toReversed()) table.fill(member, 0, member + 1)
  for (let value = (members.at(-1) as number) + 1; value < table.length; value++) table[value] = -1
  return (value) => table[value] ?? -1
}

function clock(hour: number, minute: number, second: number): number {
  return ((hour * 60 + minute) * 60 + second) * 1000
}

/** Unlike Date.UTC, takes the years 0 to 99 for what they are. */
function monthStart(year: number, month: number): number {
  return new Date(0).setUTCFullYear(year, month, 1)
}

/** 0 is Sunday; 1970 began on a Thursday. */
function weekday(midnight: number): number {
  return (((midnight / DAY_MS + 4) % 7) + 7) % 7
}
