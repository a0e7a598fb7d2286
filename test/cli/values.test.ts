import { InvalidArgumentError } from 'commander'
import { describe, expect, test } from 'vitest'
import { exitCode, failureText } from '../../src/cli/exit.ts'
import { workerName } from '../../src/cli/hostname.ts'
import { jsonText } from '../../src/cli/json.ts'
import { lineText } from '../../src/cli/log.ts'
import { ProgressLine, progressText, shareOf } from '../../src/cli/progress.ts'
import { suggestion } from '../../src/cli/suggest.ts'
import { duration, logLevel, moment, momentOrDuration, names, sizes, weights } from '../../src/cli/values.ts'
import { ConfigError, StoreUnavailableError } from '../../src/std/errors.ts'

test('values', () => {
  expect(duration('1.5h')).toBe(5_400_000)
  for (const text of ['10', '', 'x', '-1s', '1 year'])
    expect(() => duration(text)).toThrow('Expected a time with its unit')
  expect(logLevel('WARNING')).toBe('warn')
  expect(moment('2026-11-21T08:00:00Z')).toEqual(new Date('2026-11-21T08:00:00Z'))
  expect(moment('2026-11-21T08:00:00+02:00')).toEqual(new Date('2026-11-21T06:00:00Z'))
  // UTC, whatever the machine's own time zone is.
  expect(moment('2026-11-21T08:00:00')).toEqual(new Date('2026-11-21T08:00:00Z'))
  for (const wrong of ['2026-13-41', '2026-02-30', '2026-02-30T00:00:00Z', 'tomorrow', '21.11.2026', ''])
    expect(() => moment(wrong)).toThrow('Expected a date')
  expect(momentOrDuration('2d')).toBe(172_800_000)
  expect(momentOrDuration('2026-11-21')).toEqual(new Date('2026-11-21'))
  expect(names('a, b,a')).toEqual(['a', 'b'])
})

test('weights of queues', () => {
  expect(weights('a,b')).toEqual(['a', 'b'])
  expect(weights('a=3,b,c=0.5')).toEqual({ a: 3, b: 1, c: 0.5 })
  // A name may contain the sign.
  expect(weights('a=b=2')).toEqual({ 'a=b': 2 })
  for (const wrong of ['a=', 'a=x', '=3', 'a=-1', 'a=1e9', 'a=b'])
    expect(() => weights(wrong)).toThrow('Expected a weight after =')
})

test('suggestions', () => {
  const known = ['add', 'reports.render', 'integrate']
  expect(suggestion('ad', known)).toBe(' (did you mean add?)')
  expect(suggestion('render', known)).toBe(' (did you mean reports.render?)')
  expect(suggestion('Intergate', known)).toBe(' (did you mean integrate?)')
  expect(suggestion('weather', known)).toBe('')
  expect(suggestion('x', [])).toBe('')
})

test('sizes by name', () => {
  expect(sizes('threads=2, inline=50')).toEqual({ threads: 2, inline: 50 })
  for (const text of ['', '2', 'threads', 'threads=two', 'threads=-1', 'threads=2,'])
    expect(() => sizes(text)).toThrow(InvalidArgumentError)
})

test('names of workers, by Celery', () => {
  expect(workerName('mail', 'a.example.org')).toBe('mail@a.example.org')
  expect(workerName('mail@%h', 'a.example.org')).toBe('mail@a.example.org')
  expect(workerName('%n.%d@x%%', 'a.example.org')).toBe('a.example.org@x%')
})

test('results as JSON', () => {
  const value = {
    big: 12345678901234567890n,
    at: new Date(0),
    bytes: new Uint8Array([1, 2, 3]),
    list: [Buffer.from('hi')],
  }
  expect(jsonText(value, 0)).toBe(
    '{"big":12345678901234567890,"at":"1970-01-01T00:00:00.000Z","bytes":"AQID","list":["aGk="]}',
  )
  expect(jsonText(undefined, 0)).toBe('null')
})

describe('progress', () => {
  test.each([
    [0.25, 0.25],
    [1, 1],
    [1.0000000001, 1],
    [50, undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    ['half', undefined],
    [null, undefined],
    [{ current: 3, total: 4 }, 0.75],
    [{ done: 1, total: 2 }, 0.5],
    [{ percent: 30 }, 0.3],
    [{ page: 4, pages: 10 }, 0.4],
    [{ step: 1, steps: 4 }, 0.25],
    [{ page: 4 }, undefined],
    [{ page: 11, pages: 10 }, undefined],
    [{ progress: 0.1 }, 0.1],
    [{ current: 0.8 }, 0.8],
    [{ total: 0, current: 0 }, 0],
    [{ step: 'two' }, undefined],
  ])('%j is %s', (value, share) => expect(shareOf(value)).toBe(share))

  test('a bar, or the state and what goes with it, no wider than the terminal', () => {
    const info = {} as never
    expect(progressText({ type: 'progress', state: 'PROGRESS', data: 0.5, info }, 80)).toBe(
      `[${'#'.repeat(15)}${'-'.repeat(15)}] 50 %`,
    )
    expect(progressText({ type: 'state', state: 'STARTED', meta: null, info }, 80)).toBe('STARTED')
    expect(progressText({ type: 'state', state: 'STEP 1', meta: { file: 'a' }, info }, 80)).toBe('STEP 1 {"file":"a"}')
    expect(progressText({ type: 'progress', state: 'PROGRESS', data: 'x'.repeat(99), info }, 20)).toHaveLength(19)
    expect(progressText({ type: 'progress', state: 'PROGRESS', data: { page: 3, pages: 10 }, info }, 80, 95_000)).toBe(
      `[${'#'.repeat(9)}${'-'.repeat(21)}] 30 % (3/10) 95 s left`,
    )
  })

  test('the time left, from the speed since the first word; none while that cannot be said', () => {
    const written: string[] = []
    let now = 0
    const stream = { columns: 100, write: (text: string) => written.push(text.slice(text.indexOf('] ') + 2)) }
    const line = new ProgressLine(stream as unknown as NodeJS.WriteStream, () => now)
    const show = (at: number, data: unknown) => {
      now = at
      line.show({ type: 'progress', state: 'PROGRESS', data, info: {} as never })
    }
    show(0, { done: 10, total: 100 })
    show(500, { done: 20, total: 100 })
    show(2000, { done: 30, total: 100 })
    show(400_000, { done: 50, total: 100 })
    // A retry begins anew.
    show(410_000, { done: 1, total: 100 })
    show(420_000, { done: 100, total: 100 })
    expect(written).toEqual([
      '10 % (10/100)',
      '20 % (20/100)',
      '30 % (30/100) 7 s left',
      '50 % (50/100) 8 min left',
      '1 % (1/100)',
      '100 % (100/100)',
    ])
  })
})

test('errors: a code, and one line unless it is a bug', () => {
  const wrong = new ConfigError('port: expected a number,\n  got x')
  expect([exitCode(wrong), failureText(wrong, false)]).toEqual([2, 'celeriac: port: expected a number, got x'])
  const away = new StoreUnavailableError('the store is away', { cause: new Error('why') })
  expect([exitCode(away), failureText(away, false)]).toEqual([1, 'celeriac: the store is away'])
  expect(failureText(away, true)).toMatch(
    /^celeriac: the store is away\nStoreUnavailableError: [\s\S]*\ncaused by Error: why\n/,
  )
  const bug = new RangeError('oops')
  expect(exitCode(bug)).toBe(1)
  expect(failureText(bug, false)).toMatch(/^celeriac: oops\nRangeError: oops\n {4}at /)
  expect(failureText('text', false)).toBe('celeriac: text\ntext')
})

test('log lines at a terminal', () => {
  expect(lineText({ msg: 'Task add[1] received', id: '1', task: 'add' })).toBe('Task add[1] received')
  expect(lineText({ msg: 'half way', id: 'x9', task: 'add' })).toBe('add[x9]: half way')
  const traceback = 'TypeError: no\n    at f\n    at g'
  expect(lineText({ msg: 'Task a[1] failed: TypeError: no', id: '1', traceback })).toBe(
    'Task a[1] failed: TypeError: no\n    at f\n    at g',
  )
  expect(lineText({ msg: 'other', traceback })).toBe(`other\n${traceback}`)
  const two = 'Error: first\nsecond\n    at f'
  expect(lineText({ msg: 'Task a[1] failed: Error: first\nsecond', id: '1', traceback: two })).toBe(
    'Task a[1] failed: Error: first\nsecond\n    at f',
  )
  expect(lineText({ msg: 'Task a[1] failed: Error: no stack', id: '1', traceback: 'Error: no stack' })).toBe(
    'Task a[1] failed: Error: no stack',
  )
})
