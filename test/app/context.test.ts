import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { z } from 'zod'
import type { JobInfo } from '../../src/calls/jobInfo.ts'
import { ArgumentError, SoftTimeLimitExceeded, TaskRevokedError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask, type TaskContext } from '../../src/tasks/current.ts'
import { onSqliteOrEachStore, until } from './lab.ts'
import { storesOf } from './stores.ts'

/** The running task, surely. */
function current(): TaskContext {
  const task = currentTask()
  if (!task) throw new Error('expected to run as a task')
  return task
}

onSqliteOrEachStore((lab) => {
  it('currentTask is the own task across awaits, timers and nested functions, for many at once', async () => {
    const app = lab().app()
    const all = Promise.withResolvers<void>()
    let here = 0
    const deep = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return current().id
    }
    const look = app.task('look', async () => {
      const ids = [current().id]
      if (++here === 5) all.resolve()
      await all.promise
      ids.push(current().id, await deep())
      await new Promise<void>((resolve) => setImmediate(() => resolve(void ids.push(current().id))))
      return ids
    })
    await lab().work(app)
    const handles = await look.delayMany([[], [], [], [], []])
    for (const handle of handles) {
      const ids = await handle.get()
      expect(ids).toEqual(Array(4).fill(handle.id))
    }
    expect(currentTask()).toBeUndefined()
  })

  it('counts attempts from 1', async () => {
    const app = lab().app()
    const attempts: number[] = []
    const flaky = app.task(
      'flaky',
      () => {
        attempts.push(current().attempt)
        if (attempts.length < 3) throw new Error('again')
      },
      { retry: { max: 5, delay: 1 } },
    )
    await lab().work(app)
    const handle = await flaky.delay()
    await handle.get()
    expect(attempts).toEqual([1, 2, 3])
    expect((await handle.info())?.retries).toBe(2)
  })

  it('folds progress: few writes, the last value stays', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<void>()
    const count = app.task('count', async (last: number) => {
      for (let n = 1; n <= last; n++) await current().progress({ n })
      await gate.promise
      return 'done'
    })
    const { unitOfWork } = await storesOf(app)
    let writes = 0
    const write = unitOfWork.write.bind(unitOfWork)
    unitOfWork.write = (writing) => {
      if (writing.meta?.status === 'PROGRESS') writes++
      return write(writing)
    }
    await lab().work(app)
    const start = performance.now()
    const handle = await count.delay(20_000)
    let last: JobInfo | undefined
    for await (const event of handle.events()) {
      if (event.type !== 'progress') continue
      last = event.info
      if ((event.data as { n: number }).n === 20_000) break
    }
    const elapsed = performance.now() - start
    expect(last).toMatchObject({ state: 'PROGRESS', progress: { n: 20_000 } })
    expect(writes).toBeGreaterThan(0)
    expect(writes).toBeLessThanOrEqual(2 + elapsed / 90)
    gate.resolve()
    expect(await handle.get()).toBe('done')
    // What came after the end would have been stored over it.
    expect((await handle.info())?.progress).toBeUndefined()
  })

  it('progress fits its schema, as a result fits its own', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<void>()
    const progress = z.object({ done: z.number().transform((share) => `${share * 100} %`) })
    const task = app.task({
      name: 'task',
      input: z.object({ share: z.unknown() }),
      progress,
      async run({ share }, ctx) {
        await ctx.progress({ done: share as number })
        await gate.promise
      },
    })
    await lab().work(app)
    const handle = await task.delay({ share: 0.5 })
    await until(async () => (await handle.state()) === 'PROGRESS')
    expect((await handle.info())?.progress).toEqual({ done: '50 %' })
    gate.resolve()
    await handle.get()
    await expect(task.delay({ share: 'half' }).get()).rejects.toMatchObject({
      type: 'ValidationError',
      message: expect.stringMatching(/^task task: progress: done: /),
    })
  })

  it('its log bears its name and id', async () => {
    const lines: object[] = []
    const app = lab().app({ logger: createLogger('info', { write: (line) => lines.push(JSON.parse(line)) }) })
    const task = app.task('task', () => current().log.info({ page: 3 }, 'rendering'))
    await lab().work(app)
    const handle = await task.delay()
    await handle.get()
    expect(lines).toEqual([expect.objectContaining({ task: 'task', id: handle.id, page: 3, msg: 'rendering' })])
  })

  it('states of its own, with what goes with them; those of the program are refused', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<void>()
    const refused: string[] = []
    const steps = app.task('steps', async () => {
      for (const state of ['SUCCESS', 'FAILURE', 'REVOKED', 'PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'UNKNOWN', '']) {
        await current()
          .updateState(state)
          .catch((error: unknown) => refused.push(error instanceof ArgumentError ? state : 'another error'))
      }
      await current().updateState('STEP 1', { file: 'a.csv' })
      await gate.promise
      await current().updateState('STEP 2')
      return 'end'
    })
    await lab().work(app)
    const handle = await steps.delay()
    await until(async () => (await handle.state()) === 'STEP 1')
    expect(await handle.info()).toMatchObject({ state: 'STEP 1', progress: { file: 'a.csv' }, result: undefined })
    expect(await handle.ready()).toBe(false)
    expect(refused).toEqual(['SUCCESS', 'FAILURE', 'REVOKED', 'PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'UNKNOWN', ''])
    gate.resolve()
    expect(await handle.get()).toBe('end')
  })

  it('progress rejects once the task is revoked, so that a loop that awaits it ends', async () => {
    const app = lab().app()
    const ends: unknown[] = []
    const loop = app.task('loop', async () => {
      try {
        for (let n = 0; ; n++) await current().progress(n)
      } catch (error) {
        ends.push(error, current().signal.aborted, current().signal.reason)
        throw error
      }
    })
    await lab().work(app)
    const handle = await loop.delay()
    await until(async () => (await handle.state()) === 'PROGRESS')
    await handle.revoke()
    await expect(handle.get()).rejects.toMatchObject({ code: 'TASK_REVOKED', message: 'revoked' })
    expect(ends).toEqual([expect.any(TaskRevokedError), true, expect.any(TaskRevokedError)])
  })

  it('a soft time limit aborts the signal; a task that gives in fails, without a retry', async () => {
    const app = lab().app()
    const reasons: unknown[] = []
    const obey = app.task(
      'obey',
      async () => {
        const { signal } = current()
        await sleep(20_000, undefined, { signal }).catch(() => reasons.push(signal.reason))
        throw signal.reason
      },
      { softTimeLimit: 30, retry: 3 },
    )
    const finish = app.task('finish', async () => {
      const { signal } = current()
      await sleep(20_000, undefined, { signal }).catch(() => undefined)
      return 'partial'
    })
    await lab().work(app)
    const handle = await obey.delay()
    await expect(handle.get()).rejects.toMatchObject({
      type: 'SoftTimeLimitExceeded',
      message: 'the soft time limit is over',
    })
    expect(reasons).toEqual([expect.any(SoftTimeLimitExceeded)])
    expect((await handle.info())?.retries).toBe(0)
    expect(await finish.applyAsync([], { softTimeLimit: '30ms' }).get()).toBe('partial')
    // What takes the signal rejects with an AbortError of its own: the same end, without a retry.
    const plain = app.task('plain', () => sleep(20_000, 'end', { signal: current().signal }), { retry: 3 })
    const aborted = plain.applyAsync([], { softTimeLimit: '30ms' })
    await expect(aborted.get()).rejects.toMatchObject({ type: 'SoftTimeLimitExceeded' })
    expect((await (await aborted).info())?.retries).toBe(0)
    // Limits beyond Node's longest timer are not over at once.
    const slow = app.task('slow', () => sleep(30, 'ended'))
    expect(await slow.applyAsync([], { softTimeLimit: '30d', timeLimit: '30d' }).get()).toBe('ended')
  })

  it.each(['inline', 'solo'] as const)(
    '%s: a hard time limit gives the task up, tells it, and goes on',
    async (pool) => {
      const app = lab().app()
      const late: string[] = []
      const deaf = app.task('deaf', async () => {
        const task = current()
        await new Promise((resolve) => task.signal.addEventListener('abort', resolve, { once: true }))
        // It goes on unheard.
        task.progress('late').catch(() => late.push('told'))
        return 'too late'
      })
      const add = app.task('add', (x: number) => x + 1)
      await lab().work(app, { pool })
      const handle = await deaf.applyAsync([], { timeLimit: 50 })
      await expect(handle.get()).rejects.toMatchObject({ type: 'TimeLimitExceeded', message: 'the time limit is over' })
      expect(await add.delay(1).get()).toBe(2)
      await until(() => late.length === 1)
      expect(await handle.info()).toMatchObject({ state: 'FAILURE', error: { type: 'TimeLimitExceeded' } })
    },
  )

  it('STARTED is stored where it is asked for', async () => {
    const app = lab().app({ trackStarted: true })
    const gate = Promise.withResolvers<void>()
    const tracked = app.task('tracked', () => gate.promise)
    const untracked = app.task('untracked', () => gate.promise, { trackStarted: false })
    const worker = await lab().work(app)
    const [handle, other] = [await tracked.delay(), await untracked.delay()]
    await until(async () => (await handle.state()) === 'STARTED')
    await until(() => worker.busy === 2)
    const info = await handle.info()
    expect(info).toMatchObject({ worker: worker.hostname, progress: undefined })
    expect(info?.startedAt).toBeInstanceOf(Date)
    expect(await other.state()).toBe('PENDING')
    gate.resolve()
    await handle.get()
  })

  it('solo runs one at a time, inline as many as it may', async () => {
    const app = lab().app()
    let now = 0
    let most = 0
    let expected = 0
    const task = app.task('task', async () => {
      most = Math.max(most, ++now)
      await until(() => most >= expected)
      // Time for one too many.
      await sleep(20)
      now--
    })
    const run = async (options: object, together: number): Promise<number> => {
      most = 0
      expected = together
      const worker = await lab().work(app, options)
      await Promise.all((await task.delayMany(Array(12).fill([]))).map((handle) => handle.get()))
      await worker.stop()
      return most
    }
    expect(await run({ pool: 'solo' }, 1)).toBe(1)
    expect(await run({ concurrency: 3 }, 3)).toBe(3)
    expect(await run({}, 12)).toBe(12)
  })
})
