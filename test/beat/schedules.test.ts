import { describe, expect, test } from 'vitest'
import { Beat } from '../../src/beat/beat.ts'
import type { ScheduledCall } from '../../src/beat/options.ts'
import type { ScheduleOptions } from '../../src/beat/scheduleOptions.ts'
import { type Schedules, schedulesOf } from '../../src/beat/schedules.ts'
import { at } from '../../src/beat/when/at.ts'
import { cron } from '../../src/beat/when/cron.ts'
import { every } from '../../src/beat/when/every.ts'
import { Celeriac } from '../../src/celeriac.ts'
import { createLogger } from '../../src/std/log.ts'
import { onFewStores, until, useLab } from '../app/lab.ts'
import { Scene } from './scene.ts'

describe('changes while it runs', () => {
  onFewStores((lab) => {
    test('add, update, pause, resume, remove: beats obey at once', async () => {
      const scene = new Scene(lab())
      await scene.beat()
      // The API counts from the time of day.
      scene.clock.advance(Date.now() - scene.clock.now())
      await scene.schedules.add('ticks', every('1h'), { task: 'work', args: [1] })
      await expect(scene.schedules.add('ticks', every('1h'), 'work')).rejects.toThrow('schedule ticks exists already')
      await scene.schedules.update('ticks', { when: every('10s') })
      await until(async () => {
        await scene.pass(1000)
        return scene.sent.length >= 1
      })
      await scene.schedules.pause('ticks')
      const before = scene.sent.length
      await scene.pass(30_000, 5000)
      expect(scene.sent.length - before).toBeLessThanOrEqual(1)
      expect(await scene.schedules.get('ticks')).toMatchObject({ paused: true, nextRunAt: undefined, source: 'call' })
      expect(await scene.schedules.next('ticks')).toEqual([])
      await scene.schedules.resume('ticks')
      expect(await scene.schedules.get('ticks')).toMatchObject({ paused: false, nextRunAt: expect.any(Date) })
      await scene.schedules.remove('ticks')
      expect(await scene.schedules.list()).toEqual([])
      for (const change of ['pause', 'resume', 'remove', 'runNow', 'get'] as const)
        await expect(scene.schedules[change]('ticks')).rejects.toThrow('no schedule ticks; there are none')
    })

    test('remove of the last entry is obeyed too', async () => {
      const scene = new Scene(lab())
      scene.schedules.define('ticks', every('1s'), 'work')
      await scene.beat()
      await scene.schedules.remove('ticks')
      await until(async () => {
        await scene.pass(1000)
        return (await (await scene.schedules.store()).due(Number.MAX_SAFE_INTEGER, 1)).entries.length === 0
      })
      const before = scene.sent.length
      await scene.pass(60_000, 5000)
      expect(scene.sent.length).toBe(before)
      expect(await (await scene.schedules.store()).list()).toEqual([])
    })

    test('next counts from now on, also where no beat has run for long', async () => {
      const scene = new Scene(lab(), '2020-01-01T00:00:00Z')
      scene.schedules.define('ticks', every('1s'), 'work')
      scene.schedules.define('once', at('2020-06-01T00:00:00Z'), 'work')
      await (await scene.beat()).stop()
      const before = Date.now()
      const [first, second] = await scene.schedules.next('ticks', 2)
      expect(first?.getTime()).toBeGreaterThanOrEqual(before)
      expect(first?.getTime()).toBeLessThan(Date.now() + 1000)
      expect(second?.getTime()).toBe(Number(first) + 1000)
      expect(await scene.schedules.next('once')).toEqual([])
      expect((await scene.schedules.get('once')).nextRunAt).toEqual(new Date('2020-06-01T00:00:00Z'))
    })

    test('runNow sends it beside its times', async () => {
      const scene = new Scene(lab())
      await scene.schedules.add('yearly', cron('0 0 1 1 *'), { task: 'work', args: ['now'] })
      const result = await scene.schedules.runNow('yearly')
      expect(await result.state()).toBe('PENDING')
      expect(await scene.schedules.get('yearly')).toMatchObject({ lastId: result.id, runs: 1 })
    })
  })
})

describe('what the code defines', () => {
  const lab = useLab('sqlite')

  /** A beat of this code starts, and stops. */
  async function beatOf(define: (schedules: Schedules) => void): Promise<Schedules> {
    const scene = new Scene(lab())
    define(scene.schedules)
    await (await scene.beat()).stop()
    return scene.schedules
  }

  test('is put into the store, changed when the code changes, removed when the code has it no longer', async () => {
    const first = await beatOf((own) => own.define('a', every('1h'), 'work'))
    await first.add('added', every('1h'), 'work')
    await beatOf((own) => {
      own.define('a', every('2h'), 'other')
      own.define('b', every('1h'), 'work')
    })
    expect(await first.list()).toMatchObject([
      { name: 'a', when: 'every 2h', task: 'other' },
      { name: 'added', source: 'call' },
      { name: 'b', source: 'code' },
    ])
    await beatOf(() => undefined)
    expect((await first.list()).map(({ name }) => name)).toEqual(['a', 'added'])
  })

  test('an entry that no beat has stored yet cannot be removed, and the error says so', async () => {
    const schedules = schedulesOf(lab().app())
    schedules.define('nightly', every('1d'), 'work')
    await expect(schedules.remove('nightly')).rejects.toThrow(
      'schedule nightly is defined in the code, and no beat has stored it yet: pause it, or take it out of the code',
    )
    await schedules.pause('nightly')
    await schedules.remove('nightly')
  })

  test('pauses stay, and so does what was changed meanwhile, until the code says something else', async () => {
    const same = (own: Schedules): void => own.define('a', every('1h'), 'work')
    const schedules = await beatOf(same)
    await schedules.pause('a')
    await schedules.update('a', { when: every('5m'), options: { jitter: '1s' } })
    await beatOf(same)
    expect(await schedules.get('a')).toMatchObject({ paused: true, when: 'every 5m', jitter: 1000 })
    await beatOf((own) => own.define('a', every('1h'), 'other'))
    expect(await schedules.get('a')).toMatchObject({ paused: true, when: 'every 1h', jitter: 0, task: 'other' })
  })

  test('a restart moves no time and sends nothing again', async () => {
    const scene = new Scene(lab())
    scene.schedules.define('once', at('2026-11-21T12:00:01Z'), 'work')
    const first = await scene.beat()
    await scene.pass(5000, 1000)
    await first.stop()
    await scene.beat()
    await scene.pass(60_000, 5000)
    expect(scene.moments()).toEqual([1])
  })

  test('apps of other names on the same store keep theirs', async () => {
    const other = new Celeriac({ name: 'other', broker: lab().url, logger: createLogger('silent') })
    lab().after(() => other.close())
    other.schedule('theirs', every('1h'), 'work')
    const beat = new Beat(other)
    await beat.start()
    await beat.stop()
    const own = await beatOf(() => undefined)
    expect(await own.list()).toEqual([])
    expect(await other.schedules.list()).toMatchObject([{ name: 'theirs' }])
  })
})

describe('a beat that is started and stopped at the same time', () => {
  const lab = useLab('sqlite')

  /** How often it told that it is ready, and that it has stopped. */
  function told({ app }: Scene): { ready: number; shutdown: number } {
    const count = { ready: 0, shutdown: 0 }
    app.on('beat:ready', () => count.ready++)
    app.on('beat:shutdown', () => count.shutdown++)
    return count
  }

  test('started twice at once, it runs once', async () => {
    const scene = new Scene(lab())
    const count = told(scene)
    const beat = new Beat(scene.app, { clock: scene.clock })
    await Promise.all([beat.start(), beat.start()])
    await Promise.all([beat.stop(), beat.stop()])
    expect(count).toEqual({ ready: 1, shutdown: 1 })
  })

  test('stopped while it starts, it has stopped when both have ended', async () => {
    const scene = new Scene(lab())
    const count = told(scene)
    const beat = new Beat(scene.app, { clock: scene.clock })
    await Promise.all([beat.start(), beat.stop()])
    expect(count.shutdown).toBe(count.ready)
  })

  test('one that could not start can be started again, and stopped', async () => {
    const app = lab().app({ broker: 'redis://127.0.0.1:1/0', backend: 'redis://127.0.0.1:1/0', storeTimeout: '100ms' })
    const beat = new Beat(app)
    for (let attempt = 0; attempt < 2; attempt++) await expect(beat.start()).rejects.toThrow(/127\.0\.0\.1:1/)
    await beat.stop()
  })
})

describe('entries that are no good', () => {
  const lab = useLab('sqlite')

  test('one that cannot be read is told of once, and stops no other', async () => {
    const scene = new Scene(lab())
    scene.schedules.define('good', every('1s'), 'work')
    const store = await scene.schedules.store()
    const later = { name: 'later', definition: { schedule: { kind: 'moon' }, task: 'work' } }
    for (const [name, text] of Object.entries({ broken: '{"name":', empty: '{}', later: JSON.stringify(later) }))
      await store.swap([{ name, from: undefined, to: { text, due: 0, waiting: false } }])
    await scene.beat()
    await scene.pass(5000, 1000)
    expect(scene.moments()).toEqual([1, 2, 3, 4, 5])
    expect(scene.errors.map(({ doing }) => doing).sort()).toEqual(
      ['broken', 'empty', 'later'].map((name) => `schedule ${name} is left out: it cannot be read`),
    )
    expect((await scene.schedules.list()).map(({ name }) => name)).toEqual(['good'])
    await scene.schedules.remove('broken')
  })

  test('a call that cannot be made is told of, and the schedule goes on', async () => {
    const scene = new Scene(lab())
    scene.app.use({
      send: (call, next) => {
        if (call.task === 'refused') throw new TypeError('no')
        return next(call)
      },
    })
    scene.schedules.define('refused', every('1s'), 'refused')
    scene.schedules.define('good', every('1s'), 'work')
    await scene.beat()
    await scene.pass(3000, 1000)
    expect(scene.moments()).toEqual([1, 2, 3])
    expect(scene.errors).toHaveLength(3)
    expect((await (await scene.schedules.store()).due(0, 1)).claimed).toEqual([])
  })

  test('forgotten and failed tasks stop nothing', async () => {
    const scene = new Scene(lab())
    scene.app.task('work', () => {
      throw new Error('boom')
    })
    scene.schedules.define('ticks', every('1s'), 'work', { overlap: 'skip' })
    await scene.beat()
    await lab().work(scene.app)
    await scene.pass(1000)
    await until(async () => (await scene.lastState()) === 'FAILURE')
    await scene.pass(1000)
    await until(async () => (await scene.lastState()) === 'FAILURE')
    await scene.app.result(scene.sent[1]?.id ?? '').forget()
    await scene.pass(1000)
    expect(scene.moments()).toEqual([1, 2, 3])
  })
})

describe('what cannot be scheduled is told at once', () => {
  const app = new Celeriac({ broker: 'memory:', logger: createLogger('silent') })
  const schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) =>
        typeof (value as { size?: unknown }).size === 'number'
          ? { value }
          : { issues: [{ message: 'expected a number', path: ['size'] }] },
    },
  } as const
  app.task({ name: 'measure', input: schema, run: () => 1 })
  app.task('quiet', () => 1, { ignoreResult: true })

  test.each<[ScheduledCall, ScheduleOptions, RegExp]>([
    ['', {}, /schedule x: task: expected 1 to 255 printable characters/],
    [{ task: 'work', args: 1 as never }, {}, /schedule x: args: expected an array/],
    [{ task: 'work', kwargs: [1] as never }, {}, /schedule x: kwargs: expected an object/],
    [{ task: 'work', args: { a: 2 }, kwargs: { a: 1 } }, {}, /got multiple values for argument 'a'/],
    [{ task: 'work', args: [() => 1] }, {}, /args\[0\]/],
    [{ task: 'work', options: { taskId: 'x' } as never }, {}, /taskId is of one call, and a schedule makes many/],
    [{ task: 'work', options: { expires: new Date() } as never }, {}, /expires: expected a time from the sending/],
    [{ task: 'work', options: { deadline: new Date() } as never }, {}, /deadline: expected a time from the sending/],
    [{ task: 'work', options: { priority: 300 } }, {}, /priority/],
    [{ task: 'work', options: { countdown: -1 } }, {}, /schedule x: options: countdown: expected milliseconds/],
    [{ task: 'work', options: { expires: 'soon' } }, {}, /schedule x: options: expires: expected milliseconds/],
    [{ task: 'work', options: { timeLimit: '' } }, {}, /schedule x: options: timeLimit: expected milliseconds/],
    [{ task: 'work', options: { softTimeLimit: null as never } }, {}, /options: softTimeLimit: expected milliseconds/],
    [{ task: 'work', options: { retry: -1 } }, {}, /schedule x: options: retry: expected a whole number >= 0/],
    [{ task: 'work', options: { retry: 'thrice' as never } }, {}, /retry: expected a number or options such as/],
    [{ task: 'work', options: { retry: { max: 2, delay: 'x' } } }, {}, /options: retry.delay: expected milliseconds/],
    [
      { task: 'work', options: { webhook: 'https://a.example' } },
      {},
      /webhook: expected an app with the option webhooks/,
    ],
    [{ task: 'work', option: {} } as never, {}, /unknown option option/],
    [{ task: 'measure', kwargs: { size: 'big' } }, {}, /schedule x: task measure: size: expected a number/],
    [{ task: 'measure', args: [1, 2] }, {}, /takes keyword arguments or one object, got 2 positional/],
    ['work', { overlap: 'never' as never }, /overlap: expected allow, skip, queue, cancel, got "never"/],
    ['work', { missed: { all: 0 } }, /missed: expected 'skip', 'once' or \{ all: 1 to 1000 \}, got \{"all":0\}/],
    ['work', { jitter: 'often' }, /jitter: expected milliseconds/],
    ['work', { start: new Date(2), end: new Date(1) }, /end: expected a moment after start/],
    ['work', { start: '2026' as never }, /start: expected a valid Date/],
    ['work', { ends: 1 } as never, /unknown option ends; known are missed/],
    ['quiet', { overlap: 'skip' }, /overlap skip needs to know when a run has ended/],
  ])('%s %s', (call, options, message) => {
    expect(() => app.schedule('x', every('1s'), call, options)).toThrow(message)
  })

  test('when, and names', async () => {
    expect(() => app.schedule('x', '* * * * *' as never, 'work')).toThrow(/expected cron\(\), crontab\(\), every\(\)/)
    expect(() => app.schedule('', every('1s'), 'work')).toThrow(/schedule: name/)
    app.schedule('twice', every('1s'), 'work')
    expect(() => app.schedule('twice', every('1s'), 'work')).toThrow('schedule twice is defined already in this app')
    await expect(app.schedules.update('twice', { time: 1 } as never)).rejects.toThrow(/unknown change time/)
    await expect(app.schedules.update('twice', { options: { paused: true } as never })).rejects.toThrow(
      /pause and resume/,
    )
    await expect(app.schedules.next('twice', 0)).rejects.toThrow(/expected a count from 1 to 1000/)
  })

  test('overlap needs results that are kept', async () => {
    const rpc = new Celeriac({ broker: 'memory:', backend: 'rpc://', logger: createLogger('silent') })
    await expect(rpc.schedules.add('x', every('1s'), 'work', { overlap: 'skip' })).rejects.toThrow(
      /rpc:\/\/ keeps none/,
    )
    await rpc.close()
  })
})
