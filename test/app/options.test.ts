import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { App } from '../../src/app/app.ts'
import type { CallOptions } from '../../src/config/callOptions.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import type { TaskOptions } from '../../src/config/taskOptions.ts'
import { ArgumentError, ConfigError, ValidationError } from '../../src/std/errors.ts'
import { Worker, type WorkerOptions } from '../../src/worker/worker.ts'
import { useLab } from './lab.ts'

const circle: unknown[] = []
circle.push(circle)

describe('options of a call', () => {
  const lab = useLab('memory')
  const wrong: [string, object, RegExp][] = [
    ['an unknown name', { delay: 5 }, /task add: unknown option delay; known are countdown, eta, /],
    ['a duration without a unit', { countdown: '5' }, /countdown: expected milliseconds or a text like '45s'.*got "5"/],
    ['a negative duration', { countdown: -1 }, /countdown: .*got -1/],
    ['a duration that is no number', { countdown: Number.NaN }, /countdown: expected milliseconds/],
    ['a wrong time limit', { timeLimit: 'soon' }, /task add: timeLimit: .*got "soon"/],
    ['a wrong soft time limit', { softTimeLimit: -5 }, /task add: softTimeLimit: /],
    ['a wrong lifetime of the record', { resultExpires: '1 day' }, /task add: resultExpires: .*got "1 day"/],
    ['a wrong deadline', { deadline: 'noon' }, /task add: deadline: .*got "noon"/],
    ['a deadline that is no date', { deadline: new Date(Number.NaN) }, /task add: deadline: expected a valid Date/],
    ['a wrong expiry', { expires: 'never' }, /task add: expires: .*got "never"/],
    ['an expiry that is no date', { expires: new Date(Number.NaN) }, /task add: expires: expected a valid Date/],
    ['an eta that is text', { eta: '2030-01-01' }, /task add: eta: expected a valid Date, got 2030-01-01/],
    ['an eta that is no date', { eta: new Date(Number.NaN) }, /task add: eta: expected a valid Date/],
    ['an eta beyond the wire', { eta: new Date(8.64e15) }, /expected a Date in the years 1 to 9999/],
    ['eta with countdown', { eta: new Date(), countdown: 5 }, /eta and countdown exclude each other/],
    ['a priority of 256', { priority: 256 }, /priority: expected a whole number from 0 to 255, got 256/],
    ['a negative priority', { priority: -1 }, /priority: .*got -1/],
    ['a broken priority', { priority: 1.5 }, /priority: .*got 1.5/],
    ['a bigint as priority', { priority: 5n }, /priority: .*got 5n/],
    ['an empty queue', { queue: '' }, /queue: expected 1 to 255 printable characters, got ""/],
    ['an empty id', { taskId: '' }, /taskId: expected 1 to 255 printable characters, got ""/],
    ['half a surrogate pair', { taskId: 'id\ud83d' }, /taskId: expected 1 to 255 printable characters/],
    ['an id with control characters', { taskId: 'a\nb' }, /taskId: .*got "a\\nb"/],
    ['an id of 256 characters', { taskId: 'x'.repeat(256) }, /taskId: expected 1 to 255/],
    ['an id that is a number', { taskId: 7 }, /taskId: .*got 7/],
    ['a wrong key', { idempotencyKey: '\u0000' }, /idempotencyKey: /],
    ['key with id', { idempotencyKey: 'k', taskId: 'i' }, /taskId and idempotencyKey exclude each other/],
    ['a key without a record', { idempotencyKey: 'k', ignoreResult: true }, /idempotencyKey needs a record/],
    ['headers as a list', { headers: [1] }, /headers: expected an object, got \[1\]/],
    ['headers as a circle', { headers: circle }, /headers: expected an object, got an object/],
    ['headers as text', { headers: 'x' }, /headers: expected an object, got "x"/],
    ['headers as a Map', { headers: new Map([['a', 1]]) }, /^headers: instances of Map cannot be sent/],
    ['headers of null', { headers: null }, /headers: expected an object, got null/],
    ['a header of the protocol', { headers: { retries: 3 } }, /headers: expected custom names, got "retries"/],
    ['a header that is a function', { headers: { a: { b: () => 1 } } }, /^headers\.a\.b: functions cannot be sent$/],
    ['a header that JSON would change', { headers: { a: new Date() } }, /^headers\.a: expected plain JSON data/],
    ['an unknown serializer', { serializer: 'yaml' }, /serializer: expected 'json' or 'msgpack', got "yaml"/],
    ['a negative retry', { retry: -1 }, /retry: expected a whole number >= 0 as max, got -1/],
    ['an unknown part of retry', { retry: { max: 1, wait: 3 } }, /retry: unknown option wait/],
    ['an unknown backoff', { retry: { max: 1, backoff: 'linear' } }, /retry.backoff: expected exponential or fixed/],
    ['an empty list as backoff', { retry: { max: 1, backoff: [] } }, /retry.backoff: expected .*got \[\]/],
    ['a wrong wait in a list', { retry: { max: 1, backoff: ['1s', 'x'] } }, /retry.backoff\[1\]: .*got "x"/],
    ['a list with a delay', { retry: { max: 1, backoff: [1], delay: 5 } }, /retry: delay and a backoff that is a list/],
    [
      'a function of a call',
      { retry: { max: 1, backoff: () => 1 } },
      /retry.backoff: expected exponential, fixed or a/,
    ],
    ['a wrong delay in retry', { retry: { max: 1, delay: 'x' } }, /retry.delay: /],
  ]

  it.each(wrong)('refuses %s', async (_what, options, message) => {
    const app = lab().app()
    const add = app.task('add', (x: number, y: number) => x + y)
    const call = (): unknown => add.applyAsync([1, 2], options as CallOptions)
    expect(call).toThrow(ArgumentError)
    expect(call).toThrow(TypeError)
    expect(call).toThrow(message)
    expect(() => app.send('elsewhere', [], options as CallOptions)).toThrow(ArgumentError)
    await expect(add.delayMany([[1, 2]], options as CallOptions)).rejects.toThrow(ArgumentError)
    expect(await app.queueSize()).toBe(0)
  })

  it('refuses what is no object of options, and arguments of the wrong kind', () => {
    const app = lab().app()
    const add = app.task('add', (x: number, y: number) => x + y)
    expect(() => add.applyAsync([1, 2], null as never)).toThrow('task add: expected an object of options, got null')
    expect(() => add.applyAsync(5 as never)).toThrow('task add: expected an array of arguments, got 5')
    expect(() => app.send('', [])).toThrow('task name: expected 1 to 255 printable characters')
    expect(() => app.send('x', 5 as never)).toThrow('task x: expected one object of arguments, got 5')
    expect(() => app.result('')).toThrow('task id: expected 1 to 255 printable characters, got ""')
  })

  it('refuses one id or key for many calls', async () => {
    const add = lab()
      .app()
      .task('add', (x: number) => x)
    await expect(add.delayMany([[1]], { taskId: 'x' } as never)).rejects.toThrow('delayMany: expected no taskId')
    await expect(add.delayMany([[1]], { idempotencyKey: 'x' } as never)).rejects.toThrow('expected no idempotencyKey')
  })
})

describe('input with a schema', () => {
  const lab = useLab('memory')
  const input = z.object({ page: z.number().int(), tags: z.array(z.string()).optional() })

  it('throws ValidationError at once, with every issue, and sends nothing', async () => {
    const app = lab().app()
    const render = app.task({ name: 'render', input, run: ({ page }) => page })
    const call = (): unknown => render.delay({ page: 'one', tags: ['a', 3] } as never)
    expect(call).toThrow(ValidationError)
    try {
      call()
    } catch (error) {
      const { issues, message, code } = error as ValidationError
      expect(issues.map(({ path }) => path)).toEqual([['page'], ['tags', 1]])
      expect(message).toMatch(/^task render: page: .*; tags\.1: /)
      expect(code).toBe('INVALID_INPUT')
    }
    expect(() => render.applyAsync({} as never)).toThrow(ValidationError)
    await expect(render.delayMany([{ page: 1 }, { page: 'x' as never }])).rejects.toThrow(ValidationError)
    expect(await app.queueSize()).toBe(0)
    expect(() => render.delay(3 as never)).toThrow('task render: expected one object of arguments, got 3')
    expect(() => render.delay(circle as never)).toThrow('task render: expected one object of arguments, got an object')
    expect(() => render.delay(7n as never)).toThrow('task render: expected one object of arguments, got 7n')
  })

  it('rejects where the schema is asynchronous', async () => {
    const app = lab().app()
    const slow = input.refine(async ({ page }) => page > 0, { message: 'page must be positive' })
    const render = app.task({ name: 'render', input: slow, run: ({ page }) => page })
    // zod finds out only by trying that it has to be asked asynchronously.
    await expect(render.delay({ page: -1 })).rejects.toThrow('page must be positive')
    await render.delay({ page: 1 })
    expect(await app.queueSize()).toBe(1)
  })
})

describe('options of a task, an app and a worker', () => {
  const lab = useLab('memory')

  it.each<[string, object, RegExp]>([
    ['an unknown name', { retries: 3 }, /task t: unknown option retries/],
    ['a wrong retry', { retry: 1.5 }, /task t: retry: expected a whole number >= 0 as max, got 1.5/],
    ['a backoff that is no list', { retry: { max: 1, backoff: 5 } }, /task t: retry.backoff: expected .*got 5/],
    ['a function with a bound', { retry: { max: 1, backoff: () => 1, maxDelay: 5 } }, /retry: maxDelay and a backoff/],
    ['a wrong lifetime of the record', { resultExpires: -1 }, /task t: resultExpires: .*got -1/],
    ['a wrong deadline', { deadline: '1 hour' }, /task t: deadline: .*got "1 hour"/],
    ['a version of 0', { version: 0 }, /task t: version: expected a whole number >= 1, got 0/],
    [
      'an upgrade of the first version',
      { upgrade: () => [] },
      /task t: upgrade: expected a version of at least 2.*got 1/,
    ],
    ['an upgrade that is no function', { version: 2, upgrade: 1 }, /task t: upgrade: expected a function, got 1/],
    ['a wrong limit', { timeLimit: '5 parsecs' }, /task t: timeLimit: .*got "5 parsecs"/],
    ['a wrong priority', { priority: 300 }, /task t: priority: /],
  ])('a task refuses %s', (_what, options, message) => {
    expect(() =>
      lab()
        .app()
        .task('t', () => 1, options as TaskOptions),
    ).toThrow(message)
  })

  it('a task needs a name, a function and schemas that are some; and a name is taken once', () => {
    const app = lab().app()
    expect(() => app.task('', () => 1)).toThrow('task name: expected 1 to 255 printable characters')
    expect(() => app.task('t', 5 as never)).toThrow('task t: expected a function, got number')
    expect(() => app.task({ name: 't', input: {} as never, run: () => 1 })).toThrow('input: expected a Standard Schema')
    app.task('t', () => 1)
    expect(() => app.task('t', () => 2)).toThrow('task t is defined already in this app')
  })

  it.each<[string, object, RegExp]>([
    ['an unknown name', { brokr: 'memory:' }, /Celeriac: unknown option brokr/],
    ['a wrong lease', { lease: 10 }, /lease: expected at least 1 s/],
    ['a clock that is a moment', { clock: 5 }, /clock: expected an object with the functions now and after, got 5/],
    [
      'a clock without a timer',
      { clock: { now: () => 5 } },
      /clock: expected an object with the functions now and after/,
    ],
    ['a wrong serializer', { serializer: 'pickle' }, /serializer: expected 'json' or 'msgpack', got "pickle"/],
    ['a wrong route', { routes: { 'a.*': '' } }, /routes: a\.\*: expected 1 to 255/],
  ])('an app refuses %s', (_what, options, message) => {
    expect(() => new App(options as CeleriacOptions)).toThrow(message)
  })

  it('an unknown store is a ConfigError when it is first used, and so is a change of stores afterwards', async () => {
    const app = new App({ broker: 'carrier-pigeon:loft' })
    await expect(app.send('x').get()).rejects.toThrow(ConfigError)
    const used = lab().app()
    await used.queueSize()
    expect(() => used.configure({ broker: 'memory:' })).toThrow(ConfigError)
  })

  it.each<[string, object, RegExp]>([
    ['a negative multiplier', { prefetchMultiplier: -1 }, /prefetchMultiplier: expected a whole number >= 0, got -1/],
    ['an unknown name', { threads: 3 }, /Worker: unknown option threads/],
    ['no queue', { queues: [] }, /queues: expected a list of at least one/],
    ['no weights', { queues: {} }, /queues: expected weights of at least one queue, got \{\}/],
    ['a weight of 0', { queues: { a: 0 } }, /queues: expected a weight above 0 and at most 100 for a, got 0/],
    ['a negative weight', { queues: { a: 1, b: -1 } }, /queues: expected a weight .* for b, got -1/],
    ['a weight above 100', { queues: { a: 101 } }, /queues: .* got 101/],
    ['a weight that is no number', { queues: { a: Number.NaN } }, /queues: .* got null/],
    ['a weight without end', { queues: { a: Number.POSITIVE_INFINITY } }, /queues: .* got null/],
    ['a weight that is text', { queues: { a: '3' } }, /queues: .* got "3"/],
    ['a queue that is no list', { queues: 'celery' }, /queues: expected a list of at least one, got "celery"/],
    ['a concurrency of 0', { concurrency: 0 }, /concurrency: expected a whole number >= 1, got 0/],
    [
      'an unknown pool',
      { pool: 'gevent' },
      /pool: expected one of inline, threads, processes, prefork, solo, got "gevent"/,
    ],
    ['threads without a module', { pool: 'threads' }, /module: pool threads needs/],
    ['a wrong grace', { grace: 'long' }, /grace: /],
  ])('a worker refuses %s', (_what, options, message) => {
    expect(() => new Worker(lab().app(), options as WorkerOptions)).toThrow(message)
  })
})
