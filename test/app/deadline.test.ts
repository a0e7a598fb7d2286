import { describe, expect, it } from 'vitest'
import { chain } from '../../src/calls/workflow.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { testApp } from '../../src/testing/testing.ts'
import { onSqliteOrEachStore, until, useLab } from './lab.ts'

const HOUR = 3_600_000

function here(): number | undefined {
  return currentTask()?.deadline?.getTime()
}

onSqliteOrEachStore((lab) => {
  describe('a deadline', () => {
    it('a repeat that would begin after it is not made: the task fails with its last error', async () => {
      const app = lab().app()
      let runs = 0
      const task = app.task('task', () => Promise.reject(new RangeError(`run ${++runs}`)), {
        retry: { max: 9, backoff: [1, '2h'] },
        deadline: '1h',
      })
      await lab().work(app)
      const handle = await task.delay()
      await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'RangeError', message: 'run 2' })
      const info = await handle.info()
      expect(info).toMatchObject({ state: 'FAILURE', retries: 1 })
      expect(info?.error?.traceback).toMatch(/^RangeError: run 2[\s\S]*\nNot repeated: its deadline is 2\S+Z, and it /)
    })

    it('a message that waits at its deadline ends as an expired one', async () => {
      const app = lab().app()
      let runs = 0
      const task = app.task('task', () => ++runs)
      const handles = [
        await task.applyAsync([], { queue: 'later', deadline: 1 }),
        await task.applyAsync([], { queue: 'later', deadline: new Date(Date.now() - HOUR) }),
      ]
      await lab().work(app, { queues: ['later'] })
      for (const handle of handles)
        await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({
          message: expect.stringMatching('expired'),
        })
      expect(runs).toBe(0)
    })

    it('is the same in each run: that of the call, else of the task, known to the worker alone or not', async () => {
      const app = lab().app()
      const stranger = lab().kind === 'memory' ? app : lab().app()
      const seen: (number | undefined)[] = []
      const task = app.task(
        'task',
        () => {
          seen.push(here())
          if (seen.length % 3 !== 0) throw new Error('again')
          return seen.length
        },
        { retry: { max: 2, backoff: [1] }, deadline: '1h' },
      )
      await lab().work(app)
      const asked = Date.now()
      await task.delay().get({ timeout: '20s' })
      await task.applyAsync([], { deadline: new Date(asked + 5 * HOUR) }).get({ timeout: '20s' })
      await stranger.send('task', []).get({ timeout: '20s' })
      await stranger.send('task', [], { taskId: 'named-by-hand' }).get({ timeout: '20s' })
      expect(seen.length).toBe(12)
      for (const [first, after] of [
        [0, HOUR],
        [3, 5 * HOUR],
        [6, HOUR],
        [9, HOUR],
      ] as const) {
        expect(new Set(seen.slice(first, first + 3)).size).toBe(1)
        expect(Math.abs((seen[first] as number) - asked - after)).toBeLessThan(60_000)
      }
    })
  })

  describe('ctx.snooze', () => {
    it('runs again later, and counts no attempt', async () => {
      const app = lab().app()
      const attempts: number[] = []
      const task = app.task(
        'task',
        () => {
          attempts.push(currentTask()?.attempt as number)
          if (attempts.length === 2) throw new Error('once')
          if (attempts.length < 4) currentTask()?.snooze('700ms')
          return attempts.length
        },
        { retry: { max: 1, backoff: [1] } },
      )
      const told: object[] = []
      app.on('task:snoozed', ({ retries, delay }) => told.push({ retries, delay }))
      await lab().work(app, { concurrency: 1 })
      const handle = await task.delay()
      await until(async () => (await handle.state()) === 'SNOOZED')
      const { progress, error } = (await handle.info()) ?? {}
      expect([Number.isNaN(Date.parse((progress as { until: string }).until)), error]).toEqual([false, undefined])
      expect(await handle.get({ timeout: '20s' })).toBe(4)
      expect(attempts).toEqual([1, 1, 2, 2])
      expect(told).toEqual([
        { retries: 0, delay: 700 },
        { retries: 1, delay: 700 },
      ])
      expect((await handle.info())?.retries).toBe(1)
    })

    it('not for longer than there are dates, beyond the deadline', async () => {
      const app = lab().app()
      const task = app.task('task', () => currentTask()?.snooze(Number.MAX_VALUE), { deadline: '1h' })
      await lab().work(app)
      await expect(task.delay().get({ timeout: '20s' })).rejects.toMatchObject({ type: 'DeadlineExceeded' })
    })

    it('not beyond the deadline', async () => {
      const app = lab().app()
      const task = app.task('task', () => currentTask()?.snooze('2h'), { deadline: '1h', retry: 3 })
      await lab().work(app)
      await expect(task.delay().get({ timeout: '20s' })).rejects.toMatchObject({
        type: 'DeadlineExceeded',
        message: expect.stringMatching(/^its deadline is 2\S+Z, and it would run again at 2/),
      })
    })
  })
})

onSqliteOrEachStore((lab) => {
  it('a workflow gives its deadline to each task, and a task to what replaces it', async () => {
    const app = lab().app()
    const look = app.task('look', (before?: unknown) => [before ?? 0, here()].flat())
    const replaced = app.task('replaced', (): unknown => currentTask()?.replace(look.s()), { deadline: '3h' })
    await lab().work(app)
    const deadline = new Date(Date.now() + HOUR)
    const all = await chain(look.s(1), look.s()).applyAsync([], { deadline }).get({ timeout: '20s' })
    expect(all).toEqual([1, deadline.getTime(), deadline.getTime()])
    const [, passed] = (await replaced.delay().get({ timeout: '20s' })) as number[]
    expect(Math.round(((passed as number) - Date.now()) / HOUR)).toBe(3)
  })

  it('a wrong time to snooze fails the task', async () => {
    const app = lab().app()
    const task = app.task('task', () => currentTask()?.snooze('soon'))
    await lab().work(app)
    await expect(task.delay().get({ timeout: '20s' })).rejects.toThrow(/^snooze: expected milliseconds/)
  })
})

describe('without a worker, and in a test', () => {
  const lab = useLab('memory')

  it('eagerly, a snooze does not wait; without end it fails', async () => {
    const app = lab().app({ alwaysEager: true })
    let runs = 0
    const task = app.task('task', (times: number) => (++runs < times ? currentTask()?.snooze('1d') : runs))
    expect(await task.delay(5).get()).toBe(5)
    await expect(task.delay(1e9).get()).rejects.toMatchObject({ type: 'Snooze', message: /1000 times/ })
  })

  it('days pass in no time', async () => {
    const app = lab().app()
    const moments: number[] = []
    const task = app.task(
      'task',
      () => {
        moments.push(app.config.clock.now())
        currentTask()?.snooze('1d')
      },
      { deadline: '60h' },
    )
    const t = await testApp(app)
    const handle = await task.delay()
    await t.advance('70h')
    await expect(handle.get()).rejects.toMatchObject({ type: 'DeadlineExceeded' })
    expect(moments.map((moment) => Math.round((moment - (moments[0] as number)) / HOUR))).toEqual([0, 24, 48])
    await t.close()
  })
})
