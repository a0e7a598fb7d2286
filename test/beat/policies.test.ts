import { describe, expect, test } from 'vitest'
import type { ScheduleOptions } from '../../src/beat/scheduleOptions.ts'
import { at } from '../../src/beat/when/at.ts'
import { cron } from '../../src/beat/when/cron.ts'
import { every } from '../../src/beat/when/every.ts'
import { type Lab, onAllStores, until, useLab } from '../app/lab.ts'
import { Scene } from './scene.ts'

const HOUR = 3_600_000

onAllStores((lab) => {
  describe('what is due', () => {
    test('is sent at its moments, once each, with name and moment as headers', async () => {
      const scene = new Scene(lab())
      scene.schedules.define('ticks', every('10s'), { task: 'add', args: [1, 2], options: { priority: 3 } })
      await scene.beat()
      await scene.pass(35_000, 5000)
      expect(scene.moments()).toEqual([10, 20, 30])
      expect(scene.sent[0]).toMatchObject({ entry: 'ticks', task: 'add', late: 0, again: false })
      expect(new Set(scene.sent.map(({ id }) => id)).size).toBe(3)
      const ran: unknown[] = []
      scene.app.task('add', (...args: number[]) => ran.push(args))
      await lab().work(scene.app)
      await until(() => ran.length === 3)
      expect(ran[0]).toEqual([1, 2])
      expect(await scene.schedules.get('ticks')).toMatchObject({
        when: 'every 10s',
        source: 'code',
        runs: 3,
        lastId: scene.sent[2]?.id,
        nextRunAt: new Date('2026-11-21T12:00:40Z'),
      })
    })

    test('keyword arguments, dates and bytes arrive as they were said', async () => {
      const scene = new Scene(lab())
      const input = { date: new Date('2026-01-02T03:04:05Z'), bytes: Uint8Array.of(0, 255), list: [1n << 60n] }
      const ran: unknown[] = []
      scene.app.task({
        name: 'take',
        input: { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } },
        run: (given: unknown, context) => void ran.push(given, context.headers),
      })
      scene.schedules.define('once', at('2026-11-21T12:00:01Z'), {
        task: 'take',
        args: input,
        options: { headers: { own: 1 } },
      })
      await scene.beat()
      await scene.pass(1000)
      await lab().work(scene.app)
      await until(() => ran.length === 2)
      expect(ran).toEqual([
        input,
        { own: 1, periodic_task_name: 'once', celeriac_schedule_time: '2026-11-21T12:00:01.000Z' },
      ])
      expect(await scene.schedules.get('once')).toMatchObject({ nextRunAt: undefined, runs: 1 })
    })

    test('two beats send one task; one that stops leaves the rest to the other', async () => {
      const scene = new Scene(lab())
      scene.schedules.define('ticks', every('1s'), 'work', { missed: { all: 10 } })
      const first = await scene.beat()
      await scene.beat()
      await scene.pass(3000, 1000)
      await until(() => scene.sent.length === 3)
      await first.stop()
      await scene.pass(3000, 1000)
      await until(() => scene.sent.length === 6)
      // Two beats may send at the same time, in any order.
      expect(scene.moments().sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6])
      expect(await scene.app.queueSize()).toBe(6)
    })
  })

  describe('overlap', () => {
    async function overlapping(
      options: ScheduleOptions,
    ): Promise<{ scene: Scene; release: () => void; ran: string[] }> {
      const scene = new Scene(lab())
      const ran: string[] = []
      let release: () => void = () => undefined
      const gate = new Promise<void>((resolve) => {
        release = resolve
      })
      scene.app.task('work', async () => {
        ran.push('run')
        await gate
      })
      scene.schedules.define('ticks', every('10s'), 'work', options)
      await scene.beat()
      await scene.pass(10_000)
      await lab().work(scene.app, { revokeGrace: 100 })
      await until(() => ran.length === 1)
      return { scene, release, ran }
    }

    test('allow: beside each other', async () => {
      const { scene, ran } = await overlapping({})
      await scene.pass(20_000, 10_000)
      await until(() => ran.length === 3)
    })

    test('skip: left out until it has ended', async () => {
      const { scene, release } = await overlapping({ overlap: 'skip' })
      await scene.pass(20_000, 10_000)
      expect(scene.skipped).toEqual([1, 2].map(() => ({ entry: 'ticks', reason: 'overlap' })))
      release()
      await until(async () => (await scene.lastState()) === 'SUCCESS')
      await scene.pass(10_000)
      expect(scene.moments()).toEqual([10, 40])
    })

    test('queue: sent when it has ended, one at most', async () => {
      const { scene, release, ran } = await overlapping({ overlap: 'queue' })
      await scene.pass(30_000, 10_000)
      expect(scene.moments()).toEqual([10])
      expect(scene.skipped).toHaveLength(2)
      expect(await scene.schedules.get('ticks')).toMatchObject({ waiting: true, runs: 1 })
      release()
      // Woken by the end of the task: no time passes.
      // A worker may be quicker than the answer that says that the message was sent.
      await until(() => ran.length === 2 && scene.sent.length === 2)
      expect(scene.moments()).toEqual([10, 20])
      // That run has begun, not ended: one that is due before its end waits for it, too.
      await until(async () => (await scene.lastState()) === 'SUCCESS')
      await scene.pass(10_000)
      expect(scene.moments()).toEqual([10, 20, 50])
    })

    test('cancel: stopped first', async () => {
      const { scene } = await overlapping({ overlap: 'cancel' })
      const first = scene.app.result(scene.sent[0]?.id ?? '')
      await scene.pass(10_000)
      await expect(first.get({ timeout: '10s' })).rejects.toThrow(/revoked|terminated/)
      expect(scene.moments()).toEqual([10, 20])
    })
  })
})

describe('missed runs', () => {
  const lab = useLab('sqlite')

  /** A beat that was away from 12:00:00 on, for a time; then lives on for a minute. */
  async function away(lab: Lab, options: ScheduleOptions, time: number, when = every('10s')): Promise<Scene> {
    const scene = new Scene(lab)
    scene.schedules.define('ticks', when, 'work', options)
    const before = await scene.beat()
    await before.stop()
    scene.clock.advance(time)
    await scene.beat()
    await scene.pass(30_000, 5000)
    return scene
  }

  test('once: one for all, the newest', async () => {
    const scene = await away(lab(), {}, HOUR + 3000)
    expect(scene.moments()).toEqual([3600, 3610, 3620, 3630])
    expect(scene.skipped).toEqual([{ entry: 'ticks', reason: 'missed' }])
  })

  test('all, up to a limit: the newest, oldest first', async () => {
    expect((await away(lab(), { missed: { all: 100 } }, 35_000)).moments()).toEqual([10, 20, 30, 40, 50, 60])
  })

  test('all: no more than the limit', async () => {
    const scene = await away(lab(), { missed: { all: 3 } }, HOUR)
    expect(scene.moments()).toEqual([3580, 3590, 3600, 3610, 3620, 3630])
    expect(scene.skipped).toHaveLength(1)
  })

  test('skip: none that is a minute late', async () => {
    const scene = await away(lab(), { missed: 'skip' }, HOUR + 120_000, cron('0 * * * *'))
    expect(scene.sent).toEqual([])
    expect(scene.skipped).toHaveLength(1)
    expect((await scene.schedules.get('ticks')).nextRunAt).toEqual(new Date('2026-11-21T14:00:00Z'))
  })

  test('skip: one that is less late is sent, as when another beat takes over', async () => {
    expect((await away(lab(), { missed: 'skip' }, HOUR + 20_000, cron('0 * * * *'))).moments()).toEqual([3600])
  })

  test('a month of seconds is looked through at once', async () => {
    const started = performance.now()
    const scene = await away(lab(), { missed: { all: 5 } }, 30 * 24 * HOUR, every('1s'))
    expect(scene.sent[4]?.fire).toEqual(new Date('2026-12-21T12:00:00Z'))
    expect(performance.now() - started).toBeLessThan(3000)
  })
})

describe('a clock that jumps', () => {
  const lab = useLab('sqlite')

  async function jumping(options: ScheduleOptions): Promise<Scene> {
    const scene = new Scene(lab())
    scene.schedules.define('ticks', every('1m'), 'work', options)
    await scene.beat()
    await scene.pass(120_000, 5000)
    return scene
  }

  test('an hour forward is an hour missed: no storm', async () => {
    const scene = await jumping({})
    scene.clock.jump(HOUR)
    await scene.pass(60_000, 5000)
    expect(scene.moments()).toEqual([60, 120, 3720, 3780])
  })

  test('an hour forward, all', async () => {
    const scene = await jumping({ missed: { all: 10 } })
    scene.clock.jump(HOUR)
    await scene.pass(60_000, 5000)
    expect(scene.moments()).toEqual([60, 120, ...Array.from({ length: 10 }, (_, at) => 3180 + at * 60), 3780])
  })

  test('an hour back: no moment twice', async () => {
    const scene = await jumping({})
    scene.clock.jump(-HOUR)
    await scene.pass(HOUR + 60_000, 15_000)
    expect(scene.moments()).toEqual([60, 120, 180])
  })
})

describe('bounds', () => {
  const lab = useLab('sqlite')

  test('start and end', async () => {
    const scene = new Scene(lab())
    const start = new Date('2026-11-21T12:00:20Z')
    const end = new Date('2026-11-21T12:00:40Z')
    scene.schedules.define('ticks', every('10s'), 'work', { start, end, missed: { all: 5 } })
    await scene.beat()
    await scene.pass(90_000, 15_000)
    expect(scene.moments()).toEqual([20, 30, 40])
    expect((await scene.schedules.get('ticks')).nextRunAt).toBeUndefined()
  })

  test('jitter: later by less than it, the same in every beat, and in order', async () => {
    const scene = new Scene(lab())
    scene.schedules.define('ticks', every('10s'), 'work', { jitter: '1m' })
    await scene.beat()
    const moments: number[] = []
    scene.app.on('beat:sent', ({ fire }) => moments.push((scene.clock.now() - fire.getTime()) / 1000))
    await scene.pass(200_000, 500)
    expect(scene.moments()).toEqual(Array.from({ length: moments.length }, (_, at) => 10 * (at + 1)))
    expect(moments.length).toBeGreaterThan(17)
    expect(Math.max(...moments)).toBeLessThanOrEqual(10.5)
    expect(new Set(moments).size).toBeGreaterThan(8)
    const other = new Scene(lab(), '2026-11-21T12:00:00Z')
    expect((await other.schedules.get('ticks')).nextRunAt).toEqual((await scene.schedules.get('ticks')).nextRunAt)
  })

  test('a time zone: the wall clock there, through the change of the clocks', async () => {
    // `next` counts from the time of day.
    const scene = new Scene(lab(), '2099-10-24T12:00:00Z')
    scene.schedules.define('nine', cron('0 9 * * *', { tz: 'Europe/Berlin' }), 'work')
    await scene.beat()
    await scene.pass(48 * HOUR, HOUR)
    expect(scene.sent.map(({ fire }) => fire.toISOString())).toEqual([
      '2099-10-25T08:00:00.000Z',
      '2099-10-26T08:00:00.000Z',
    ])
    expect((await scene.schedules.next('nine', 2)).map((one) => one.toISOString())).toEqual([
      '2099-10-27T08:00:00.000Z',
      '2099-10-28T08:00:00.000Z',
    ])
  })
})
