import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, expectTypeOf, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { Celeriac } from '../../src/celeriac.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { type SentCall, type TestApp, testApp } from '../../src/testing/testing.ts'
import { command } from '../command.ts'
import { within } from '../wait.ts'
import { appOf, HOUR, MINUTE, START, useTests } from './scene.ts'

const begin = useTests()

describe('an app in a test', () => {
  it('runs what is sent, and lists it as it was given', async () => {
    const app = appOf()
    const add = app.task('add', (a: number, b: number) => a + b)
    const total = app.task({ name: 'total', input: z.object({ prices: z.array(z.number()) }), run: () => 0 })
    const t = await begin(app)
    const handle = await add.applyAsync([1, 2], { headers: { tenant: 'a' } })
    await total.delay({ prices: [1] })
    await app.send('elsewhere', [true])
    const [call] = t.sent(add)
    expectTypeOf(call).toEqualTypeOf<SentCall<[a: number, b: number]> | undefined>()
    expectTypeOf(t.sent(total)).toEqualTypeOf<SentCall<[input: { prices: number[] }]>[]>()
    expect(call).toEqual({
      id: handle.id,
      task: 'add',
      args: [1, 2],
      kwargs: {},
      options: { headers: { tenant: 'a' } },
      headers: { tenant: 'a' },
      queue: 'celery',
      state: 'SUCCESS',
    })
    await t.runUntilIdle()
    expect(t.sent(add)).toMatchObject([{ state: 'SUCCESS' }])
    expect(t.sent('total')).toMatchObject([{ args: [{ prices: [1] }], kwargs: {}, options: {}, state: 'SUCCESS' }])
    expect(t.sent('elsewhere')).toMatchObject([{ args: [true], state: 'FAILURE' }])
    expect(t.sent('another')).toEqual([])
    expect(await handle.get()).toBe(3)
  })

  it('is what it was before when the test ends, and empty in the next one', async () => {
    const app = appOf({ alwaysEager: false })
    const { config } = app
    const add = app.task('add', (a: number, b: number) => a + b)
    const open: TestApp[] = []
    for (let turn = 0; turn < 3; turn++) {
      // Not closed: the next one ends it.
      const t = await begin(app)
      open.push(t)
      expect([t.sent(add), (await app.jobs()).jobs, t.now.getTime()]).toEqual([[], [], START])
      expect(await add.delay(1, turn).get()).toBe(1 + turn)
      await t.advance('1h')
    }
    for (const t of open) await t.close()
    expect(app.config).toBe(config)
    const first = open[0] as TestApp
    await expect(first.advance(1)).rejects.toThrow('advance: this test has ended')
    expect(() => first.storeAway(1)).toThrow('storeAway: this test has ended')
  })

  it('may be in a block that ends it', async () => {
    const app = appOf()
    {
      await using t = await testApp(app)
      expect(Math.abs(t.now.getTime() - Date.now())).toBeLessThan(MINUTE)
      expect(app.config.broker.reveal()).toBe('memory:')
    }
    expect(app.config.broker.reveal()).toBe('redis://127.0.0.1:1')
  })

  it('is refused once it has used its own stores, and for options that cannot be', async () => {
    const app = new Celeriac({ broker: 'memory:', logger: false })
    onTestFinished(() => app.close())
    await app.connect()
    await expect(testApp(app)).rejects.toThrow(/^testApp: the stores of this app are in use already/)
    await expect(testApp(appOf(), { now: 'soon' })).rejects.toThrow(/^testApp: now: expected a Date/)
    await expect(testApp(appOf(), { broker: 'x' } as never)).rejects.toThrow('testApp')
    const t = await begin(appOf())
    await expect(t.advance(-1)).rejects.toThrow(/^advance: expected milliseconds/)
    const moving = t.advance('1h')
    await expect(t.advance('1h')).rejects.toThrow('advance: advance is not over: await it first')
    await expect(t.runUntilIdle()).rejects.toThrow('runUntilIdle: advance is not over')
    await moving
    expect(t.now.getTime()).toBe(START + HOUR)
  })

  it('leaves no handle open, also where it is not closed', async () => {
    const file = fileURLToPath(new URL('leftOpen.ts', import.meta.url))
    expect(await command(process.execPath, [...process.execArgv, file])).toEqual({
      code: 0,
      stdout: 'PENDING\n',
      stderr: '',
    })
  })
})

describe('time', () => {
  it('comes to each moment in order, and all rests before the next', async () => {
    const app = appOf()
    const { clock } = app.config
    const ran: [string, number][] = []
    const child = app.task('child', () => ran.push(['child', app.config.clock.now() - START]))
    const note = app.task('note', async (name: string) => {
      ran.push([name, app.config.clock.now() - START])
      await child.delay()
    })
    const t = await begin(app)
    expect(app.config.clock).not.toBe(clock)
    await note.applyAsync(['second'], { countdown: '2h' })
    await note.applyAsync(['first'], { eta: new Date(START + HOUR) })
    await note.applyAsync(['third'], { countdown: '3h' })
    await t.runUntilIdle()
    expect(ran).toEqual([])
    await t.advance('2h')
    expect(ran).toEqual([
      ['first', HOUR],
      ['child', HOUR],
      ['second', 2 * HOUR],
      ['child', 2 * HOUR],
    ])
    expect(t.now.getTime()).toBe(START + 2 * HOUR)
  })

  it('is that of retries, of expiry and of results', async () => {
    const app = appOf({ resultExpires: '1d' })
    const ran: number[] = []
    const flaky = app.task(
      'flaky',
      () => {
        ran.push(app.config.clock.now() - START)
        if (ran.length < 4) throw new Error('not yet')
      },
      { retry: { max: 5, delay: '1m', backoff: 'exponential', jitter: 'none' } },
    )
    const t = await begin(app)
    const handle = await flaky.delay()
    const late = await flaky.applyAsync([], { countdown: '2h', expires: '1h' })
    await t.advance('7m')
    expect(ran).toEqual([0, MINUTE, 3 * MINUTE, 7 * MINUTE])
    expect(t.sent(flaky)).toMatchObject([
      { id: handle.id, state: 'SUCCESS' },
      { id: late.id, state: 'PENDING' },
    ])
    await t.advance('2h')
    expect(await late.state()).toBe('REVOKED')
    await t.advance('1d')
    expect([await handle.state(), await late.state()]).toEqual(['UNKNOWN', 'UNKNOWN'])
  })

  it('is that of time limits, of tasks that wait for the clock, for a task and for an answer', async () => {
    const app = appOf()
    const pause = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        app.config.clock.after(ms, resolve)
      })
    const slow = app.task('slow', () => pause(HOUR))
    const parent = app.task('parent', async () => (await slow.delay()).get())
    const asks = app.task('asks', () => currentTask()?.waitFor('approval', { timeout: '1d' }))
    const t = await begin(app)
    const limited = await slow.applyAsync([], { timeLimit: '1m' })
    const family = await parent.delay()
    const asking = await asks.delay()
    await t.advance('1m')
    expect(await limited.info()).toMatchObject({ state: 'FAILURE', error: { type: 'TimeLimitExceeded' } })
    await t.advance(HOUR - MINUTE)
    expect([await family.state(), await asking.state()]).toEqual(['SUCCESS', 'WAITING'])
    await t.advance('1d')
    expect(await asking.info()).toMatchObject({ state: 'FAILURE', error: { type: 'TimeoutError' } })
  })

  it('waits for what is real, up to a limit, and names the task', async () => {
    const app = appOf()
    const { promise, resolve } = Promise.withResolvers<void>()
    const real = app.task('real', () => sleep(30))
    const stuck = app.task('stuck', () => promise)
    const t = await begin(app, { realTimeLimit: 200 })
    const handle = await real.delay()
    await t.runUntilIdle()
    expect(await handle.state()).toBe('SUCCESS')
    const { id } = await stuck.delay()
    await expect(t.advance('1h')).rejects.toThrow(`still running after 200 ms of real time: task stuck[${id}].`)
    expect(t.now.getTime()).toBe(START)
    await t.advance('1h', { awaitTasks: false })
    expect(t.now.getTime()).toBe(START + HOUR)
    resolve()
    await t.runUntilIdle()
    expect(t.sent(stuck)).toMatchObject([{ state: 'SUCCESS' }])
  })

  it('goes on beside fake timers of Vitest, which move by themselves', async () => {
    const app = appOf()
    const slow = app.task('slow', () => new Promise((resolve) => setTimeout(resolve, 1000, Date.now())))
    vi.useFakeTimers({ now: START })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const t = await begin(app)
    const handle = await slow.applyAsync([], { countdown: '1m' })
    await t.advance('1m', { awaitTasks: false })
    expect(await handle.state()).toBe('PENDING')
    await vi.advanceTimersByTimeAsync(1000)
    await t.runUntilIdle()
    expect(await handle.get()).toBe(START)
    await t.close()
  })

  it('a limit of time ends what is real', async () => {
    const app = appOf()
    const real = app.task('real', () => sleep(150_000, undefined, { signal: currentTask()?.signal }), {
      softTimeLimit: '30s',
    })
    const t = await begin(app)
    const handle = await real.delay()
    await t.advance('29s', { awaitTasks: false })
    expect(await handle.ready()).toBe(false)
    await t.advance('1s', { awaitTasks: false })
    await t.runUntilIdle()
    expect(await handle.info()).toMatchObject({ state: 'FAILURE', error: { type: 'SoftTimeLimitExceeded' } })
  })

  it('refuses tasks that follow each other without end', async () => {
    const app = appOf()
    const again = app.task('again', async (): Promise<void> => {
      await again.delay()
    })
    const t = await begin(app)
    await again.delay()
    await expect(t.runUntilIdle()).rejects.toThrow(/runs of tasks at the same moment/)
  })

  it('is that of the timeout of a wait', async () => {
    const app = appOf()
    const late = app.task('late', () => undefined)
    const t = await begin(app)
    const handle = await late.applyAsync([], { countdown: '1h' })
    const waiting = expect(handle.get({ timeout: '1m' })).rejects.toThrow(`was not ready within ${MINUTE} ms`)
    await t.advance('1m')
    await within(() => 'the timeout', waiting)
  })
})
