import { describe, expect, it } from 'vitest'
import { Random } from '../random.ts'

const DRAWS = 1_000_000
const SEEDS = [0, 1, 2, 42, -1, 2 ** 40 + 5]

function draw(seed: number, low: number, high: number, count = DRAWS): Float64Array {
  const block = new Float64Array(count)
  new Random(seed).fillUniform(block, low, high)
  return block
}

/** Chi-square as a distance from its mean in standard deviations; normal for many bins. */
function deviation(bins: Uint32Array): number {
  const expected = bins.reduce((sum, count) => sum + count) / bins.length
  const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  const freedom = bins.length - 1
  return (chiSquare - freedom) / Math.sqrt(2 * freedom)
}

function fill(bins: number, indices: Iterable<number>): Uint32Array {
  const counts = new Uint32Array(bins)
  for (const index of indices) counts[index]! += 1
  return counts
}

describe('Random', () => {
  it.each(SEEDS)('spreads evenly over the interval (seed %d)', (seed) => {
    const numbers = draw(seed, 0, 1)
    expect(
      Math.abs(
        deviation(
          fill(
            1000,
            numbers.map((u) => Math.floor(u * 1000)),
          ),
        ),
      ),
    ).toBeLessThan(4)
  })

  it.each(SEEDS)('spreads evenly in its lowest bits (seed %d)', (seed) => {
    const numbers = draw(seed, 0, 1)
    expect(
      Math.abs(
        deviation(
          fill(
            1024,
            numbers.map((u) => (u * 2 ** 53) % 1024),
          ),
        ),
      ),
    ).toBeLessThan(4)
  })

  it.each(SEEDS)('spreads pairs evenly over the square (seed %d)', (seed) => {
    const numbers = draw(seed, 0, 1)
    const cells = Array.from({ length: DRAWS / 2 }, (_, index) => {
      return Math.floor(numbers[2 * index]! * 32) * 32 + Math.floor(numbers[2 * index + 1]! * 32)
    })
    expect(Math.abs(deviation(fill(1024, cells)))).toBeLessThan(4)
  })

  it('stays within the interval', () => {
    const numbers = draw(3, -2, 5)
    expect(Math.min(...fold(numbers, Math.min))).toBeGreaterThanOrEqual(-2)
    expect(Math.max(...fold(numbers, Math.max))).toBeLessThanOrEqual(5)
    expect(numbers.reduce((sum, u) => sum + u) / DRAWS).toBeCloseTo(1.5, 1)
  })

  it('gives the numbers of xoshiro128** as published, 32 bits above 21', () => {
    const block = new Float64Array(2)
    new Random(Int32Array.of(1, 2, 3, 4)).fillUniform(block, 0, 1)
    expect(Array.from(block)).toEqual([0.5 + 11520 / 2 ** 32, 0.5 + 5927040 / 2 ** 32 + (70819200 >>> 11) / 2 ** 53])
  })

  it('goes on where the last block ended, and fills only the count', () => {
    const whole = draw(9, 0, 1, 10)
    const random = new Random(9)
    const parts = new Float64Array(10)
    random.fillUniform(parts, 0, 1, 4)
    expect(parts[4]).toBe(0)
    random.fillUniform(parts.subarray(4), 0, 1)
    expect(parts).toEqual(whole)
  })

  it('differs from seed to seed and without one', () => {
    const firsts = [...Array(1000).keys()].map((seed) => draw(seed, 0, 1, 1)[0])
    const block = new Float64Array(1)
    for (let i = 0; i < 1000; i++) {
      new Random().fillUniform(block, 0, 1)
      firsts.push(block[0])
    }
    expect(new Set(firsts).size).toBe(2000)
  })

  it('refuses a seed that is no whole number', () => {
    expect(() => new Random(0.5)).toThrow('expected the seed to be a whole number within ±(2^53 - 1), got 0.5')
  })
})

function fold(numbers: Float64Array, choose: (a: number, b: number) => number): number[] {
  return [numbers.reduce((a, b) => choose(a, b))]
}
