import { describe, expect, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import type { LimitTarget } from '../../src/app/limits/limits.ts'
import type { TaskOptions } from '../../src/config/taskOptions.ts'
import { ArgumentError, RetryAfter, ValidationError } from '../../src/std/errors.ts'

const app = new App({ broker: 'memory:' })
app.task('plain', () => 1)
const keyed = app.task('keyed', (key: string) => key, { concurrency: { limit: 1, key: (key: string) => key } })

describe('what is paused', () => {
  test.each([
    [undefined, 'target: expected { queue }, { task } or { limit }, got undefined'],
    ['celery', 'target: expected { queue }, { task } or { limit }, got "celery"'],
    [{}, 'target: expected one of queue, task and limit, got none'],
    [{ foo: 1 }, 'target: unknown option foo; known are queue, task, limit, key'],
    [{ task: 'plain', queue: 'celery' }, 'target: expected one of queue, task and limit, got queue and task'],
    [{ limit: 'db', key: 'a' }, 'target: key: expected a task beside it, got a limit'],
    [
      { task: 'keyed', key: undefined },
      'target: key: expected text, got undefined: leave it out for all keys of the task',
    ],
    [{ task: 'keyed', key: '' }, 'key: expected text of 1 to 255 bytes, got ""'],
    [{ task: 'plain', key: 'a' }, 'task plain: key: expected a task with a key'],
    [{ task: 1 }, 'task: expected 1 to 255 printable characters, got undefined'],
  ])('%j is refused', async (target, message) => {
    for (const doing of ['pause', 'resume', 'of'] as const) {
      const call = async () => app.limits[doing](target as LimitTarget)
      await expect(call()).rejects.toThrow(ArgumentError)
      await expect(call()).rejects.toThrow(message)
    }
  })

  test.each([
    [{ queue: 'celery' }, 'holdBack: expected a task or a limit, got a queue: pause it'],
    [{ task: 'plain' }, 'holdBack: task plain: expected a task with a limit or `fair`, got one without: pause it'],
  ])('%j cannot be held back', async (target, message) => {
    await expect(async () => app.limits.holdBack(target as { task: string }, '1s')).rejects.toThrow(message)
  })
})

describe('options', () => {
  test.each([
    [{ rateLimit: {} }, 'task t: rateLimit: limit: expected a value, got none'],
    [{ rateLimit: { key: () => 'a' } }, 'task t: rateLimit: limit: expected a value, got none'],
    [{ concurrency: { limit: undefined } }, 'task t: concurrency: limit: expected a value, got none'],
    [{ breaker: {} }, 'task t: breaker: failures: expected a value, got none'],
    [{ breaker: { failures: 1, within: '1m' } }, 'task t: breaker: pause: expected a value, got none'],
    [{ fair: {} }, 'task t: fair: key: expected a value, got none'],
  ])('%j lacks one that is required', (options, message) => {
    expect(() => new App().task('t', () => 1, options as unknown as TaskOptions)).toThrow(message)
  })

  test('a shared limit with a breaker of nothing', () => {
    const define = () => new App().limit('db', { breaker: {} as never })
    expect(define).toThrow('limit "db": breaker: failures: expected a value, got none')
  })
})

describe('keys', () => {
  test.each([
    ['', 'expected text of 1 to 255 bytes, got ""'],
    ['\ud800', 'expected whole characters, got '],
    ['x'.repeat(256), 'expected at most 255 bytes, got 256: return a digest of it'],
    [1, 'expected a function that returns text, got 1'],
  ])('%j is what the caller gave: input that does not fit', (key, message) => {
    const call = () => keyed.delay(key as string)
    expect(call).toThrow(ValidationError)
    expect(call).toThrow(`task keyed: concurrency: key: ${message}`)
  })
})

test("a response's Retry-After asks for a day at most", () => {
  const of = (value: string) => RetryAfter.from({ headers: { get: () => value }, status: 429 }).delay
  expect(['30', '99999999999999', '0', 'soon', 'Fri, 31 Dec 9999 23:59:59 GMT'].map(of)).toEqual([
    30_000, 86_400_000, 0, 1000, 86_400_000,
  ])
})
