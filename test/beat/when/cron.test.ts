import { expect, test } from 'vitest'
import { cron } from '../../../src/beat/when/cron.ts'
import { ArgumentError } from '../../../src/std/errors.ts'

function due(expression: string, tz: string, after: string, count: number): string[] {
  const schedule = cron(expression, { tz })
  const found: string[] = []
  for (let next = schedule.next(new Date(after)); next && found.length < count; next = schedule.next(next)) {
    found.push(next.toISOString().replace(':00.000Z', 'Z'))
  }
  return found
}

test.each<[expression: string, tz: string, after: string, expected: string[]]>([
  // Berlin 2026: 02:00 to 03:00 is left out on 29 March, comes twice on 25 October.
  ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:30Z']],
  ['0,30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:00Z']],
  ['*/20 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-30T00:00Z', '2026-03-30T00:20Z']],
  ['0 3 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T01:00Z']],
  ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['2026-10-25T00:30Z', '2026-10-26T01:30Z']],
  // Begun in the second pass: what was due in the first one is over.
  ['30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10Z', ['2026-10-26T01:30Z']],
  [
    '*/30 * * * *',
    'Europe/Berlin',
    '2026-10-24T23:45Z',
    ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z', '2026-10-25T02:00Z'],
  ],
  ['0 */1 * * *', 'Europe/Berlin', '2026-03-29T00:30Z', ['2026-03-29T01:00Z', '2026-03-29T02:00Z']],
  // Half an hour left out: 02:00 to 02:30.
  ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-03T15:30Z', '2026-10-04T15:15Z']],
  // Midnight left out.
  ['0 0 * * *', 'America/Havana', '2026-03-07T12:00Z', ['2026-03-08T05:00Z', '2026-03-09T04:00Z']],
  // The gap ends with the day, 23:00 to 24:00.
  ['30 23 * * *', 'America/Nuuk', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:30Z']],
  // 30 December 2011 did not exist: a day is dropped, not caught up with.
  ['30 2 * * *', 'Pacific/Apia', '2011-12-29T00:00Z', ['2011-12-29T12:30Z', '2011-12-30T12:30Z']],
  ['0 0 29 2 *', 'UTC', '2096-03-01T00:00Z', ['2104-02-29T00:00Z']],
  // The longest wait of all: a Monday, 29 February, across 2100, which is no leap year.
  ['0 0 29 2 +mon', 'UTC', '2072-03-01T00:00Z', ['2112-02-29T00:00Z']],
  ['0 0 13 * fri', 'UTC', '2026-02-01T00:00Z', ['2026-02-06T00:00Z', '2026-02-13T00:00Z']],
  ['@weekly', 'UTC', '2026-01-01T00:00Z', ['2026-01-04T00:00Z', '2026-01-11T00:00Z']],
  ['0 0 1 jan *', 'UTC', '9998-06-01T00:00Z', ['9999-01-01T00:00Z']],
])('%s in %s after %s', (expression, tz, after, expected) => {
  const found = due(expression, tz, after, expected.length)
  expect(found).toEqual(expected)
})

test('six fields begin with the second; moments between seconds are rounded up', () => {
  expect(cron('*/15 * * * * *').next(new Date('2026-01-01T00:00:14.001Z'))).toEqual(new Date('2026-01-01T00:00:15Z'))
  expect(cron('*/15 * * * * *').next(new Date('2026-01-01T00:00:15Z'))).toEqual(new Date('2026-01-01T00:00:30Z'))
  expect(cron('5 0 0 * * *').next(new Date('2026-01-01T00:00:04.999Z'))).toEqual(new Date('2026-01-01T00:00:05Z'))
})

test('the last of all years ends it', () => {
  expect(cron('0 0 1 1 *').next(new Date('9999-01-01T00:00Z'))).toBeUndefined()
  expect(cron('* * * * *').next(new Date(8.64e15))).toBeUndefined()
  expect(cron('* * * * *', { tz: 'Asia/Tokyo' }).next(new Date(8.64e15))).toBeUndefined()
  expect(() => cron('* * * * *').next(new Date(Number.NaN))).toThrow('next(): expected a valid Date, got Invalid Date')
})

const FIVE = 'expected 5 fields (minute hour day-of-month month day-of-week), or 6 with second first'
test.each<[unknown, string]>([
  ['31 2 *', `cron '31 2 *': ${FIVE}, got 3: month and day-of-week are missing`],
  ['* * * *', `cron '* * * *': ${FIVE}, got 4: day-of-week is missing`],
  ['', `cron '': ${FIVE}, got 0: minute, hour, day-of-month, month, and day-of-week are missing`],
  ['* * * * * * 2027', `cron '* * * * * * 2027': ${FIVE}, got 7`],
  ['61 * * * *', "cron '61 * * * *': minute: expected 0-59, got 61"],
  ['60 0 0 * * *', "cron '60 0 0 * * *': second: expected 0-59, got 60"],
  ['0 24 * * *', "cron '0 24 * * *': hour: expected 0-23, got 24"],
  ['0 0 0 * *', "cron '0 0 0 * *': day-of-month: expected 1-31, got 0"],
  ['0 0 * 13 *', "cron '0 0 * 13 *': month: expected 1-12 or jan-dec, got 13"],
  ['0 0 * foo *', "cron '0 0 * foo *': month: expected 1-12 or jan-dec, got 'foo'"],
  ['0 0 * * 8', "cron '0 0 * * 8': day-of-week: expected 0-7 or sun-sat, got 8"],
  ['0 0 * * 5#6', "cron '0 0 * * 5#6': day-of-week: expected 1-5 or L after one #, got '5#6'"],
  ['0 0 L-3 * *', "cron '0 0 L-3 * *': day-of-month: expected 1-31, L, LW or 15W, got 'l-3'"],
  ['0 22-2 * * *', "cron '0 22-2 * * *': hour: expected a range that goes up, such as 22-23,0-2, got '22-2'"],
  ['5/15 * * * *', "cron '5/15 * * * *': minute: expected * or a range before the step, as in 5-59/15, got '5/15'"],
  ['*/90 * * * *', "cron '*/90 * * * *': minute: expected a step of 1-60, got 90"],
  ['*/0 * * * *', "cron '*/0 * * * *': minute: expected a step of 1-60, got 0"],
  ['*/5/5 * * * *', "cron '*/5/5 * * * *': minute: expected one step, as in */5, got '*/5/5'"],
  ['1,,2 * * * *', "cron '1,,2 * * * *': minute: expected 0-59 on both sides of a comma, got '1,,2'"],
  ['-5 * * * *', "cron '-5 * * * *': minute: expected 0-59, got -5"],
  ['1.5 * * * *', "cron '1.5 * * * *': minute: expected 0-59, got '1.5'"],
  ['0 0 31 2 *', "cron '0 0 31 2 *': day-of-month: never happens: no month of 2 has a day 31"],
  ['0 0 31 2,4 *', "cron '0 0 31 2,4 *': day-of-month: never happens: no month of '2,4' has a day 31"],
  [
    '0 0 30 2 +mon',
    "cron '0 0 30 2 +mon': day-of-month: never happens: no month of 2 has a day 30 and day-of-week '+mon'",
  ],
  [
    '@often',
    "cron '@often': expected one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, or fields",
  ],
  [5, 'cron: expected an expression of at most 1000 characters, got 5'],
  ['* '.repeat(600), 'cron: expected an expression of at most 1000 characters, got 1200'],
])('refuses %j', (expression, message) => {
  expect(() => cron(expression as string)).toThrow(new ArgumentError(message))
})

test('refuses a time zone and an option that it does not know', () => {
  expect(() => cron('* * * * *', { tz: 'Berlin' })).toThrow(
    new ArgumentError("tz: expected the name of a time zone such as 'Europe/Berlin', got 'Berlin'"),
  )
  expect(() => cron('* * * * *', { timezone: 'UTC' } as object)).toThrow(/unknown option timezone; known are tz/)
  expect(() => cron('* * * * *', { tz: 5 } as object)).toThrow('cron: tz: expected a text, got 5')
})
