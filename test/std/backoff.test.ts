import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Backoff, backoffDelay } from '../../src/std/backoff.ts'

const backoffs: fc.Arbitrary<Backoff> = fc.record({
  kind: fc.constantFrom('exponential', 'fixed'),
  delay: fc.integer({ min: 0, max: 1e6 }),
  maxDelay: fc.integer({ min: 0, max: 1e9 }),
  jitter: fc.constantFrom('full', 'none'),
})
const retries = fc.integer({ min: 0, max: 10_000 })
const randoms = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })

test('is never below zero, never above the most, and always a number', () => {
  fc.assert(
    fc.property(backoffs, retries, randoms, (backoff, retry, random) => {
      const delay = backoffDelay(backoff, retry, () => random)
      expect(delay).toBeGreaterThanOrEqual(0)
      expect(delay).toBeLessThanOrEqual(backoff.maxDelay)
    }),
  )
})

test('without jitter: exponential doubles up to the most, fixed stays', () => {
  fc.assert(
    fc.property(backoffs, fc.integer({ min: 0, max: 40 }), ({ delay, maxDelay }, retry) => {
      const exponential: Backoff = { kind: 'exponential', delay, maxDelay, jitter: 'none' }
      expect(backoffDelay(exponential, retry)).toBe(Math.min(delay * 2 ** retry, maxDelay))
      expect(backoffDelay({ ...exponential, kind: 'fixed' }, retry)).toBe(Math.min(delay, maxDelay))
    }),
  )
})

test('full jitter draws from zero to what it would be without', () => {
  fc.assert(
    fc.property(backoffs, retries, randoms, (backoff, retry, random) => {
      const whole = backoffDelay({ ...backoff, jitter: 'none' }, retry)
      expect(backoffDelay({ ...backoff, jitter: 'full' }, retry, () => random)).toBe(random * whole)
    }),
  )
})

test('full jitter spreads: many failures of one moment do not come back together', () => {
  const backoff: Backoff = { kind: 'exponential', delay: 1000, maxDelay: 60_000, jitter: 'full' }
  const delays = Array.from({ length: 1000 }, () => backoffDelay(backoff, 3))
  const quarters = [0, 1, 2, 3].map((at) => delays.filter((delay) => Math.floor(delay / 2000) === at).length)
  for (const count of quarters) expect(count).toBeGreaterThan(150)
})
