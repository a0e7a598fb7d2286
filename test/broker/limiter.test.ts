import { expect, test } from 'vitest'
import { correct, holdBack, newLimiter, passing, take } from '../../src/broker/limiter.ts'

const HOUR_MS = 3_600_000
const rule = { name: 'r', rate: { interval: 1000, burst: 2 } }

test('a clock that is set back by an hour blocks no longer than it would have', () => {
  const limiter = newLimiter()
  let now = 10 * HOUR_MS
  take(limiter, rule, 2, 1, now)
  holdBack(limiter, now + 5000, now)
  now -= HOUR_MS
  const moments: number[] = []
  for (const end = now + 10_000; now < end; now += 100) {
    correct(limiter, rule, now)
    if (passing(limiter, rule, 1, now).messages > 0) moments.push(now)
  }
  expect(moments[0]).toBe(9 * HOUR_MS + 5000)
})

test('a clock that is ahead of another by seconds does not fill the bucket', () => {
  const limiter = newLimiter()
  const now = 10 * HOUR_MS
  take(limiter, rule, 2, 1, now + 5000)
  correct(limiter, rule, now)
  expect(passing(limiter, rule, 1, now + 5999).messages).toBe(0)
  expect(passing(limiter, rule, 1, now + 6000).messages).toBe(1)
})
