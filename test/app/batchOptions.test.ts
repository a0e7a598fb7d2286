import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { App } from '../../src/app/app.ts'

const input = z.object({ n: z.number() })
const run = (): undefined => undefined
const good = { size: 2, wait: 5 }

describe('the option batch is checked when the task is defined', () => {
  const wrong: readonly [string, unknown, RegExp][] = [
    ['a size of 0', { size: 0, wait: 5 }, /^task t: batch\.size: expected a whole number .*got 0$/],
    ['a negative size', { size: -1, wait: 5 }, /batch\.size: .*got -1$/],
    ['a size that is no number', { size: Number.NaN, wait: 5 }, /batch\.size: .*got null$/],
    ['a broken size', { size: 1.5, wait: 5 }, /batch\.size: .*got 1\.5$/],
    ['a size above 10,000', { size: 10_001, wait: 5 }, /batch\.size: .*from 1 to 10000, got 10001$/],
    ['no size', { wait: 5 }, /batch: expected size as in .*, got none$/],
    ['no wait', { size: 5 }, /batch: expected wait as in .*, got none$/],
    ['a negative wait', { size: 5, wait: -1 }, /batch\.wait: .*got -1/],
    ['a wait without a unit', { size: 5, wait: '5' }, /batch\.wait: .*got "5"/],
    [
      'a wait above an hour',
      { size: 5, wait: '61m' },
      /batch\.wait: expected at most 3600000 ms, an hour, got 3660000$/,
    ],
    ['a key that is no function', { ...good, key: 'tenant' }, /batch\.key: expected a function, got "tenant"$/],
    ['an unknown name', { ...good, timeout: 5 }, /batch: unknown option timeout; known are size, wait, key$/],
    ['a number', 5, /batch: expected options such as \{ size: 100, wait: '500ms' \}, got 5$/],
    ['a list', [5], /batch: expected options such as .*got \[5\]$/],
    ['null', null, /batch: expected options such as .*got null$/],
  ]
  it.each(wrong)('%s', (_, batch, message) => {
    expect(() => new App().task({ name: 't', input, batch: batch as never, run })).toThrow(message)
  })

  it.each([
    ['acksLate: false', { acksLate: false }, /^task t: batch: expected acksLate: true beside it, got false$/],
    [
      'rateLimit',
      { rateLimit: '5/s' },
      /^task t: batch: expected no rateLimit of each worker beside it, got one: a run is of many calls; .* is of all workers$/,
    ],
  ])('not with %s', (_, more, message) => {
    expect(() => new App().task({ name: 't', input, batch: good, run, ...(more as object) })).toThrow(message)
  })

  it('not of a task with positional arguments', () => {
    expect(() => new App().task('t', run, { batch: good })).toThrow(
      /^task t: batch: expected a task with an input schema, got one of positional arguments$/,
    )
  })
})
