import { describe, expect, test } from 'vitest'
import { ratioOf, slope, spread, studentQuantile } from '../../bench/report/statistics.ts'

test('spread has median, least and most, whatever the order', () => {
  expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
  expect(spread([7])).toEqual({ median: 7, min: 7, max: 7 })
  expect(() => spread([])).toThrow('expected at least one value')
})

test('slope is that of the line through the points', () => {
  expect(
    slope([
      [0, 1],
      [10, 21],
      [20, 41],
    ]),
  ).toBeCloseTo(2)
  expect(slope([[5, 1]])).toBe(0)
})

test.each([
  [1, 12.706],
  [2, 4.303],
  [5, 2.571],
  [9, 2.262],
  [19, 2.093],
  [29, 2.045],
  [100, 1.984],
])("Student's t for 97.5 %% with %i degrees of freedom is %d, as in the tables", (freedom, expected) => {
  expect(studentQuantile(freedom)).toBeCloseTo(expected, 2)
})

describe('the ratio of pairs', () => {
  test('is exact where all pairs have the same', () => {
    const { ratio, low, high } = ratioOf([
      [10, 12],
      [20, 24],
      [5, 6],
    ])
    for (const value of [ratio, low, high]) expect(value).toBeCloseTo(1.2)
  })

  test('is the geometric mean: the inverse of that of the pairs turned around', () => {
    const pairs = [
      [10, 11],
      [30, 27],
      [8, 9.5],
    ] as const
    const { ratio, low, high } = ratioOf(pairs)
    const turned = ratioOf(pairs.map(([a, b]) => [b, a] as const))
    expect(ratio * turned.ratio).toBeCloseTo(1)
    expect(low * turned.high).toBeCloseTo(1)
    expect(high * turned.low).toBeCloseTo(1)
  })

  test('has an interval that holds the true ratio 95 times of 100', () => {
    // A fixed sequence: each run of the test sees the same.
    let seed = 1
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed / 2_147_483_647
    }
    // The product of many factors: a logarithm that is normal, nearly.
    const noise = (): number => Math.exp((Array.from({ length: 12 }, random).reduce((a, b) => a + b) - 6) * 0.1)
    let held = 0
    for (let trial = 0; trial < 1000; trial++) {
      const pairs = Array.from({ length: 20 }, () => [100 * noise(), 105 * noise()] as const)
      const { low, high } = ratioOf(pairs)
      if (low <= 1.05 && 1.05 <= high) held++
    }
    expect(held).toBeGreaterThan(930)
    expect(held).toBeLessThan(970)
  })

  test('needs two pairs', () => expect(() => ratioOf([[1, 1]])).toThrow('at least two pairs'))
})
