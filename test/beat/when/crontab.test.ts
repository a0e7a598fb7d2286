import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CrontabOptions, crontab } from '../../../src/beat/when/crontab.ts'
import { ArgumentError } from '../../../src/std/errors.ts'
import { anyMoment } from './cron.arbitrary.ts'
import { askCelery, type Question } from './oracle.ts'

const WORDS = {
  minute: 'minute',
  hour: 'hour',
  dayOfWeek: 'day_of_week',
  dayOfMonth: 'day_of_month',
  monthOfYear: 'month_of_year',
} as const

function question(options: CrontabOptions, after: number, count = 5): Question {
  const { tz = 'UTC' } = options
  const words = Object.entries(WORDS).flatMap(([ours, theirs]) => {
    const value = options[ours as keyof typeof WORDS]
    return value === undefined ? [] : [[theirs, value]]
  })
  return { kind: 'crontab', words: Object.fromEntries(words), tz, after, count }
}

function due(options: CrontabOptions, after: number, count = 5): number[] {
  const schedule = crontab(options)
  const found: number[] = []
  for (let next = schedule.next(new Date(after)); next && found.length < count; next = schedule.next(next)) {
    found.push(next.getTime())
  }
  return found
}

/** Celery's words, wraps and unions included; sometimes out of range or nonsense. */
function anyField(min: number, max: number, names: readonly string[] = []) {
  const number = fc.integer({ min, max })
  const word = names.length > 0 ? fc.oneof(number.map(String), fc.constantFrom(...names)) : number.map(String)
  const range = fc.tuple(word, word).map(([from, to]) => `${from}-${to}`)
  const step = fc.integer({ min: 1, max: 70 })
  const part = fc.oneof(
    word,
    range,
    fc.tuple(range, step).map(([span, by]) => `${span}/${by}`),
    step.map((by) => `*/${by}`),
  )
  const wrong = fc.constantFrom(`${max + 1}`, '', '1,', 'x', '5/2', '*/0', '*/', '1-', '-1', `${min}-${max + 1}`)
  const list = fc.array(number, { minLength: 1, maxLength: 4 })
  return fc.oneof(
    { weight: 20, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(',')) },
    { weight: 10, arbitrary: number },
    { weight: 10, arbitrary: list },
    { weight: 30, arbitrary: fc.constant('*') },
    { weight: 1, arbitrary: wrong },
  )
}

const DAYS = ['sun', 'mon', 'tue', 'wednesday', 'Thu', 'FRI', 'sat', 'saturday']
const anyCrontab = fc.record(
  {
    minute: anyField(0, 59),
    hour: anyField(0, 23),
    dayOfWeek: anyField(0, 6, DAYS),
    dayOfMonth: anyField(1, 31),
    monthOfYear: anyField(1, 12),
  },
  { requiredKeys: [] },
)

test("is due when Celery's crontab is, and refuses what that refuses", async () => {
  // None west of Greenwich: there Celery 5.2 takes its own midnights for UTC's, and with a date given leaves out a month.
  const zones = fc.constantFrom('UTC', 'Asia/Kathmandu', 'Asia/Tokyo')
  const cases = fc.sample(fc.tuple(anyCrontab, zones, anyMoment), 1500)
  const questions = cases.map(([options, tz, after]) => question({ ...options, tz }, after.getTime()))
  const answers = await askCelery(questions)
  let refused = 0
  for (const [index, [options, tz, after]] of cases.entries()) {
    const answer = answers[index] as (typeof answers)[number]
    const label = JSON.stringify({ ...options, tz, after })
    if ('error' in answer) {
      refused++
      expect(() => crontab({ ...options, tz }), `${label}: Celery: ${answer.error}`).toThrow(ArgumentError)
    } else expect(due({ ...options, tz }, after.getTime()), label).toEqual(answer.due)
  }
  expect(refused).toBeGreaterThan(10)
})

test.each<[CrontabOptions, string[]]>([
  // Every field must match: Friday the 13th.
  [
    { minute: 0, hour: 0, dayOfWeek: 'fri', dayOfMonth: 13 },
    ['2026-02-13T00:00', '2026-03-13T00:00', '2026-11-13T00:00'],
  ],
  [{ minute: '0', hour: '22-1' }, ['2026-01-01T01:00', '2026-01-01T22:00', '2026-01-01T23:00']],
  [{ minute: 30, hour: 6, dayOfWeek: 'sat-mon' }, ['2026-01-03T06:30', '2026-01-04T06:30', '2026-01-05T06:30']],
  [{ minute: [0, '30-40/5'], hour: 7 }, ['2026-01-01T07:00', '2026-01-01T07:30', '2026-01-01T07:35']],
  [{ minute: 0, hour: 0, dayOfWeek: 0 }, ['2026-01-04T00:00', '2026-01-11T00:00', '2026-01-18T00:00']],
  [
    { minute: 0, hour: 0, dayOfMonth: 1, monthOfYear: 'nov-jan' },
    ['2026-11-01T00:00', '2026-12-01T00:00', '2027-01-01T00:00'],
  ],
  [{}, ['2026-01-01T00:01', '2026-01-01T00:02', '2026-01-01T00:03']],
])('%j', (options, expected) => {
  const found = due(options, Date.UTC(2026, 0, 1), 3).map((moment) => new Date(moment).toISOString().slice(0, 16))
  expect(found).toEqual(expected)
})

test.each<[unknown, string]>([
  [{ minute: 60 }, 'crontab: minute: expected 0-59, got 60'],
  [{ minute: 'mon' }, "crontab: minute: expected 0-59, got 'mon'"],
  [{ hour: 1.5 }, 'crontab: hour: expected a whole number from 0 to 23, got 1.5'],
  [{ hour: Number.NaN }, 'crontab: hour: expected a whole number from 0 to 23, got NaN'],
  [{ hour: null }, "crontab: hour: expected a number or a text such as '*/5', got null"],
  [{ dayOfWeek: 7 }, 'crontab: dayOfWeek: expected 0-6 or sun-sat, got 7'],
  [{ dayOfMonth: [] }, 'crontab: dayOfMonth: expected a list of 1-100 values, got 0'],
  [{ dayOfMonth: '*/0' }, 'crontab: dayOfMonth: expected a step of 1 or more, got 0'],
  [
    { minute: 0, hour: 0, dayOfMonth: 31, monthOfYear: '2,4' },
    'crontab minute=0 hour=0 dayOfMonth=31 monthOfYear=2,4 (UTC): dayOfMonth: never happens: no such day in these months',
  ],
  [
    { day_of_week: 1 },
    'crontab: unknown option day_of_week; known are minute, hour, dayOfWeek, dayOfMonth, monthOfYear, tz',
  ],
  [{ tz: 'Mars/Olympus' }, "tz: expected the name of a time zone such as 'Europe/Berlin', got 'Mars/Olympus'"],
  [null, 'crontab: expected options such as { hour: 7 }, got null'],
])('refuses %j', (options, message) => {
  expect(() => crontab(options as CrontabOptions)).toThrow(new ArgumentError(message))
})
