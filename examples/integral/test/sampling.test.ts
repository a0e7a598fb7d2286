import { describe, expect, it } from 'vitest'
import { estimate } from '../sampling.ts'

const CIRCLE = { f: 'sqrt(4-xs**2)', a: 0, b: 2, c: 0, d: 2, size: 1_000_000 }

describe('estimate', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])('is within 0.01 of pi with 1,000,000 points (seed %d)', async (seed) => {
    expect(Math.abs((await estimate(CIRCLE, { seed })) - Math.PI)).toBeLessThan(0.01)
  })

  it('is the same for the same seed, whatever is asked on the way', async () => {
    const size = 5_000_000
    const shares: number[] = []
    const watched = await estimate({ ...CIRCLE, size }, { seed: 3, onProgress: (share) => void shares.push(share) })
    expect(watched).toBe(await estimate({ ...CIRCLE, size }, { seed: 3 }))
  })

  it('differs without a seed', async () => {
    expect(await estimate(CIRCLE)).not.toBe(await estimate(CIRCLE))
  })

  it.each([
    ['a function above the box', { f: '9', a: 1, b: 3, c: 0, d: 2 }, 4],
    ['a function below the box', { f: '-9', a: 1, b: 3, c: 0, d: 2 }, 0],
    ['a box without width', { f: '9', a: 1, b: 1, c: 0, d: 2 }, 0],
    ['a function that is nowhere a number', { f: 'sqrt(-1-xs**2)', a: 0, b: 2, c: 0, d: 2 }, 0],
    ['an infinite function', { f: '1/0', a: 0, b: 2, c: 0, d: 2 }, 4],
    ['a box below zero: the share counts from its lower end', { f: '0', a: 0, b: 1, c: -1, d: 0 }, 1],
  ])('of %s', async (_, integral, expected) => {
    for (const size of [1, 100, 1025]) expect(await estimate({ ...integral, size })).toBe(expected)
  })

  it('counts a point where the function is not a number as not under it', async () => {
    const result = await estimate({ f: 'sqrt(xs)', a: -1, b: 1, c: 0, d: 1, size: 1_000_000 }, { seed: 1 })
    expect(Math.abs(result - 2 / 3)).toBeLessThan(0.01)
  })

  it('reports rising shares below 1, and waits for each report', async () => {
    const shares: number[] = []
    let reporting = 0
    const onProgress = async (share: number): Promise<void> => {
      expect(++reporting).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      shares.push(share)
      reporting -= 1
    }
    await estimate({ ...CIRCLE, size: 30_000_000 }, { onProgress })
    expect(shares.length).toBeGreaterThan(0)
    expect(shares).toEqual([...new Set(shares)].sort((a, b) => a - b))
    expect(shares.every((share) => share > 0 && share < 1)).toBe(true)
  })

  it('ends when its signal aborts, with the reason', async () => {
    const controller = new AbortController()
    const reason = new Error('no longer wanted')
    const timer = setTimeout(() => controller.abort(reason), 30)
    await expect(estimate({ ...CIRCLE, size: 1e9 }, { signal: controller.signal })).rejects.toBe(reason)
    clearTimeout(timer)
    await expect(estimate(CIRCLE, { signal: controller.signal })).rejects.toBe(reason)
  })

  it('ends when reporting fails', async () => {
    const onProgress = (): never => {
      throw new Error('the store is gone')
    }
    await expect(estimate({ ...CIRCLE, size: 1e9 }, { onProgress })).rejects.toThrow('the store is gone')
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses %d points', async (size) => {
    await expect(estimate({ ...CIRCLE, size })).rejects.toThrow(RangeError)
  })
})
