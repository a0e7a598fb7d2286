import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { Beat } from '../../src/beat/beat.ts'
import { schedulesOf } from '../../src/beat/schedules.ts'
import { every } from '../../src/beat/when/every.ts'
import type { AsyncResult } from '../../src/calls/asyncResult.ts'
import { Celeriac } from '../../src/celeriac.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import type { TaskMeta } from '../../src/protocol/result.ts'
import { timeOf, uuid } from '../../src/std/id.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { ManualClock } from '../beat/clock.ts'
import { type Lab, onEachStore, type StoreKind, until, useLab } from './lab.ts'
import { storesOf } from './stores.ts'

const START = Date.parse('2020-02-03T04:05:06.007Z')
const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

const iso = (moment: number): string => new Date(moment).toISOString()

function appOf(lab: Lab, options: CeleriacOptions = {}): { app: App; clock: ManualClock } {
  const clock = new ManualClock(START)
  return { app: lab.app({ clock, ...options }), clock }
}

async function recordOf(app: App, id: string): Promise<TaskMeta | undefined> {
  const { backend } = await storesOf(app)
  const [record] = await backend.load([id])
  return record
}

/** What the store has of the result once it has ended. */
async function ended(app: App, handle: AsyncResult): Promise<TaskMeta | undefined> {
  await handle.get({ timeout: '20s' }).catch(() => undefined)
  return recordOf(app, handle.id)
}

describe('the clock of an app', () => {
  onEachStore((lab) => {
    it('is that of submission, start and end, and of ids, whatever other clocks of the process say', async () => {
      const { app, clock } = appOf(lab())
      expect(timeOf(uuid())).toBeGreaterThan(START + DAY)
      const task = app.task('task', () => clock.advance(1000))
      const handle = await task.delay()
      clock.advance(500)
      await lab().work(app)
      await handle.get({ timeout: '20s' })
      expect(timeOf(handle.id)).toBe(START)
      expect(await handle.info()).toMatchObject({
        submittedAt: new Date(START),
        startedAt: new Date(START + 500),
        finishedAt: new Date(START + 1500),
      })
      expect(timeOf(uuid())).toBeGreaterThan(START + DAY)
    })

    it('gives equal records of equal outcomes', async () => {
      const { app } = appOf(lab())
      const good = app.task('good', (n: number) => ({ n }))
      const bad = app.task('bad', () => Promise.reject(new RangeError('no')))
      await lab().work(app)
      const run = async (): Promise<unknown[]> => [
        await ended(app, await good.applyAsync([1], { taskId: 'good' })),
        await ended(app, await bad.applyAsync([], { taskId: 'bad' })),
      ]
      const first = await run()
      for (const id of ['good', 'bad']) await app.result(id).forget()
      expect(await run()).toEqual(first)
      expect(first).toMatchObject([
        { status: 'SUCCESS', date_started: iso(START), date_done: iso(START) },
        { status: 'FAILURE', date_started: iso(START), date_done: iso(START) },
      ])
    })

    it('is waited for by a delayed task', async () => {
      const { app, clock } = appOf(lab())
      const task = app.task('task', () => clock.now())
      await lab().work(app)
      const handle = await task.applyAsync([], { countdown: 300 })
      expect(await recordOf(app, handle.id)).toMatchObject({ status: 'PENDING', date_due: iso(START + 300) })
      clock.advance(300)
      // A server counts the time itself.
      expect(await handle.get({ timeout: '20s' })).toBe(START + 300)
    })
  })

  describe.each(['memory', 'sqlite'] as const)('on %s', (kind) => {
    local(useLab(kind), kind)
  })
})

function local(lab: () => Lab, kind: StoreKind): void {
  it('wakes the worker when a task is due, and not before', async () => {
    const { app, clock } = appOf(lab())
    const ran: number[] = []
    const later = app.task('later', () => ran.push(clock.now()))
    const soon = app.task('soon', () => 'done')
    await lab().work(app)
    const handle = await later.applyAsync([], { countdown: '30d' })
    await until(() => clock.waited)
    clock.advance(30 * DAY - 1)
    // One that is submitted now has run: the worker has looked.
    expect(await (await soon.delay()).get({ timeout: '20s' })).toBe('done')
    expect([ran, await app.queueSize()]).toEqual([[], 0])
    clock.advance(1)
    await handle.get({ timeout: '20s' })
    expect(ran).toEqual([START + 30 * DAY])
  })

  it('is that of a repeat', async () => {
    const { app, clock } = appOf(lab())
    const task = app.task('task', () =>
      clock.now() < START + HOUR ? currentTask()?.retry({ countdown: '1h' }) : 'done',
    )
    await lab().work(app)
    const handle = await task.delay()
    await until(async () => (await handle.state()) === 'RETRY')
    expect(await recordOf(app, handle.id)).toMatchObject({ date_due: iso(START + HOUR) })
    clock.advance(HOUR)
    expect(await handle.get({ timeout: '20s' })).toBe('done')
    expect(await handle.info()).toMatchObject({ retries: 1, finishedAt: new Date(START + HOUR) })
  })

  it('is that by which a call expires', async () => {
    const { app, clock } = appOf(lab())
    const task = app.task('task', () => 'ran')
    const handle = await task.applyAsync([], { expires: '1m' })
    clock.advance(MINUTE)
    await lab().work(app)
    await until(async () => (await handle.state()) === 'REVOKED')
    expect(await recordOf(app, handle.id)).toMatchObject({ date_done: iso(START + MINUTE) })
  })

  it('is that by which a result expires', async () => {
    const { app, clock } = appOf(lab(), { resultExpires: '1h' })
    const task = app.task('task', () => 'done')
    await lab().work(app)
    const handle = await task.delay()
    await handle.get({ timeout: '20s' })
    if (kind === 'sqlite') {
      // Dropped once a minute of the machine's time.
      const row = lab().database().prepare('SELECT expires FROM celeriac_result WHERE id = ?').get(handle.id)
      expect(row).toEqual({ expires: START + HOUR })
      return
    }
    clock.advance(HOUR - 1)
    expect([await handle.state(), (await app.jobs()).jobs.length]).toEqual(['SUCCESS', 1])
    clock.advance(1)
    expect([await handle.state(), (await app.jobs()).jobs.length]).toEqual(['UNKNOWN', 0])
  })

  it('is that by which notes expire', async () => {
    const { app, clock } = appOf(lab())
    const { notes } = (await storesOf(app)).backend
    const note = (value: string) => ({ key: 'key', value, expires: clock.now() + MINUTE })
    expect([await notes?.putIfAbsent(note('a')), await notes?.putIfAbsent(note('b'))]).toEqual([true, false])
    clock.advance(MINUTE - 1)
    expect(await notes?.get('key')).toBe('a')
    clock.advance(1)
    expect(await notes?.get('key')).toBeUndefined()
    expect([await notes?.putIfAbsent(note('c')), await notes?.get('key')]).toEqual([true, 'c'])
  })

  it('is that of revoked tasks, and of an answer from outside', async () => {
    const { app, clock } = appOf(lab())
    let token = ''
    const task = app.task('task', () =>
      currentTask()?.waitFor('approval', {
        timeout: '1d',
        notify: (given) => {
          token = given
        },
      }),
    )
    const revoked = await task.applyAsync([], { countdown: '1d' })
    clock.advance(MINUTE)
    await revoked.revoke()
    expect(await recordOf(app, revoked.id)).toMatchObject({ status: 'REVOKED', date_done: iso(START + MINUTE) })
    await lab().work(app)
    const handle = await task.delay()
    await until(async () => token !== '' && (await handle.state()) === 'WAITING')
    expect(await recordOf(app, handle.id)).toMatchObject({ date_due: iso(START + MINUTE + DAY) })
    clock.advance(HOUR)
    expect(await app.completeWait(token, 'yes')).toBe('completed')
    expect(await handle.get({ timeout: '20s' })).toBe('yes')
    const [wait = ''] = token.split('.')
    expect(await recordOf(app, wait)).toMatchObject({ date_done: iso(START + MINUTE + HOUR) })
    clock.advance(DAY)
    const late = await task.delay()
    token = ''
    await until(async () => token !== '' && (await late.state()) === 'WAITING')
    clock.advance(DAY)
    expect(await app.completeWait(token, 'too late')).toBe('over')
    await late.revoke({ terminate: true })
  })

  it('is that of the lines that a task logs', async () => {
    const { app, clock } = appOf(lab())
    const task = app.task('task', () => currentTask()?.log.info({}, 'word'), { exposeLogs: true })
    await lab().work(app)
    clock.advance(MINUTE)
    const handle = await task.delay()
    await handle.get({ timeout: '20s' })
    const times: string[] = []
    for await (const event of handle.events({ after: 0 })) if (event.type === 'log') times.push(event.line.time)
    expect(times).toEqual([iso(START + MINUTE)])
  })

  it('is that of a schedule', async () => {
    const { app, clock } = appOf(lab())
    const ran: number[] = []
    app.task('tick', () => ran.push(clock.now()))
    schedulesOf(app).define('ticks', every('1m'), 'tick')
    const beat = new Beat(app, { logger: false })
    lab().after(() => beat.stop())
    await beat.start()
    await lab().work(app)
    const { nextRunAt } = await schedulesOf(app).get('ticks')
    const due = nextRunAt?.getTime() ?? 0
    expect(due).toBeGreaterThan(START)
    await until(() => clock.waited)
    clock.advance(due - START)
    await until(() => ran.length === 1)
    expect(ran).toEqual([due])
  })

  it('is that of an eager call', async () => {
    const { app, clock } = appOf(lab(), { alwaysEager: true, broker: undefined, backend: undefined })
    const task = app.task('task', () => clock.advance(1000))
    const handle = await task.delay()
    expect(await handle.info()).toMatchObject({ startedAt: new Date(START), finishedAt: new Date(START + 1000) })
  })
}

describe('over HTTP', () => {
  const clock = new ManualClock(START)
  let app: Celeriac
  beforeAll(() => {
    app = new Celeriac({ broker: 'memory:', logger: createLogger('silent'), clock })
    app.task('task', () => 'done')
  })
  afterAll(() => app.close())

  it('the clock is that of a job document, and by which a key is forgotten', async () => {
    const api = app.http({ expose: ['task'] })
    const headers = { 'idempotency-key': '"k"', 'content-type': 'application/json' }
    const post = async (): Promise<[string | null, { id: string; createdAt: string }]> => {
      const request = new Request('http://127.0.0.1/v1/tasks/task', { method: 'POST', headers, body: '[]' })
      const response = await api.fetch(request)
      return [response.headers.get('idempotent-replayed'), (await response.json()) as { id: string; createdAt: string }]
    }
    const [, first] = await post()
    expect(first.createdAt).toBe(iso(START))
    clock.advance(DAY - 1)
    expect(await post()).toEqual(['true', first])
    clock.advance(1)
    const [replayed, second] = await post()
    expect([replayed, second.id === first.id, second.createdAt]).toEqual([null, false, iso(START + DAY)])
  })
})
