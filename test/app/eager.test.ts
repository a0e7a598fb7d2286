import { expect, it } from 'vitest'
import { z } from 'zod'
import { Fatal, Reject, UnknownJobError, ValidationError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { record, useLab } from './lab.ts'

const lab = useLab('memory')

it('runs at once, without a worker: results, records, nothing in the queue', async () => {
  const app = lab().app({ alwaysEager: true, broker: 'sqlite:never/opened.db' })
  const add = app.task('add', (x: number, y: number) => x + y)
  const handle = await add.delay(1, 2)
  expect(await handle.state()).toBe('SUCCESS')
  expect(await handle.get()).toBe(3)
  expect(await handle.info()).toMatchObject({ task: 'add', queue: 'celery', result: 3, retries: 0 })
  expect(await app.queueSize()).toBe(0)
  expect(
    (
      await add.delayMany([
        [1, 1],
        [2, 2],
      ])
    ).length,
  ).toBe(2)
  expect(await add.applyAsync([1, 2], { countdown: '1d' }).get()).toBe(3)
  expect(String(app.config.broker)).toBe('memory:')
})

it('records failures, and retries without waiting', async () => {
  const app = lab().app({ alwaysEager: true })
  const attempts: number[] = []
  const flaky = app.task(
    'flaky',
    (good: number) => {
      const { attempt } = currentTask()!
      attempts.push(attempt)
      if (attempt < good) throw new RangeError(`attempt ${attempt}`)
      return attempt
    },
    { retry: { max: 3, delay: '1h' } },
  )
  expect(await flaky.delay(3).get()).toBe(3)
  const handle = await flaky.delay(9)
  await expect(handle.get()).rejects.toMatchObject({ type: 'RangeError', message: 'attempt 4' })
  expect(await handle.info()).toMatchObject({ state: 'FAILURE', retries: 3 })
  expect(attempts).toEqual([1, 2, 3, 1, 2, 3, 4])
  const fatal = app.task('fatal', () => Promise.reject(new Fatal('never')), { retry: 3 })
  await expect(fatal.delay().get()).rejects.toThrow('never')
  const reject = app.task('reject', () => Promise.reject(new Reject('not mine')))
  await expect(reject.delay().get()).rejects.toMatchObject({ type: 'Reject', message: 'not mine' })
  await expect(app.send('nowhere').get()).rejects.toMatchObject({ type: 'NotRegistered', message: 'nowhere' })
})

it('keeps no record where results are ignored', async () => {
  const app = lab().app({ alwaysEager: true })
  let runs = 0
  const quiet = app.task('quiet', () => ++runs, { ignoreResult: true })
  const handle = await quiet.delay()
  expect(runs).toBe(1)
  await expect(handle.get()).rejects.toMatchObject({ code: 'RESULT_IGNORED' })
  await expect(app.result(handle.id).get()).rejects.toThrow(UnknownJobError)
})

it('passes what a wire would: copies, only what can be carried, checked input', async () => {
  const app = lab().app({ alwaysEager: true })
  const push = app.task('push', (list: number[]) => list.push(3))
  const mine = [1, 2]
  expect(await push.delay(mine).get()).toBe(3)
  expect(mine).toEqual([1, 2])
  await expect(push.delay((() => 1) as never)).rejects.toThrow('args[0]: functions cannot be sent')
  const bad = app.task('bad', () => new Map())
  await expect(bad.delay().get()).rejects.toMatchObject({ type: 'EncodeError' })
  const square = app.task({ name: 'square', input: z.object({ n: z.number() }), run: ({ n }) => n * n })
  expect(() => square.delay({ n: 'x' as never })).toThrow(ValidationError)
  expect(await square.delay({ n: 3 }).get()).toBe(9)
})

it('sends once per idempotency key, knows parents, passes middleware and signals', async () => {
  const app = lab().app({ alwaysEager: true })
  let runs = 0
  const child = app.task('child', () => ({ runs: ++runs, parent: currentTask()?.parentId }))
  const top = app.task('top', async () => child.delay().get())
  expect(await child.applyAsync([], { idempotencyKey: 'k' }).get()).toMatchObject({ runs: 1 })
  expect(await child.applyAsync([], { idempotencyKey: 'k' }).get()).toMatchObject({ runs: 1 })
  const told = record(app)
  const layers: string[] = []
  app.use({
    send: (call, next) => {
      layers.push(`send ${call.task}`)
      return next(call)
    },
    run: (run, next) => {
      layers.push(`run ${run.job.task}`)
      return next(run)
    },
  })
  const handle = await top.delay()
  expect(await handle.get()).toEqual({ runs: 2, parent: handle.id })
  expect(layers).toEqual(['send top', 'run top', 'send child', 'run child'])
  expect(told.map(({ name }) => name)).toEqual([
    'task:before-publish',
    'task:before-publish',
    'task:after-publish',
    'task:after-publish',
  ])
})
