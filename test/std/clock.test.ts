import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { MAX_TIMER_MS, systemClock } from '../../src/std/clock.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: 0 })
})
afterEach(() => {
  vi.useRealTimers()
})

it('a timer of the machine may be longer than those of Node', () => {
  const ended: number[] = []
  const long = 3 * MAX_TIMER_MS + 5
  systemClock.after(long, () => ended.push(systemClock.now()))
  const cancel = systemClock.after(long, () => ended.push(-1))
  vi.advanceTimersByTime(2.5 * MAX_TIMER_MS)
  cancel()
  vi.advanceTimersByTime(long)
  expect(ended).toEqual([long])
  expect(vi.getTimerCount()).toBe(0)
})
