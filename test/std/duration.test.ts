import { expect, test } from 'vitest'
import { milliseconds, optionMilliseconds } from '../../src/std/duration.ts'
import { ArgumentError } from '../../src/std/errors.ts'

test.each([
  [0, 0],
  [1500, 1500],
  [0.5, 0.5],
  ['0s', 0],
  ['250ms', 250],
  ['45s', 45_000],
  ['1.5h', 5_400_000],
  ['10m', 600_000],
  ['2d', 172_800_000],
  ['1w', 604_800_000],
  [' 3 s ', 3000],
])('%j is %i ms', (value, expected) => expect(milliseconds(value, 'countdown')).toBe(expected))

test.each([
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  '5',
  's',
  '-1s',
  '1e3s',
  '.5s',
  '1 year',
  '1s 2s',
  null,
  undefined,
  {},
  new Date(0),
])('%j is refused, by the name of its option', (value) => {
  const read = (): number => milliseconds(value as number, 'countdown')
  expect(read).toThrow(ArgumentError)
  expect(read).toThrow(/^countdown: expected milliseconds or a text like '45s'/)
})

test.each([
  [31_557_600_000_001, '31557600000001 ms'],
  ['99999999w', '60479999395200000 ms'],
  [`${'9'.repeat(400)}w`, 'Infinity ms'],
])('%j is refused of an option: no date is so far from now', (value, got) => {
  expect(() => optionMilliseconds(value, 'breaker: pause')).toThrow(
    new ArgumentError(`breaker: pause: expected at most 1000 years, got ${got}`),
  )
})

test('1,000 years are taken', () => expect(optionMilliseconds('365250d', 'expires')).toBe(31_557_600_000_000))
