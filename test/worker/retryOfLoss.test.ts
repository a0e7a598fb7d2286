import { describe, expect, it } from 'vitest'
import { SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onSqliteOrEachStore, record, type Told, until, useLab } from '../app/lab.ts'
import { define } from './modules/tasks.ts'

const FAST = { delay: 1, jitter: 'none', backoff: 'fixed' } as const

function errorsOf(told: readonly Told[], signal: 'task:retry' | 'task:failure'): unknown[] {
  return told.flatMap(({ name, event }) => (name === signal ? [(event as { error: { type: string } }).error.type] : []))
}

onSqliteOrEachStore((lab) => {
  it('a hard time limit is retried as the policy says, counted, and then the failure', async () => {
    const app = lab().app()
    const told = record(app)
    const attempts: unknown[] = []
    const late = app.task(
      'late',
      () => {
        attempts.push(currentTask()?.attempt)
        return new Promise(() => undefined)
      },
      { timeLimit: 30, retry: { max: 3, ...FAST } },
    )
    await lab().work(app)
    const handle = await late.delay()
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'TimeLimitExceeded' })
    expect(attempts).toEqual([1, 2, 3, 4])
    expect(await handle.info()).toMatchObject({ state: 'FAILURE', retries: 3, error: { type: 'TimeLimitExceeded' } })
    await until(() => errorsOf(told, 'task:failure').length === 1)
    expect(errorsOf(told, 'task:retry')).toEqual(Array(3).fill('TimeLimitExceeded'))
  })

  it('while it waits, its record is RETRY and says why; it may succeed then', async () => {
    const app = lab().app()
    const slow = app.task('slow', () => (currentTask()?.attempt === 1 ? new Promise(() => undefined) : 'in time'), {
      timeLimit: 500,
      acksLate: false,
      retry: { max: 1, delay: '400ms', jitter: 'none' },
    })
    await lab().work(app)
    const handle = await slow.delay()
    await until(async () => (await handle.state()) === 'RETRY')
    expect(await handle.info()).toMatchObject({ retries: 1, error: { type: 'TimeLimitExceeded' } })
    expect(await handle.get({ timeout: '20s' })).toBe('in time')
  })
})

describe('which ends are retried', () => {
  const lab = useLab('memory')

  it.each([
    ['no policy', 0, 0],
    ['any error', { max: 1 }, 1],
    ['on: this one', { max: 1, on: [TimeLimitExceeded] }, 1],
    ['on: another', { max: 1, on: [WorkerLostError] }, 0],
    ['except: this one', { max: 1, except: [TimeLimitExceeded] }, 0],
  ] as const)('hard time limit, %s', async (_, retry, retries) => {
    const app = lab().app()
    const policy = typeof retry === 'number' ? retry : { ...FAST, ...retry }
    const late = app.task('late', () => new Promise(() => undefined), { timeLimit: 20, retry: policy })
    await lab().work(app)
    const handle = await late.delay()
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'TimeLimitExceeded' })
    expect((await handle.info())?.retries).toBe(retries)
  })

  it.each([
    ['any error', { max: 1 }, 0],
    ['on: this one', { max: 1, on: [SoftTimeLimitExceeded] }, 1],
  ] as const)('soft time limit, %s', async (_, retry, retries) => {
    const app = lab().app()
    const polite = app.task(
      'polite',
      async () => {
        for (;;) {
          await currentTask()?.progress(0)
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
      },
      { softTimeLimit: 20, retry: { ...FAST, ...retry } },
    )
    await lab().work(app)
    const handle = await polite.delay()
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'SoftTimeLimitExceeded' })
    expect((await handle.info())?.retries).toBe(retries)
  })
})

describe('a thread that dies', () => {
  const lab = useLab('sqlite')
  const module = new URL('./modules/tasks.ts', import.meta.url).href

  it('is retried by the policy of the call, each time in a new thread, after its delay', async () => {
    const app = define(lab().app())
    const told = record(app)
    await lab().work(app, { pool: 'threads', concurrency: 1, module, maxChildLosses: 5 })
    const handle = await app.send('exit', [], { retry: { max: 3, delay: 60, backoff: 'fixed', jitter: 'none' } })
    const begun = performance.now()
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({
      type: 'WorkerLostError',
      message: expect.stringContaining('exit code 3'),
    })
    expect(performance.now() - begun).toBeGreaterThan(180)
    expect(await handle.info()).toMatchObject({ state: 'FAILURE', retries: 3 })
    await until(() => errorsOf(told, 'task:failure').length === 1)
    expect(errorsOf(told, 'task:retry')).toEqual(Array(3).fill('WorkerLostError'))
    // The pool is whole.
    expect(await app.send('add', [1, 2]).get({ timeout: '20s' })).toBe(3)
  })

  it('a loop that is ended by its hard limit is retried, too, and without a policy it is not', async () => {
    const app = define(lab().app())
    await lab().work(app, { pool: 'threads', concurrency: 1, module })
    const handle = await app.send('spin', [], { timeLimit: 100, retry: { max: 1, ...FAST } })
    const once = await app.send('spin', [], { timeLimit: 100 })
    for (const [each, retries] of [
      [handle, 1],
      [once, 0],
    ] as const) {
      await expect(each.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'TimeLimitExceeded' })
      expect((await each.info())?.retries).toBe(retries)
    }
  })
})
