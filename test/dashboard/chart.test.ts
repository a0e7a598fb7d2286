import { expect, test } from 'vitest'
import { momentsIn, pathOf, ticksTo } from '../../src/dashboard/parts/chart/scale.ts'

test('ticks are round, few, and reach the largest value', () => {
  expect(ticksTo(1, 4)).toEqual([0, 0.5, 1])
  expect(ticksTo(73, 4)).toEqual([0, 20, 40, 60, 80])
  expect(ticksTo(5000, 4)).toEqual([0, 2000, 4000, 6000])
  for (const max of [0.003, 0.7, 9, 10, 11, 99_999, 1e9]) {
    const ticks = ticksTo(max, 4)
    expect(ticks.length).toBeLessThanOrEqual(6)
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(max)
  }
})

test('moments are round, within the time, and at most as many as fit', () => {
  const to = Date.parse('2026-11-30T12:07:00Z')
  for (const hours of [0.05, 1, 24, 24 * 30]) {
    const from = to - hours * 3_600_000
    const moments = momentsIn(from, to, 5)
    expect(moments.length).toBeGreaterThan(0)
    expect(moments.length).toBeLessThanOrEqual(6)
    for (const moment of moments) {
      expect(moment).toBeGreaterThanOrEqual(from)
      expect(moment).toBeLessThanOrEqual(to)
      expect(moment % 60_000).toBe(0)
    }
  }
})

test('a line has a gap where nothing is known', () => {
  const same = (value: number): number => value
  expect(pathOf([1, 2, null, null, 3], same, same)).toBe('M0.0 1.0L1.0 2.0M4.0 3.0')
  expect(pathOf([], same, same)).toBe('')
})
