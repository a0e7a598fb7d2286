import { CronExpressionParser } from 'cron-parser'
import { Cron as Croner } from 'croner'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cron } from '../../../src/beat/when/cron.ts'
import type { Schedule } from '../../../src/beat/when/schedule.ts'
import { runs } from '../../tier.ts'
import { anyExpression, anyMoment, anyPart, anyZone, HARD_ZONES, noSeconds } from './cron.arbitrary.ts'
import { changes, dueTimes, ticks } from './wall.ts'

/** The schedule; undefined where its day never comes, as 31 February. */
function possible(text: string, tz: string): Schedule | undefined {
  try {
    return cron(text, { tz })
  } catch (error) {
    if (String(error).includes('never happens')) return undefined
    throw error
  }
}

function following(schedule: Schedule, after: Date, count: number): number[] {
  const found: number[] = []
  for (let due = schedule.next(after); due && found.length < count; due = schedule.next(due)) found.push(due.getTime())
  return found
}

function between(schedule: Schedule, from: number, to: number): number[] {
  const found: number[] = []
  let due = schedule.next(new Date(from))
  while (due && due.getTime() <= to) {
    found.push(due.getTime())
    due = schedule.next(due)
  }
  return found
}

const iso = (times: readonly number[]) => times.map((time) => new Date(time).toISOString())

test('agrees, around every change of the clocks, with a walk through the minutes by Intl', () => {
  const places = HARD_ZONES.flatMap((tz) => changes(tz, 2004, 2032).map((change) => ({ tz, change })))
  expect(places.length).toBeGreaterThan(500)
  const minutes = fc.oneof(anyPart(0, 59), fc.constantFrom('0', '30', '*/5', '0,15,30,45').map(asPart))
  const expressions = anyExpression(noSeconds).chain((expression) =>
    minutes.map((minute) => ({ ...expression, minute, text: expression.text.replace(/^\S+/, minute.text) })),
  )
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.array(expressions, { minLength: 20, maxLength: 20 }), (place, many) => {
      const from = place.change - 30 * 3_600_000
      const time = ticks(place.tz, from, 60)
      for (const expression of many) {
        const schedule = possible(expression.text, place.tz)
        const expected = dueTimes(expression, time).filter((moment) => moment > from)
        const got = schedule ? between(schedule, from, time.at(-1)?.moment as number) : []
        expect(iso(got), `${expression.text} in ${place.tz}`).toEqual(iso(expected))
      }
    }),
    { numRuns: runs(120) },
  )
})

/** The texts above, read in the simplest way. */
function asPart(text: string) {
  const numbers = text === '*/5' ? Array.from({ length: 12 }, (_, index) => index * 5) : text.split(',').map(Number)
  return { text, numbers: new Set(numbers) }
}

test('agrees with croner anywhere on earth, from 2000 to 2100, to the second', () => {
  const expressions = anyExpression(fc.oneof(noSeconds, anyPart(0, 59)))
  fc.assert(
    fc.property(expressions, anyZone, anyMoment, ({ text }, tz, after) => {
      const schedule = possible(text, tz)
      const oracle = new Croner(text, { timezone: tz, paused: true, fixedTimeRule: 'no-wildcard' })
      const expected = oracle.nextRuns(5, after).map((date) => date.getTime())
      expect(iso(schedule ? following(schedule, after, 5) : []), `${text} in ${tz}`).toEqual(iso(expected))
    }),
    { numRuns: runs(3000) },
  )
})

test('agrees with croner on L, W, # and +', () => {
  const dates = fc.constantFrom('*', '?', 'L', 'LW', '1W', '15W', '30W', '31W', '13', '1,L', '10-12,L', '28-31')
  const weekdays = fc.constantFrom('*', 'MON', 'fri-sun', '5#2', '7#1', 'sat#5', '1-3#1', '5L', '3#L', 'tue,5#L', '1-5')
  fc.assert(
    fc.property(
      dates,
      weekdays,
      fc.boolean(),
      anyPart(1, 12),
      anyZone,
      anyMoment,
      (date, day, and, month, tz, after) => {
        const text = `30 6 ${date} ${month.text} ${and && day !== '*' ? '+' : ''}${day}`
        const schedule = possible(text, tz)
        const oracle = new Croner(text, { timezone: tz, paused: true, fixedTimeRule: 'no-wildcard' })
        const expected = oracle.nextRuns(5, after).map((date) => date.getTime())
        expect(iso(schedule ? following(schedule, after, 5) : []), `${text} in ${tz}`).toEqual(iso(expected))
      },
    ),
    { numRuns: runs(300) },
  )
})

test('agrees with cron-parser where the clocks are never changed', () => {
  const zones = fc.constantFrom('UTC', 'Asia/Kathmandu', 'Asia/Kolkata', 'Asia/Tokyo', 'America/Phoenix', 'Etc/GMT+12')
  fc.assert(
    fc.property(anyExpression(anyPart(0, 59)), zones, anyMoment, (expression, tz, after) => {
      // As plain lists of numbers: cron-parser refuses a number that is named twice.
      const { second, minute, hour, date, month, weekday } = expression
      const text = [second, minute, hour, date, month, weekday]
        .map((part) => (part.text === '*' ? '*' : [...part.numbers].join(',')))
        .join(' ')
      const schedule = possible(text, tz)
      fc.pre(schedule !== undefined)
      const oracle = CronExpressionParser.parse(text, { tz, currentDate: after })
      const expected = Array.from({ length: 3 }, () => oracle.next().getTime())
      expect(iso(following(schedule as Schedule, after, 3)), `${text} in ${tz}`).toEqual(iso(expected))
    }),
    { numRuns: runs(500) },
  )
})
