import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Signals } from '../../src/app/signals.ts'
import { Control } from '../../src/control/control.ts'
import { chain, group } from '../../src/index.ts'
import { RetryAfter } from '../../src/std/errors.ts'
import { assertRate } from '../../src/testing/suites/limitsSuite.ts'
import { until } from '../app/lab.ts'
import { Gauge, limitedApp, onLimitedStores } from './fixture.ts'

onLimitedStores((lab, kind) => {
  const wait = { timeout: '20s' } as const

  describe('tasks with limits', () => {
    test('concurrency by key, over two workers', async () => {
      const gauge = new Gauge()
      const app = limitedApp(lab())
      const work = app.task('work', (key: string) => gauge.run(key, () => sleep(15)), {
        concurrency: { limit: 2, key: (key: string) => key },
      })
      const sent = await Promise.all(Array.from({ length: 24 }, (_, at) => work.delay(at % 3 ? 'a' : 'b')))
      await lab().work(app, { concurrency: 8 })
      await lab().work(app, { concurrency: 8, hostname: 'second@host' })
      await Promise.all(sent.map((one) => one.get(wait)))
      expect([gauge.most('a'), gauge.most('b')]).toEqual([2, 2])
      await until(async () => (await app.limits.of({ task: work, key: 'a' }))[0]?.held === 0)
    })

    test('a rate of all workers, and a concurrency of the queue', async () => {
      const gauge = new Gauge()
      const app = limitedApp(lab(), { queues: { slow: { concurrency: 1 } } })
      const options = { queue: 'slow', rateLimit: { limit: '20/s', burst: 2 } } as const
      const work = app.task('work', () => gauge.run('', () => sleep(5)), options)
      const start = Date.now()
      const sent = await Promise.all(Array.from({ length: 8 }, () => work.delay()))
      for (const hostname of ['one@host', 'two@host'])
        await lab().work(app, { concurrency: 4, hostname, queues: ['slow'] })
      await Promise.all(sent.map((one) => one.get(wait)))
      expect(gauge.most('')).toBe(1)
      assertRate(start, gauge.begun, { interval: 50, burst: 2 })
    })

    test('shared limits: how much of each', async () => {
      const gauge = new Gauge()
      const app = limitedApp(lab())
      const db = app.limit('db', { concurrency: 3 })
      const large = app.task('large', () => gauge.run('large', () => sleep(10)), { uses: { db: 2 } })
      const small = app.task('small', () => gauge.run('small', () => sleep(10)), { uses: [db] })
      const sent = await Promise.all(Array.from({ length: 12 }, (_, at) => (at % 2 ? large : small).delay()))
      await lab().work(app, { concurrency: 8 })
      await Promise.all(sent.map((one) => one.get(wait)))
      expect(gauge.most('large')).toBe(1)
      expect(gauge.most('small')).toBeLessThanOrEqual(3)
    })

    test('attempts, members of groups and steps of chains have the limits of their task', async () => {
      const gauge = new Gauge()
      const app = limitedApp(lab())
      const failed = new Set<string>()
      const work = app.task(
        'work',
        (key: string, id: string) =>
          gauge.run(key, async () => {
            await sleep(5)
            if (failed.has(id)) return `${key}${id}`
            failed.add(id)
            throw new Error('once')
          }),
        { concurrency: { limit: 1, key: (key: string) => key }, retry: { max: 2, delay: 1 } },
      )
      await lab().work(app, { concurrency: 8 })
      const members = Array.from({ length: 8 }, (_, at) => work.s(at % 2 ? 'a' : 'b', String(at)))
      const all = await group(members).delay()
      const steps = await chain(work.s('a', 'x'), work.si('b', 'y')).delay()
      expect((await all.get(wait)).length).toBe(8)
      expect(await steps.get(wait)).toBe('by')
      expect([gauge.most('a'), gauge.most('b')]).toEqual([1, 1])
    })

    test('a message whose sender knows no limits is put into its lane', async () => {
      if (kind === 'memory') return
      const gauge = new Gauge()
      const app = limitedApp(lab())
      app.task('work', (key: string) => gauge.run(key, () => sleep(10)), {
        concurrency: { limit: 1, key: (key: string) => key },
      })
      const other = limitedApp(lab())
      const sent = await Promise.all(Array.from({ length: 6 }, () => other.send('work', ['a'])))
      await lab().work(app, { concurrency: 6 })
      await Promise.all(sent.map((one) => one.get(wait)))
      expect(gauge.most('a')).toBe(1)
    })

    test('a key that cannot be: an error at the call; from another sender the task fails, and others run', async () => {
      const app = limitedApp(lab())
      const work = app.task('work', (key: unknown) => key, {
        concurrency: { limit: 1, key: (key: string) => (key === 'throw' ? fail() : key) },
      })
      expect(() => work.delay(1)).toThrow('task work: concurrency: key: expected a function that returns text, got 1')
      expect(() => work.delay('x'.repeat(256))).toThrow('expected at most 255 bytes, got 256')
      expect(() => work.delay('throw')).toThrow('got one that threw: no key')
      if (kind === 'memory') return
      const other = limitedApp(lab())
      const bad = await Promise.all([other.send('work', [1]), other.send('work', ['throw'])])
      const good = await work.delay('good')
      await lab().work(app)
      expect(await good.get(wait)).toBe('good')
      for (const one of bad) await expect(one.get(wait)).rejects.toThrow('concurrency: key')
    })
  })

  describe('pause', () => {
    test('a task with and without limits, a key, a queue, a shared limit; resume lets all through', async () => {
      const app = limitedApp(lab())
      app.limit('shared', '1000/s')
      const ran: string[] = []
      const run = (name: string): void => void ran.push(name)
      const plain = app.task('plain', run)
      const keyed = app.task('keyed', run, { fair: (key: string) => key })
      const uses = app.task('uses', run, { uses: 'shared' })
      const slow = app.task('slow', run, { queue: 'slow' })
      await lab().work(app, { queues: ['celery', 'slow'] })
      const targets = [{ task: plain }, { task: 'keyed', key: 'a' }, { limit: 'shared' }, { queue: 'slow' }] as const
      for (const target of targets) await app.limits.pause(target)
      expect((await app.limits.paused()).map(({ rule, key }) => `${rule} ${key}`).sort()).toEqual([
        'queue:slow ',
        'shared ',
        'task:keyed:fair a',
        'task:plain ',
      ])
      // A worker learns of it a moment later, of all that is paused at once.
      await until(async () => {
        const [stats = {}] = Object.values(await new Control(app).inspect({ limit: 1 }).stats())
        return JSON.stringify((stats as { paused_queues?: unknown }).paused_queues) === '["slow"]'
      })
      const sent = await Promise.all([
        plain.delay('plain'),
        keyed.delay('a'),
        uses.delay('uses'),
        slow.delay('slow'),
        keyed.delay('b'),
      ] as const)
      await sent[4].get(wait)
      await sleep(100)
      expect(ran).toEqual(['b'])
      for (const target of targets) await app.limits.resume(target)
      await Promise.all(sent.map((one) => one.get(wait)))
      expect(ran.sort()).toEqual(['a', 'b', 'plain', 'slow', 'uses'])
      expect(await app.limits.paused()).toEqual([])
    })

    test('holds for workers that start later', async () => {
      const app = limitedApp(lab())
      const ran: string[] = []
      const work = app.task('work', (name: string) => void ran.push(name))
      const other = app.task('other', (name: string) => void ran.push(name))
      await app.limits.pause({ task: work })
      const [held, free] = [await work.delay('held'), await other.delay('free')]
      await lab().work(app)
      await free.get(wait)
      expect(ran).toEqual(['free'])
      await app.limits.resume({ task: work })
      await held.get(wait)
    })
  })

  describe('what failures and APIs ask for', () => {
    test('RetryAfter holds back the rate limits that the task uses', async () => {
      const app = limitedApp(lab())
      app.limit('api', { rate: '1000/s', burst: 10 })
      const begun: number[] = []
      const work = app.task(
        'work',
        () => {
          begun.push(Date.now())
          if (begun.length === 1) throw new RetryAfter(400)
        },
        { uses: 'api', retry: 3 },
      )
      await lab().work(app, { concurrency: 4 })
      const first = await work.delay()
      await until(async () => ((await app.limits.of({ limit: 'api' }))[0]?.until ?? 0) > Date.now())
      const second = await work.delay()
      await Promise.all([first.get(wait), second.get(wait)])
      expect(begun.length).toBe(3)
      expect((begun[1] ?? 0) - (begun[0] ?? 0)).toBeGreaterThanOrEqual(350)
    })

    test('a breaker lets no run begin after the last failure that it counts, and one trial after each pause', async () => {
      const app = limitedApp(lab())
      const begun: number[] = []
      const work = app.task(
        'work',
        () => {
          begun.push(Date.now())
          throw new Error('down')
        },
        { breaker: { failures: 3, within: '1m', pause: 400 } },
      )
      await lab().work(app, { concurrency: 1 })
      await Promise.all(Array.from({ length: 8 }, () => work.delay()))
      await until(() => begun.length >= 5)
      const gaps = begun.slice(1).map((moment, at) => moment - (begun[at] ?? 0))
      expect(
        gaps.slice(2, 4).every((gap) => gap >= 350),
        `${gaps}`,
      ).toBe(true)
    })

    test('a wait that is none, and one without end: the task is repeated, and its limit goes on', async () => {
      const app = limitedApp(lab())
      app.limit('api', { rate: '1000/s', burst: 10 })
      const waits: unknown[] = [Number.NaN, -5, '20ms', {}, Symbol('soon')]
      const ran = new Set<number>()
      const work = app.task(
        'work',
        (at: number) => {
          if (ran.has(at)) return at
          ran.add(at)
          throw new RetryAfter(waits[at] as number, 'later')
        },
        { uses: 'api', retry: { max: 1, delay: 1 } },
      )
      await lab().work(app)
      const sent = await Promise.all(waits.map((_, at) => work.delay(at)))
      expect(await Promise.all(sent.map((one) => one.get(wait)))).toEqual(waits.map((_, at) => at))
      const endless = app.task('endless', () => Promise.reject(new RetryAfter(1e18)), { uses: 'api' })
      const one = await endless.delay()
      await until(async () => (await one.state()) === 'RETRY')
      expect((await app.limits.of({ limit: 'api' }))[0]?.until).toBeLessThan(Date.now() + 366 * 86_400_000)
    })

    test('a breaker opens after failures, tries one, and closes; its changes are signals', async () => {
      const app = limitedApp(lab())
      const changes: Signals['limit:breaker'][] = []
      app.on('limit:breaker', (change) => changes.push(change))
      let isDown = true
      const begun: number[] = []
      const work = app.task(
        'work',
        () => {
          begun.push(Date.now())
          if (isDown) throw new Error('down')
          return 'up'
        },
        { breaker: { failures: 2, within: '1m', pause: 300 } },
      )
      await lab().work(app, { concurrency: 1 })
      const failing = [await work.delay(), await work.delay()]
      for (const one of failing) await expect(one.get(wait)).rejects.toThrow('down')
      await until(() => changes.length === 1)
      isDown = false
      const sent = await Promise.all([work.delay(), work.delay(), work.delay()])
      expect(await Promise.all(sent.map((one) => one.get(wait)))).toEqual(['up', 'up', 'up'])
      expect((begun[2] ?? 0) - (begun[1] ?? 0)).toBeGreaterThanOrEqual(280)
      expect(changes.map(({ rule, state }) => `${rule} ${state}`)).toEqual(['task:work open', 'task:work closed'])
    })
  })
})

function fail(): never {
  throw new Error('no key')
}
