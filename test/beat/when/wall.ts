import type { Expression } from './cron.arbitrary.ts'

/* An oracle that shares nothing with src: it walks through time minute by minute and asks Intl what the clock says. */

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** A minute of real time, and what a clock on the wall says then, as if that were UTC. */
export interface Tick {
  readonly moment: number
  readonly wall: number
}

/** Each minute from `from` on. */
export function ticks(tz: string, from: number, hours: number): Tick[] {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: tz,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  return Array.from({ length: hours * 60 }, (_, index) => {
    const moment = from + index * MINUTE
    const [month = 0, day, year = 0, hour, minute] = (format.format(moment).match(/\d+/g) ?? []).map(Number)
    return { moment, wall: Date.UTC(year, month - 1, day, hour, minute) }
  })
}

/** The hours of a range of years in which the clocks of a zone are changed, each as its begin. */
export function changes(tz: string, fromYear: number, toYear: number): number[] {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: tz, timeZoneName: 'longOffset' })
  const offset = (moment: number) => format.format(moment).split('GMT')[1]
  const found: number[] = []
  for (let day = Date.UTC(fromYear, 0, 1); day < Date.UTC(toYear, 0, 1); day += 24 * HOUR) {
    if (offset(day) === offset(day + 24 * HOUR)) continue
    for (let hour = day; hour < day + 24 * HOUR; hour += HOUR) {
      if (offset(hour) !== offset(hour + HOUR)) found.push(hour)
    }
  }
  return found
}

/** When an expression with whole minutes is due in this stretch of time, by the rules that docs/schedules.md gives. */
export function dueTimes(expression: Expression, time: readonly Tick[]): number[] {
  const given = !/[*/]/.test(`${expression.minute.text} ${expression.hour.text}`)
  const seen = new Set<number>()
  const due = new Set<number>()
  for (const [index, { moment, wall }] of time.entries()) {
    const previous = time[index - 1]?.wall ?? wall - MINUTE
    const gap = wall - previous - MINUTE
    if (given && gap > 0 && gap <= 3 * HOUR) {
      for (let missing = previous + MINUTE; missing < wall; missing += MINUTE) {
        if (matches(expression, missing)) due.add(moment)
      }
    }
    if (matches(expression, wall) && !(given && seen.has(wall))) due.add(moment)
    seen.add(wall)
  }
  return [...due]
}

/** As the manual of cron has it: of two restricted days, one is enough. */
function matches({ minute, hour, date, month, weekday }: Expression, wall: number): boolean {
  const time = new Date(wall)
  const onDate = date.numbers.has(time.getUTCDate())
  const onWeekday = weekday.numbers.has(time.getUTCDay())
  const either = date.text !== '*' && weekday.text !== '*'
  return (
    minute.numbers.has(time.getUTCMinutes()) &&
    hour.numbers.has(time.getUTCHours()) &&
    month.numbers.has(time.getUTCMonth() + 1) &&
    (either ? onDate || onWeekday : onDate && onWeekday)
  )
}
