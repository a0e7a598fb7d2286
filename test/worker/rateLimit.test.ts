import { describe, expect, it } from 'vitest'
import { App } from '../../src/app/app.ts'
import { testApp } from '../../src/testing/app/testApp.ts'
import { Bucket } from '../../src/worker/task/bucket.ts'
import { onSqliteOrEachStore, record, type Told, until, useLab } from '../app/lab.ts'

/** When the runs of a task began, by its signals. */
function runs(told: readonly Told[], task: string): number {
  return told.filter(({ name, event }) => name === 'task:prerun' && (event as { task: string }).task === task).length
}

onSqliteOrEachStore((lab) => {
  it('what has to wait keeps no other task waiting, in the smallest of workers', async () => {
    const app = lab().app()
    const limited = app.task('limited', () => 1, { rateLimit: '1/h' })
    const free = app.task('free', () => 2)
    const told = record(app)
    const worker = await lab().work(app, { concurrency: 1 })
    await limited.delayMany(Array.from({ length: 40 }, () => []))
    const results = await free.delayMany([[], [], []])
    for (const result of results) expect(await result.get({ timeout: '30s' })).toBe(2)
    expect(runs(told, 'limited')).toBe(1)
    await until(() => worker.busy === 0)
  })

  it('each runs in its turn, once', async () => {
    const app = lab().app()
    const told = record(app)
    const seen: number[] = []
    const limited = app.task('limited', (n: number) => seen.push(n), { rateLimit: '20/s' })
    await lab().work(app, { concurrency: 1 })
    const begun = performance.now()
    const results = await limited.delayMany(Array.from({ length: 30 }, (_, n) => [n]))
    await Promise.all(results.map((result) => result.get({ timeout: '60s' })))
    // Thirty runs have twenty-nine intervals of 50 ms between them, but that the first one may begin late.
    expect(performance.now() - begun).toBeGreaterThan(1200)
    expect(runs(told, 'limited')).toBe(30)
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n))
  })
})

describe('in one store', () => {
  const lab = useLab('sqlite')

  it('one that waits here is revoked, and goes back to its queue when the worker stops', async () => {
    const app = lab().app()
    const told = record(app)
    const limited = app.task('limited', () => 1, { rateLimit: '12/m' })
    const worker = await lab().work(app)
    await limited.delay().get({ timeout: '20s' })
    const kept = await limited.delay()
    await until(() => worker.busy === 1)
    await worker.stop()
    expect(runs(told, 'limited')).toBe(1)
    expect(await app.queueSize()).toBe(1)
    const next = await lab().work(app, { hostname: 'next@x' })
    // Its bucket is another.
    expect(await kept.get({ timeout: '20s' })).toBe(1)
    const revoked = await limited.delay()
    await until(() => next.busy === 1)
    await revoked.revoke()
    await expect(revoked.get({ timeout: '30s' })).rejects.toMatchObject({ name: 'TaskRevokedError' })
    expect(runs(told, 'limited')).toBe(2)
  })

  it('each worker has its own', async () => {
    const app = lab().app()
    const limited = app.task('limited', () => 1, { rateLimit: '30/m' })
    const [one, two] = [await lab().work(app, { hostname: 'one@x' }), await lab().work(app, { hostname: 'two@x' })]
    const done = (worker: typeof one): number => worker.totals.get('limited') ?? 0
    await limited.delayMany(Array.from({ length: 40 }, () => []))
    await until(() => done(one) > 0 && done(two) > 0)
    // Two seconds lie between the runs of one.
    expect(done(one) + done(two)).toBeLessThan(30)
  })
})

it('goes by the clock of the app', async () => {
  const app = new App({ broker: 'memory:' })
  const limited = app.task('limited', () => 1, { rateLimit: '10/m' })
  await using test = await testApp(app)
  const results = await limited.delayMany(Array.from({ length: 4 }, () => []))
  const ended = async (): Promise<number> =>
    (await Promise.all(results.map((result) => result.state()))).filter((state) => state === 'SUCCESS').length
  await test.advance('1s')
  expect(await ended()).toBe(1)
  await test.advance('30s')
  expect(await ended()).toBe(4)
})

describe('a bucket', () => {
  it('runs are evenly spread; what was not used is not made up for', () => {
    const bucket = new Bucket(100)
    expect([0, 0, 0, 250].map((now) => bucket.reserve(now))).toEqual([0, 100, 200, 50])
    expect(bucket.reserve(5000)).toBe(0)
    expect(bucket.reserve(5000)).toBe(100)
  })

  it('holds what is due within a second, and the next one', () => {
    const count = (interval: number): number => {
      const bucket = new Bucket(interval)
      bucket.reserve(0)
      let held = 0
      while (bucket.reserve(0) !== undefined) held++
      expect(held).toBeLessThanOrEqual(bucket.held)
      return held
    }
    expect([100, 1, 5000, 60_000].map(count)).toEqual([10, 100, 1, 0])
  })

  it('messages return from the moment of the next run on, faster than they run', () => {
    const bucket = new Bucket(8000)
    bucket.reserve(0)
    expect([0, 0, 0].map((now) => bucket.returnAt(now))).toEqual([8000, 10_000, 12_000])
    for (let n = 0; n < 100; n++) bucket.returnAt(0)
    expect(bucket.returnAt(0)).toBe(60_000)
  })

  it('a clock that is set back does not stop the task', () => {
    const bucket = new Bucket(1000)
    expect(bucket.reserve(3_600_000)).toBe(0)
    expect(bucket.reserve(0)).toBe(0)
    expect(bucket.reserve(0)).toBe(1000)
  })
})

describe('the option', () => {
  const app = new App({ broker: 'memory:' })

  it.each([
    ['10/s', 100],
    ['100/m', 600],
    ['1/h', 3_600_000],
    ['0.5/s', 2000],
    [4, 250],
    ['4' as never, 250],
    [0, undefined],
    ['0/s', undefined],
  ] as const)('%o', (rateLimit, interval) => {
    const { definition } = new App({ broker: 'memory:' }).task('task', () => 1, { rateLimit })
    expect(definition.options.rateLimit).toBe(interval)
  })

  it.each([
    ['10/d'],
    ['ten/s'],
    [''],
    ['-1/s'],
    ['10 / s'],
    [-1],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [null],
    [['1/s']],
  ])('%o is refused', (rateLimit) => {
    expect(() => app.task('bad', () => 1, { rateLimit: rateLimit as never })).toThrow(
      "task bad: rateLimit: expected a number in a second, or text such as '10/s', '100/m', '1000/h', got",
    )
  })
})
