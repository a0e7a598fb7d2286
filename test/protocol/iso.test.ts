import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isoTime, pythonIso } from '../../src/protocol/iso.ts'
import { ArgumentError, DecodeError } from '../../src/std/errors.ts'

test('a moment is written as Python does: six digits or none', () => {
  expect(pythonIso(new Date('2026-01-02T03:04:05.123Z'))).toBe('2026-01-02T03:04:05.123000+00:00')
  expect(pythonIso(new Date('2026-01-02T03:04:05Z'))).toBe('2026-01-02T03:04:05+00:00')
  expect(pythonIso(new Date('0001-01-01T00:00:00Z'))).toBe('0001-01-01T00:00:00+00:00')
})

test.each([new Date(Number.NaN), new Date(8.64e15), new Date('0000-06-01T00:00:00Z')])('%s is refused', (date) => {
  expect(() => pythonIso(date)).toThrow(ArgumentError)
})

test('what is written is read', () => {
  const dates = fc.date({
    noInvalidDate: true,
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
  })
  fc.assert(fc.property(dates, (date) => isoTime(pythonIso(date)) === date.getTime()))
})

test.each([
  ['2026-01-02T03:04:05', '2026-01-02T03:04:05.000Z'],
  ['2026-01-02 03:04:05Z', '2026-01-02T03:04:05.000Z'],
  ['2026-01-02T03:04', '2026-01-02T03:04:00.000Z'],
  ['2026-01-02', '2026-01-02T00:00:00.000Z'],
  ['2026-01-02T03:04:05.678901-01:30', '2026-01-02T04:34:05.678Z'],
  ['2026-01-02T03:04:05.5+0200', '2026-01-02T01:04:05.500Z'],
  ['2026-01-01T00:30:00+02', '2025-12-31T22:30:00.000Z'],
  ['1890-01-01T08:05:43+08:05:43', '1890-01-01T00:00:00.000Z'],
  ['1890-01-01T00:00:00-00:25:21', '1890-01-01T00:25:21.000Z'],
  ['2026-01-01T00:00:01+00:00:00.250000', '2026-01-01T00:00:00.750Z'],
])('reads %s', (text, utc) => {
  expect(new Date(isoTime(text)).toISOString()).toBe(utc)
})

test.each([
  '',
  'now',
  '2026-13-01',
  '2026-02-30',
  '2026-01-02T24:00:00',
  '2026-01-02T03:04:61',
  '2026-1-2',
  '1767323045',
])('does not read %j', (text) => {
  expect(() => isoTime(text)).toThrow(DecodeError)
})
