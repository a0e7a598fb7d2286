import fc from 'fast-check'
import { expect, test } from 'vitest'
import { at } from '../../../src/beat/when/at.ts'
import { cron } from '../../../src/beat/when/cron.ts'
import { crontab } from '../../../src/beat/when/crontab.ts'
import { every } from '../../../src/beat/when/every.ts'
import { scheduleFrom } from '../../../src/beat/when/parse.ts'
import type { Schedule } from '../../../src/beat/when/schedule.ts'
import { solar } from '../../../src/beat/when/solar.ts'
import { ArgumentError } from '../../../src/std/errors.ts'
import { anyMoment, HARD_ZONES } from './cron.arbitrary.ts'

const next = (schedule: Schedule, after: string) => schedule.next(new Date(after))?.toISOString()

test('every counts from 1970 in UTC, whoever asks and whenever', () => {
  expect(next(every('30s'), '2026-01-01T00:00:00Z')).toBe('2026-01-01T00:00:30.000Z')
  expect(next(every('30s'), '2026-01-01T00:00:29.999Z')).toBe('2026-01-01T00:00:30.000Z')
  expect(next(every('1d'), '2026-01-01T05:00:00Z')).toBe('2026-01-02T00:00:00.000Z')
  expect(next(every(250), '1969-12-31T23:59:59.900Z')).toBe('1970-01-01T00:00:00.000Z')
})

test('every counts from `from`, which is the first moment due', () => {
  const schedule = every('1h', { from: new Date('2026-01-01T00:10:00Z') })
  expect(next(schedule, '2020-01-01T00:00:00Z')).toBe('2026-01-01T00:10:00.000Z')
  expect(next(schedule, '2026-01-01T00:10:00Z')).toBe('2026-01-01T01:10:00.000Z')
  expect(next(every('1h', { from: '2026-01-01T00:10:00+02:00' }), '2020-01-01')).toBe('2025-12-31T22:10:00.000Z')
})

test('every is due at the one multiple that follows', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e10 }), anyMoment, anyMoment, (interval, from, after) => {
      const due = every(interval, { from }).next(after)?.getTime() as number
      expect((due - from.getTime()) % interval).toBe(0)
      expect(due).toBeGreaterThan(after.getTime())
      expect(due).toBeLessThanOrEqual(Math.max(from.getTime(), after.getTime() + interval))
    }),
  )
})

test('at is due once', () => {
  const schedule = at(new Date('2026-01-01T00:00:00Z'))
  expect(next(schedule, '2025-12-31T23:59:59.999Z')).toBe('2026-01-01T00:00:00.000Z')
  expect(next(schedule, '2026-01-01T00:00:00Z')).toBeUndefined()
  expect(next(at('2026-01-01T02:00'), '2020-01-01')).toBe('2026-01-01T02:00:00.000Z')
})

test.each<[() => unknown, string]>([
  [() => every(0), 'every: expected an interval of 1 ms or more, got 0'],
  [() => every('0s'), 'every: expected an interval of 1 ms or more, got "0s"'],
  [() => every(Number.NaN), 'every: expected an interval of 1 ms or more, got NaN'],
  [() => every(-5), 'every: expected an interval of 1 ms or more, got -5'],
  [() => every(Number.POSITIVE_INFINITY), 'every: expected an interval of 1 ms or more, got Infinity'],
  [() => every('often'), `every: expected milliseconds or a text like '45s' (ms, s, m, h, d, w), got "often"`],
  [() => every('5s', { start: 1 } as object), 'every: unknown option start; known are from'],
  [
    () => every('5s', { from: new Date(Number.NaN) }),
    'every: from: expected a Date or an ISO 8601 text, in the years 1 to 9999, got null',
  ],
  [() => at('tomorrow'), 'at: expected an ISO 8601 time, got "tomorrow"'],
  [() => at('2026-02-30'), 'at: expected an ISO 8601 time, got "2026-02-30"'],
  [() => at(5 as never), 'at: expected a Date or an ISO 8601 text, in the years 1 to 9999, got 5'],
])('%s is refused', (make, message) => {
  expect(make).toThrow(new ArgumentError(message))
})

const SCHEDULES: readonly [Schedule, string][] = [
  [cron('30 2 * * mon-fri', { tz: 'Europe/Berlin' }), 'cron 30 2 * * mon-fri (Europe/Berlin)'],
  [cron('*/5 * * * * *'), 'cron */5 * * * * * (UTC)'],
  [cron('@daily'), 'cron @daily (UTC)'],
  [cron(' 30\t2\n*  * * '), 'cron 30 2 * * * (UTC)'],
  [
    crontab({ minute: [0, 30], hour: '8-18', dayOfWeek: 'mon-fri' }),
    'crontab minute=0,30 hour=8-18 dayOfWeek=mon-fri (UTC)',
  ],
  [crontab({}), 'crontab every minute (UTC)'],
  [every('90s'), 'every 90s'],
  [every('2h', { from: '2026-01-01' }), 'every 2h from 2026-01-01T00:00:00.000Z'],
  [every(1), 'every 1ms'],
  [at('2030-01-01'), 'at 2030-01-01T00:00:00.000Z'],
  [solar('sunset', 52.5, 13.4), 'sunset at 52.5, 13.4'],
]

test.each(SCHEDULES)('%j is written, read back and said', (schedule, words) => {
  const read = scheduleFrom(JSON.parse(JSON.stringify(schedule)))
  expect(read.toJSON()).toEqual(schedule.toJSON())
  expect(schedule.describe()).toBe(words)
  for (const after of [new Date('2026-01-01'), new Date('2026-06-01T12:34:56.789Z')]) {
    expect(read.next(after)).toEqual(schedule.next(after))
  }
})

test.each<[unknown, RegExp]>([
  [undefined, /^schedule: expected data with a kind \(cron, crontab, every, at, solar\), got undefined$/],
  [{ kind: 'hourly' }, /^schedule: expected data with a kind .*, got "hourly"$/],
  [{ kind: 'toString' }, /^schedule: expected data with a kind/],
  [{ kind: 'cron' }, /^cron: expected an expression/],
  [{ kind: 'cron', expression: '61 * * * *' }, /minute: expected 0-59, got 61$/],
  [{ kind: 'cron', expression: '* * * * *', zone: 'UTC' }, /^cron: unknown option zone/],
  [{ kind: 'every', interval: null }, /^every: expected/],
  [{ kind: 'at', date: 'x', more: 1 }, /^at: unknown option more/],
  [{ kind: 'solar', event: 'sunset', lat: 1 }, /^solar: lon: expected/],
])('%j is no schedule', (spec, message) => {
  expect(() => scheduleFrom(spec)).toThrow(message)
})

test('whatever is read, the answer is a schedule or an ArgumentError', () => {
  const value = fc.oneof(
    fc.anything({ withNullPrototype: true }),
    fc.string(),
    fc.constantFrom('*', '1-5', '* * * * *'),
  )
  const names = ['expression', 'tz', 'minute', 'hour', 'dayOfWeek', 'interval', 'from', 'date', 'event', 'lat', 'lon']
  const spec = fc
    .tuple(fc.constantFrom('cron', 'crontab', 'every', 'at', 'solar'), fc.dictionary(fc.constantFrom(...names), value))
    .map(([kind, rest]) => ({ kind, ...rest }))
  fc.assert(
    fc.property(fc.oneof(spec, fc.anything()), (any) => {
      try {
        scheduleFrom(any).next(new Date(0))
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error
      }
    }),
    { numRuns: 1000 },
  )
})

test('ten thousand entries are asked for their next moment in well under half a second of processor time', () => {
  const texts = ['*/5 * * * *', '30 2 * * *', '0 9-17 * * mon-fri', '0 0 1 * *', '15 3 29 2 *', '*/10 * * * * *']
  const schedules = Array.from({ length: 10_000 }, (_, index) =>
    cron(texts[index % texts.length] as string, { tz: HARD_ZONES[index % HARD_ZONES.length] as string }),
  )
  const after = new Date('2026-03-28T12:00:00Z')
  const begin = process.cpuUsage()
  for (const schedule of schedules) schedule.next(after)
  const { user, system } = process.cpuUsage(begin)
  expect((user + system) / 1000).toBeLessThan(400)
})
