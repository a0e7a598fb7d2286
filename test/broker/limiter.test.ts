import { expect, test } from 'vitest'
import { newLimiter, passing, report, take } from '../../src/broker/limiter.ts'

const HOUR_MS = 3_600_000

/** An hour into the life of the clock, so that it can be set back. */
const START = 10 * HOUR_MS

test('rate: a clock that is set back by an hour blocks no longer than an empty bucket', () => {
  const limiter = newLimiter()
  const rule = { name: 'r', rate: { interval: 1000, burst: 3 } }
  take(limiter, rule, 3, 1, START)
  const now = START - HOUR_MS
  expect(passing(limiter, rule, 1, now)).toEqual({ messages: 0, from: now + 1000 })
  expect(passing(limiter, rule, 1, now + 1000).messages).toBe(1)
  expect(passing(limiter, rule, 1, now + 3000).messages).toBe(3)
})

test('rate: a clock that is set forward fills the bucket once, and no more than it holds', () => {
  const limiter = newLimiter()
  const rule = { name: 'r', rate: { interval: 1000, burst: 3 } }
  take(limiter, rule, 3, 1, START)
  expect(passing(limiter, rule, 1, START + HOUR_MS).messages).toBe(3)
})

test('breaker: a clock that is set back by an hour keeps it open no longer than its pause', () => {
  const limiter = newLimiter()
  const breaker = { failures: 1, within: 1000, pause: 5000 }
  report(limiter, breaker, false, START)
  const now = START - HOUR_MS
  expect(passing(limiter, { name: 'b', breaker }, 1, now)).toEqual({ messages: 0, from: now + 5000 })
  expect(passing(limiter, { name: 'b', breaker }, 1, now + 5000).messages).toBe(1)
})

test('breaker: a rule that has none any more is not half-open for ever', () => {
  const limiter = newLimiter()
  report(limiter, { failures: 1, within: 1000, pause: 5000 }, false, START)
  take(limiter, undefined, 1, 1, START)
  expect(passing(limiter, { name: 'b', concurrency: 3 }, 1, START + 5000).messages).toBe(2)
})
