import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { withDeadline } from '../../src/std/deadline.ts'
import { block } from '../wait.ts'

const never = new Promise<never>(() => undefined)

test('the value of the promise, if it settles in time', async () => {
  expect(await withDeadline(Promise.resolve(1), 10_000, () => 2)).toBe(1)
  await expect(withDeadline(Promise.reject(new Error('own')), 10_000, () => 2)).rejects.toThrow('own')
})

test('that of `late` afterwards, which may throw', async () => {
  expect(await withDeadline(never, 1, () => 2)).toBe(2)
  const refuse = () => {
    throw new Error('too late')
  }
  await expect(withDeadline(never, -1, refuse)).rejects.toThrow('too late')
})

test('an event loop that stands still uses up no time', async () => {
  // Two steps, as opening a connection has: neither can happen while the loop stands still.
  const steps = pause(1).then(() => pause(50, 1))
  const answer = withDeadline(steps, 100, () => 2)
  block(1000)
  expect(await answer).toBe(1)
})
