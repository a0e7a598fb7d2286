import { describe, expect, test } from 'vitest'
import type { Signals } from '../../src/app/signals.ts'
import { Emitter } from '../../src/std/emitter.ts'
import { DecodeError, StoreUnavailableError } from '../../src/std/errors.ts'
import { createLogger, type LogLevel } from '../../src/std/log.ts'
import { logSignals } from '../../src/worker/logging.ts'
import { next, until, useLab } from '../app/lab.ts'

/** Signals, and the log that comes of them. */
function lab(level: LogLevel) {
  const lines: Record<string, unknown>[] = []
  const signals = new Emitter<Signals>((error) => {
    throw error
  })
  const logger = createLogger(level, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const end = logSignals({ on: (name, listener) => signals.on(name, listener) }, logger, level)
  const texts = () => lines.map((line) => `${line.level} ${line.msg}`)
  return { signals, lines, texts, end }
}

const TASK = { id: '1', task: 'add', queue: 'celery', retries: 0 }
const ERROR = { type: 'TypeError', message: 'no', traceback: 'TypeError: no\n    at f' }

describe('lines', () => {
  test('one for each signal that somebody should see', () => {
    const { signals, texts } = lab('debug')
    signals.emit('task:received', TASK)
    signals.emit('task:prerun', TASK)
    signals.emit('task:postrun', { ...TASK, runtime: 12 })
    signals.emit('task:success', { ...TASK, result: 3, runtime: 12.3 })
    signals.emit('task:failure', { ...TASK, error: ERROR, runtime: 1500 })
    signals.emit('task:retry', { ...TASK, retries: 1, error: { type: 'Retry', message: '' }, delay: 2000 })
    for (const reason of ['revoked', 'expired', 'terminated'] as const)
      signals.emit('task:revoked', { ...TASK, reason })
    signals.emit('task:rejected', { ...TASK, requeue: true, reason: 'not mine' })
    signals.emit('task:rejected', { ...TASK, requeue: false, reason: 'not mine' })
    signals.emit('task:unknown', TASK)
    signals.emit('task:undecodable', { queue: 'celery', error: { type: 'DecodeError', message: 'no JSON' } })
    signals.emit('task:lost', TASK)
    signals.emit('task:returned', TASK)
    signals.emit('chord:success', { group: 'g', id: 'b' })
    signals.emit('chord:failure', { group: 'g', id: 'b', error: ERROR })
    signals.emit('worker:ready', { hostname: 'celery@host' })
    const pool = { hostname: 'celery@host', pool: 'threads' }
    signals.emit('worker:scaled', { ...pool, before: 1, size: 2 })
    signals.emit('worker:scaled', { ...pool, before: 2, size: 1 })
    signals.emit('worker:shutdown', { hostname: 'celery@host', reason: 'signal' })
    signals.emit('worker:error', { error: new StoreUnavailableError('the store is away'), doing: 'taking tasks' })
    expect(texts()).toEqual([
      '30 Task add[1] received',
      '20 Task add[1] started',
      '30 Task add[1] succeeded in 0.012s: 3',
      '50 Task add[1] failed in 1.500s: TypeError: no',
      '30 Task add[1] retry 2 in 2.000s: Retry',
      '40 Task add[1] revoked (revoked)',
      '40 Task add[1] revoked (expired)',
      '40 Task add[1] revoked (terminated)',
      '40 Task add[1] rejected, requeued: not mine',
      '40 Task add[1] rejected: not mine',
      '50 Task add[1] is not registered here: it was sent to queue celery',
      '50 a message in queue celery cannot be read: DecodeError: no JSON',
      '40 Task add[1] lost: its lease ran out, another worker has it; what this one did was not stored',
      '40 Task add[1] requeued to queue celery',
      '30 Chord g complete: its body b is sent',
      '50 Chord g failed, and its body b: TypeError: no',
      '30 celery@host ready',
      '30 celery@host grows its pool threads from 1 to 2',
      '30 celery@host shrinks its pool threads from 2 to 1',
      '30 celery@host stops: signal',
      '50 taking tasks: the store is away',
    ])
  })

  test('data beside the words; the stack of an error that was not foreseen', () => {
    const { signals, lines } = lab('info')
    signals.emit('task:failure', { ...TASK, error: ERROR, runtime: 1500.4 })
    signals.emit('worker:error', { error: new RangeError('far'), doing: 'a listener' })
    signals.emit('worker:error', { error: new StoreUnavailableError('away'), doing: 'taking' })
    signals.emit('worker:error', { error: 'text', doing: 'taking' })
    expect(lines[0]).toMatchObject({
      id: '1',
      task: 'add',
      queue: 'celery',
      runtime: 1500,
      error: 'TypeError',
      traceback: ERROR.traceback,
    })
    expect(lines[1]?.err).toMatchObject({ type: 'RangeError', stack: expect.stringContaining('RangeError: far\n') })
    expect(lines[2]).not.toHaveProperty('err')
    expect(lines[3]).toMatchObject({ msg: 'taking: text' })
  })

  test('a message of control that cannot be read is a warning, without a stack', () => {
    const { signals, lines } = lab('info')
    signals.emit('worker:error', { error: new DecodeError('no method'), doing: 'obeying remote control' })
    expect(lines).toMatchObject([{ level: 40, msg: 'obeying remote control: no method' }])
    expect(lines[0]).not.toHaveProperty('err')
  })

  test.each([
    ['text', "'text'"],
    [undefined, 'undefined'],
    [10n, '10n'],
    [{ a: [1, { b: new Date(0) }] }, '{ a: [ 1, { b: 1970-01-01T00:00:00.000Z } ] }'],
    ['x\ny', "'x\\ny'"],
  ])('result %s', (result, text) => {
    const { signals, texts } = lab('info')
    signals.emit('task:success', { ...TASK, result, runtime: 0 })
    expect(texts()).toEqual([`30 Task add[1] succeeded in 0.000s: ${text}`])
  })

  test('long results are cut', () => {
    const { signals, texts } = lab('info')
    for (const result of ['x'.repeat(100_000), Array(100_000).fill('abc'), { a: 'y'.repeat(1000) }]) {
      signals.emit('task:success', { ...TASK, result, runtime: 0 })
    }
    for (const text of texts()) expect(text.length).toBeLessThan(260)
  })
})

test('below the level nothing is listened to', () => {
  const { signals, texts } = lab('error')
  for (const name of ['task:received', 'task:prerun', 'task:success', 'task:retry', 'task:lost'] as const) {
    expect(signals.has(name)).toBe(false)
  }
  signals.emit('task:failure', { ...TASK, error: ERROR, runtime: 1 })
  expect(texts()).toHaveLength(1)
  expect(lab('silent').signals.has('task:failure')).toBe(false)
})

test('the returned function ends it', () => {
  const { signals, texts, end } = lab('info')
  end()
  signals.emit('task:received', TASK)
  expect(texts()).toEqual([])
})

/** Workers of the lab are silent otherwise. */
const OWN_LOG = { logger: undefined }

describe('new Worker(app)', () => {
  const setting = useLab('memory')

  /** An app with tasks, and the lines of its log. */
  function written(level: LogLevel) {
    const lines: { msg: string; level: number; traceback?: string }[] = []
    const logger = createLogger(level, { write: (line: string) => void lines.push(JSON.parse(line)) })
    const app = setting().app({ logger })
    const boom = app.task('boom', () => Promise.reject(new RangeError('no')), {
      retry: { max: 1, delay: 1, jitter: 'none' },
    })
    const texts = () => lines.map(({ msg }) => msg.replace(/\[.*?\]|\d+\.\d{3}s/g, ''))
    return { app, boom, lines, texts }
  }

  test('logs as the command line does: a failing call leaves a trace though nobody waits for it', async () => {
    const { app, boom, lines, texts } = written('info')
    const worker = await setting().work(app, { hostname: 'w@x', ...OWN_LOG })
    await boom.delay()
    await until(() => texts().some((text) => text.includes('failed')))
    await worker.stop()
    // The repeat may arrive before the signal of the retry.
    expect([texts()[0], ...texts().slice(1, -2).sort(), ...texts().slice(-2)]).toEqual([
      'w@x ready',
      'Task boom received',
      'Task boom received',
      'Task boom retry 1 in : RangeError: no',
      'Task boom failed in : RangeError: no',
      'w@x stops: stop',
    ])
    expect(lines.find(({ level }) => level === 50)?.traceback).toContain('RangeError: no\n    at ')
  })

  test.each(['the worker', 'the app'])('logger: false of %s silences it', async (whose) => {
    const { app, boom, lines } = written('info')
    if (whose === 'the app') app.configure({ logger: false })
    await setting().work(app, whose === 'the worker' ? { logger: false } : OWN_LOG)
    const failed = next(app, 'task:failure')
    await boom.delay()
    await failed
    expect(lines).toEqual([])
  })

  test('workers of one app write one log, which ends with the last', async () => {
    const { app, texts } = written('info')
    const one = await setting().work(app, { hostname: 'one@x', ...OWN_LOG })
    const two = await setting().work(app, { hostname: 'two@x', ...OWN_LOG })
    await one.stop()
    await two.stop()
    expect(texts()).toEqual(['one@x ready', 'two@x ready', 'one@x stops: stop', 'two@x stops: stop'])
    app.signals.emit('worker:ready', { hostname: 'three@x' })
    expect(texts()).toHaveLength(4)
  })

  test('what the level leaves out is not listened to', async () => {
    const { app } = written('error')
    await setting().work(app, OWN_LOG)
    expect([app.signals.has('task:success'), app.signals.has('task:received')]).toEqual([false, false])
    expect(app.signals.has('task:failure')).toBe(true)
  })
})
