import { expect, it } from 'vitest'
import type { Signals } from '../../src/app/signals.ts'
import type { BackoffFunction, RetryOptions } from '../../src/config/retryOptions.ts'
import { Fatal, Ignore, Reject, RetryAfter } from '../../src/std/errors.ts'
import type { Logger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { next, onFewStores, record, type Told, until } from './lab.ts'

class Transient extends Error {
  override readonly name: string = 'Transient'
}
class Permanent extends Transient {
  override readonly name = 'Permanent'
}

const FAST = { delay: 1, jitter: 'none', backoff: 'fixed' } as const

/** Of each task in the order of its runs: after a delay of milliseconds the next run may be reported before the last. */
function delays(told: readonly Told[]): number[] {
  const retries = told.flatMap(({ name, event }) => (name === 'task:retry' ? [event as Signals['task:retry']] : []))
  const tasks = [...Map.groupBy(retries, ({ id }) => id).values()]
  return tasks.flatMap((own) => own.toSorted((a, b) => a.retries - b.retries).map(({ delay }) => delay))
}

onFewStores((lab) => {
  it('retry(): after its countdown; its cause is seen as state RETRY meanwhile', async () => {
    const app = lab().app()
    const at: number[] = []
    const task = app.task('task', () => {
      at.push(Date.now())
      if (at.length === 1) currentTask()?.retry({ countdown: '400ms', cause: new Transient('server is tired') })
      return at.length
    })
    await lab().work(app)
    const handle = await task.delay()
    await until(async () => (await handle.state()) === 'RETRY')
    expect(await handle.info()).toMatchObject({
      state: 'RETRY',
      retries: 1,
      error: { type: 'Transient', message: 'server is tired' },
      result: undefined,
      progress: undefined,
    })
    expect(await handle.ready()).toBe(false)
    expect(await handle.get()).toBe(2)
    expect(at[1]).toBeGreaterThanOrEqual((at[0] as number) + 400)
  })

  it('retry(): exhausted, the task fails with the cause', async () => {
    const app = lab().app()
    let runs = 0
    const asks = app.task('asks', (cause: boolean) => {
      runs++
      currentTask()?.retry({ countdown: 1, cause: cause ? new Transient(`run ${runs}`) : undefined })
    })
    const twice = app.task('twice', () => currentTask()?.retry({ cause: new Transient('still') }), {
      retry: { max: 1, ...FAST },
    })
    await lab().work(app)
    const handle = await asks.delay(true)
    await expect(handle.get()).rejects.toMatchObject({ type: 'Transient', message: 'run 4' })
    expect(await handle.info()).toMatchObject({ state: 'FAILURE', retries: 3 })
    await expect(asks.delay(false).get()).rejects.toMatchObject({ type: 'Retry' })
    const limited = await twice.delay()
    await expect(limited.get()).rejects.toMatchObject({ type: 'Transient', message: 'still' })
    expect((await limited.info())?.retries).toBe(1)
  })

  it('follows the policy of the task', async () => {
    const policies: Record<string, [RetryOptions | number, () => Error, retries: number]> = {
      none: [0, () => new Transient('t'), 0],
      'a maximum': [{ max: 2, ...FAST }, () => new Transient('t'), 2],
      'on: a class that fits': [{ max: 2, ...FAST, on: [Transient] }, () => new Permanent('p'), 2],
      'on: none that fits': [{ max: 2, ...FAST, on: [RangeError, Permanent] }, () => new Transient('t'), 0],
      'except: a class that fits': [{ max: 2, ...FAST, except: [Permanent] }, () => new Permanent('p'), 0],
      'except: none that fits': [{ max: 2, ...FAST, except: [Permanent] }, () => new Transient('t'), 2],
      'except over on': [{ max: 2, ...FAST, on: [Transient], except: [Permanent] }, () => new Permanent('p'), 0],
      Fatal: [{ max: 2, ...FAST }, () => new Fatal('f'), 0],
    }
    const app = lab().app()
    await lab().work(app)
    for (const [what, [retry, make, retries]] of Object.entries(policies)) {
      const handle = await app.task(what, () => Promise.reject(make()), { retry }).delay()
      await expect(handle.get(), what).rejects.toThrow(make().message)
      expect(await handle.info(), what).toMatchObject({ state: 'FAILURE', retries, error: { type: make().name } })
    }
  })

  it('a call may bring its own policy, which outlives the retries', async () => {
    const app = lab().app()
    const told = record(app)
    const task = app.task('task', () => Promise.reject(new Transient('t')), {
      retry: { max: 9, delay: '1h', except: [Permanent] },
    })
    const strict = app.task('strict', () => Promise.reject(new Permanent('p')), {
      retry: { max: 9, except: [Permanent] },
    })
    await lab().work(app)
    const own = { max: 3, delay: 2, backoff: 'exponential', jitter: 'none', maxDelay: 5 } as const
    const handle = await task.applyAsync([], { retry: own })
    await expect(handle.get()).rejects.toThrow('t')
    expect((await handle.info())?.retries).toBe(3)
    await until(() => delays(told).length === 3)
    expect(delays(told)).toEqual([2, 4, 5])
    const never = await task.applyAsync([], { retry: 0 })
    await expect(never.get()).rejects.toThrow('t')
    expect((await never.info())?.retries).toBe(0)
    // Which errors are retried stays the task's to say.
    const excepted = await strict.applyAsync([], { retry: 5 })
    await expect(excepted.get()).rejects.toThrow('p')
    expect((await excepted.info())?.retries).toBe(0)
  })

  it('backoff as a list: of a task and of a call, the last one again for those that follow', async () => {
    const app = lab().app()
    const told = record(app)
    const task = app.task('task', () => Promise.reject(new Transient('t')), {
      retry: { max: 3, backoff: ['7ms', 3] },
    })
    await lab().work(app)
    await expect(task.delay().get()).rejects.toThrow('t')
    await until(() => delays(told).length === 3)
    await expect(task.applyAsync([], { retry: { max: 2, backoff: [1, 2, 9] } }).get()).rejects.toThrow('t')
    await until(() => delays(told).length === 5)
    expect(delays(told)).toEqual([7, 3, 3, 1, 2])
    const jittered = await task.applyAsync([], { retry: { max: 1, backoff: ['10d'], jitter: 'full' } })
    await until(() => delays(told).length === 6)
    expect(delays(told)[5]).toBeLessThan(10 * 86_400_000)
    await jittered.revoke()
  })

  it('backoff as a function gets the failed attempt and its error', async () => {
    const app = lab().app()
    const told = record(app)
    const asked: [number, string][] = []
    let run = 0
    const task = app.task(
      'task',
      () => {
        run += 1
        if (run === 2) return currentTask()?.retry({ cause: new Permanent('p') })
        throw new Transient(`run ${run}`)
      },
      {
        retry: {
          max: 3,
          backoff: (attempt, error) => {
            asked.push([attempt, (error as Error).message])
            return `${attempt}ms`
          },
        },
      },
    )
    await lab().work(app)
    await expect(task.delay().get()).rejects.toThrow('run 4')
    await until(() => delays(told).length === 3)
    expect(delays(told)).toEqual([1, 2, 3])
    expect(asked).toEqual([
      [1, 'run 1'],
      [2, 'p'],
      [3, 'run 3'],
    ])
  })

  it('a function that throws or returns no duration: the exponential wait, and a line of the log', async () => {
    const lines: [fields: { err: Error; task: string }, text: string][] = []
    const error = (fields: object, text: string): void => {
      lines.push([fields as { err: Error; task: string }, text])
    }
    const quiet = (): void => undefined
    const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error, child: () => logger }
    const app = lab().app({ logger })
    const told = record(app)
    const backoffs: BackoffFunction[] = [
      () => {
        throw new Error('no idea')
      },
      () => 'later',
      () => Number.NaN,
      (() => Promise.resolve(5)) as never,
    ]
    await lab().work(app)
    for (const [index, backoff] of backoffs.entries()) {
      const task = app.task(`task ${index}`, () => Promise.reject(new Transient('t')), { retry: { max: 1, backoff } })
      const { id } = await task.delay()
      await until(() => delays(told).length === index + 1)
      expect(delays(told)[index]).toBe(1000)
      await app.result(id).revoke()
    }
    const said = lines.filter(([, text]) => text.includes('retry.backoff'))
    expect(said.map(([{ err }]) => err.message)).toEqual([
      'no idea',
      expect.stringMatching(/^task task 1: retry.backoff: its result: expected milliseconds.*got "later"/),
      expect.stringMatching(/^task task 2: .*got null$/),
      expect.stringMatching(/^task task 3: .*got \{\}$/),
    ])
  })

  it('a policy in a foreign message that makes no sense fails the task', async () => {
    const app = lab().app()
    let runs = 0
    const task = app.task('task', () => Promise.reject(new Transient(`run ${++runs}`)), { retry: { max: 1, ...FAST } })
    await lab().work(app)
    for (const policy of [{ max: 'many' }, { max: 1, delay: -5 }, 7, null, { max: 2, kind: 'sudden' }]) {
      const handle = await task.applyAsync([], { headers: { celeriac_retry: policy } })
      await expect(handle.get()).rejects.toThrow(/^header celeriac_retry: retry/)
    }
    expect(runs).toBe(0)
  })

  it('backs off exponentially, with full jitter, within its bounds', async () => {
    const app = lab().app()
    const told = record(app)
    const task = app.task('task', () => Promise.reject(new Transient('t')), {
      retry: { max: 5, delay: 4, maxDelay: 20 },
    })
    await lab().work(app)
    const handles = await task.delayMany(Array(20).fill([]))
    await Promise.all(handles.map((handle) => expect(handle.get()).rejects.toThrow('t')))
    const all = () =>
      told.flatMap(({ name, event }) => (name === 'task:retry' ? [event as { retries: number; delay: number }] : []))
    await until(() => all().length === 100)
    const retries = all()
    for (const { retries: nth, delay } of retries) {
      expect(delay).toBeGreaterThanOrEqual(0)
      expect(delay).toBeLessThanOrEqual(Math.min(4 * 2 ** nth, 20))
    }
    expect(new Set(retries.map(({ delay }) => delay)).size).toBeGreaterThan(5)
  })

  it('RetryAfter: as long as a server asked for; nonsense falls back to the policy', async () => {
    const app = lab().app()
    const told = record(app)
    const polite = app.task(
      'polite',
      (header: string) => {
        if (currentTask()?.attempt === 1)
          throw RetryAfter.from(new Response('', { status: 429, headers: { 'retry-after': header } }))
      },
      { retry: { max: 1, ...FAST } },
    )
    const vague = app.task(
      'vague',
      () => {
        if (currentTask()?.attempt === 1) throw new RetryAfter(Number.NaN)
      },
      { retry: { max: 1, ...FAST } },
    )
    await lab().work(app)
    await polite.delay('0').get()
    await until(() => delays(told).length > 0)
    expect(delays(told)).toEqual([0])
    const handle = await polite.delay('3600')
    await until(async () => (await handle.state()) === 'RETRY')
    expect(await handle.info()).toMatchObject({ error: { type: 'RetryAfter', message: 'HTTP 429 asked to wait' } })
    await until(() => delays(told).length === 2)
    expect(delays(told)[1]).toBe(3_600_000)
    await vague.delay().get()
    await until(() => delays(told)[2] === 1)
  })

  it('Ignore leaves the state to the task, and is acknowledged', async () => {
    const app = lab().app()
    const task = app.task('task', async () => {
      await currentTask()?.updateState('HANDED OVER', { to: 'Python' })
      throw new Ignore()
    })
    const ended = next(app, 'task:postrun')
    const worker = await lab().work(app)
    const handle = await task.delay()
    await ended
    await until(() => worker.busy === 0)
    expect(await handle.info()).toMatchObject({ state: 'HANDED OVER', progress: { to: 'Python' } })
    await worker.stop()
    expect(await app.queueSize()).toBe(0)
  })

  it('Reject gives back, to be run by another, or drops', async () => {
    const app = lab().app()
    const seen: unknown[] = []
    const task = app.task('task', (requeue: boolean) => {
      seen.push(currentTask()?.redelivered)
      if (seen.length < 3) throw new Reject('not now', { requeue })
      return 'at last'
    })
    await lab().work(app)
    expect(await task.delay(true).get()).toBe('at last')
    expect(seen).toEqual([false, true, true])
    seen.length = 0
    const handle = await task.delay(false)
    await expect(handle.get()).rejects.toMatchObject({ type: 'Reject', message: 'not now' })
    expect(seen).toEqual([false])
    expect(await app.queueSize()).toBe(0)
  })
})
