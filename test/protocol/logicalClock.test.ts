import { expect, test } from 'vitest'
import { LogicalClock } from '../../src/protocol/logicalClock.ts'

test('each step is later than all before it, its own and those of others', () => {
  const clock = new LogicalClock()
  expect(clock.forward()).toBe(1)
  expect(clock.adjust(10)).toBe(11)
  expect(clock.adjust(3)).toBe(12)
  expect(clock.forward()).toBe(13)
})

test.each([undefined, null, '7', Number.NaN, 1.5, Number.POSITIVE_INFINITY, 2 ** 60, -4])(
  'a message with the clock %s is a step of its own',
  (other) => {
    const clock = new LogicalClock()
    clock.adjust(5)
    expect(clock.adjust(other)).toBe(7)
    expect(clock.value).toBe(7)
  },
)
