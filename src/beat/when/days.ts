import { type Field, numberOf, partNumbers, parts, type Reading, wrong } from './fields.ts'

/** Which days of a month match. A bit mask: bit 0 is the first of the month. */
export type DayRule = (month: Month) => number

/** What a rule needs to know of a month. */
export interface Month {
  /** 28 to 31. */
  readonly length: number
  /** Day of week of the first: 0 is Sunday. */
  readonly first: number
}

/** Every day. */
export const everyDay: DayRule = () => 0x7fffffff

/** The dates given, where the month has them. */
export function onDates(dates: readonly number[]): DayRule {
  const mask = dates.reduce((bits, date) => bits | bit(date), 0)
  return () => mask
}

/** The days of week given, 0 or 7 for Sunday. */
export function onWeekdays(weekdays: readonly number[]): DayRule {
  return anyOf(weekdays.map((weekday) => nthWeekday(weekday)))
}

/** Where one of the rules matches. */
export function anyOf(rules: readonly DayRule[]): DayRule {
  return (month) => rules.reduce((bits, rule) => bits | rule(month), 0)
}

/** Where both match. */
export function both(one: DayRule, other: DayRule): DayRule {
  return (month) => one(month) & other(month)
}

/**
 * Cron's day-of-month: numbers, and `L` (the last), `15W` (the weekday nearest to the 15th), `LW`. Throws
 * ArgumentError.
 */
export function dateRule(text: string, field: Field, reading: Reading): DayRule {
  const dates: number[] = []
  const rules: DayRule[] = []
  for (const part of parts(text, field, reading)) {
    if (part === 'l') rules.push(({ length }) => bit(length))
    else if (part === 'lw') rules.push((month) => nearest(month.length, month))
    else if (/^\d+w$/.test(part)) {
      const date = numberOf(part.slice(0, -1), field, reading)
      rules.push((month) => nearest(date, month))
    } else if (/[lw]/.test(part)) throw wrong(reading, field, '1-31, L, LW or 15W', part)
    else dates.push(...partNumbers(part, field, reading))
  }
  return anyOf([onDates(dates), ...rules])
}

/**
 * Cron's day-of-week: numbers, names, and `5#2` (the second Friday), `5#L` or `5L` (the last). Throws ArgumentError.
 */
export function weekdayRule(text: string, field: Field, reading: Reading): DayRule {
  return anyOf(
    parts(text, field, reading).map((part) => {
      const [range = '', nth, ...more] = part.replace(/^(\d)l$/, '$1#l').split('#')
      if (more.length > 0 || (nth !== undefined && !/^[1-5l]$/.test(nth))) {
        throw wrong(reading, field, '1-5 or L after one #', part)
      }
      const which = nth === undefined ? undefined : nth === 'l' ? 'last' : Number(nth)
      return anyOf(partNumbers(range, field, reading).map((weekday) => nthWeekday(weekday, which)))
    }),
  )
}

/** A day of week: each one of the month, the nth, or the last. */
function nthWeekday(weekday: number, which?: number | 'last'): DayRule {
  return ({ first, length }) => {
    const date = 1 + ((weekday - first + 7) % 7)
    const dates = [date, date + 7, date + 14, date + 21, date + 28].filter((one) => one <= length)
    const wanted = which === undefined ? dates : [which === 'last' ? dates.at(-1) : dates[which - 1]]
    return wanted.reduce<number>((bits, one) => bits | (one === undefined ? 0 : bit(one)), 0)
  }
}

/**
 * The day from Monday to Friday that is nearest to the date, in the same month; none where the month has no such date.
 */
function nearest(date: number, { first, length }: Month): number {
  if (date > length) return 0
  const weekday = (first + date - 1) % 7
  if (weekday === 6) return bit(date > 1 ? date - 1 : date + 2)
  if (weekday === 0) return bit(date < length ? date + 1 : date - 2)
  return bit(date)
}

function bit(date: number): number {
  return 1 << (date - 1)
}
