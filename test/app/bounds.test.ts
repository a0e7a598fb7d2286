import { expect, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { Beat } from '../../src/beat/beat.ts'
import { schedulesOf } from '../../src/beat/schedules.ts'
import { every } from '../../src/beat/when/every.ts'
import type { Task } from '../../src/calls/task.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import { ArgumentError, QueueFullError } from '../../src/std/errors.ts'
import { inFull, isFull } from '../tier.ts'
import { type Lab, onEachStore, onStores, type StoreKind, until } from './lab.ts'

const suites = (suite: (lab: () => Lab, kind: StoreKind) => void): void =>
  isFull ? onEachStore(suite) : onStores(['memory', 'sqlite', 'redis'], suite)

const QUIET = { debug: () => undefined, info: () => undefined, error: () => undefined }

function define(app: App) {
  return {
    add: app.task('add', (x: number, y: number) => x + y),
    sum: app.task('sum', (list: number[]) => list.reduce((all, one) => all + one, 0)),
  }
}

suites((lab, kind) => {
  test('a call is refused while as many messages wait, and taken when a worker has made room', async () => {
    const app = lab().app({ maxQueueLength: 3, queues: { mail: { maxQueueLength: 1 }, free: { maxQueueLength: 0 } } })
    const { add } = define(app)
    const sent = await Promise.all([add.delay(1, 1), add.delay(1, 2), add.delay(1, 3)])
    const error = await add.delay(1, 4).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(QueueFullError)
    expect(error).toMatchObject({ code: 'QUEUE_FULL', queue: 'celery', limit: 3, count: 1 })
    await add.applyAsync([0, 0], { queue: 'mail' })
    await expect(add.applyAsync([0, 0], { queue: 'mail' })).rejects.toThrow(/queue mail: .* maxQueueLength is 1/)
    for (let at = 0; at < 5; at++) await add.applyAsync([0, 0], { queue: 'free' })
    await expect(
      add.delayMany([
        [1, 1],
        [2, 2],
      ]),
    ).rejects.toBeInstanceOf(QueueFullError)
    // Later: it waits in no queue yet.
    await add.applyAsync([0, 0], { countdown: '1h' })
    await lab().work(app)
    expect(await Promise.all(sent.map((one) => one.get({ timeout: '20s' })))).toEqual([2, 3, 4])
    const again = await until(() => add.delay(2, 2).catch((): false => false))
    expect(again && (await again.get({ timeout: '20s' }))).toBe(4)
  })

  test('workflows: refused as a whole, and what follows in one that was accepted is not refused', async () => {
    const app = lab().app({ maxQueueLength: 2 })
    const { add, sum } = define(app)
    const wide = group([add.s(1, 1), add.s(2, 2), add.s(3, 3)])
    await expect(wide.delay()).rejects.toThrow(/expected room for 3 messages more, .* never fit/)
    expect(await app.queueSize()).toBe(0)
    const first = await chain(add.s(1, 2), add.s(3), add.s(4)).delay()
    const second = kind === 'rabbitmq' ? undefined : await chain(add.s(1, 1), add.s(1)).delay()
    if (!second) await add.delay(0, 0)
    await expect(chain(add.s(5, 5), add.s(6)).delay()).rejects.toBeInstanceOf(QueueFullError)
    const pending = kind === 'redis' ? [] : (await app.jobs({ state: 'PENDING' })).jobs
    // Of the refused one no record stays.
    if (kind !== 'redis') expect(pending).toHaveLength(second ? 5 : 4)
    await lab().work(app)
    expect(await first.get({ timeout: '20s' })).toBe(10)
    if (second) expect(await second.get({ timeout: '20s' })).toBe(3)
    await until(async () => (await app.queueSize()) === 0)
    const joined = await chord([add.s(1, 1), add.s(2, 2)], sum.s()).delay()
    expect(await joined.get({ timeout: '20s' })).toBe(6)
  })

  test('bytes: a call is refused while as many wait, and taken when a worker has made room', async () => {
    if (kind === 'rabbitmq') return
    const queues = { free: { maxQueueBytes: 0 }, mail: { maxQueueBytes: '100 KiB', maxQueueLength: 1 } }
    const app = lab().app({ maxQueueBytes: '20 KiB', queues })
    const length = app.task('length', (text: string) => text.length)
    const text = 'x'.repeat(3000)
    const sent = [await length.delay(text), await length.delay(text)]
    const error = await length.delayMany(Array.from({ length: 6 }, () => [text])).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(QueueFullError)
    expect(error).toMatchObject({ queue: 'celery', option: 'maxQueueBytes', limit: 20_480 })
    await expect(group(Array.from({ length: 6 }, () => length.s(text))).delay()).rejects.toBeInstanceOf(QueueFullError)
    expect(await app.queueSize()).toBe(2)
    await expect(length.delay('x'.repeat(30_000))).rejects.toThrow(
      /^queue celery: expected room for \d+ bytes more, but its maxQueueBytes is 20480, which never fit/,
    )
    const large = 'x'.repeat(50_000)
    await length.applyAsync([large], { queue: 'free' })
    await length.applyAsync([large], { queue: 'mail' })
    await expect(length.applyAsync(['a'], { queue: 'mail' })).rejects.toMatchObject({ option: 'maxQueueLength' })
    const bounds = (await app.bounds()).map(({ what, option, limit }) => [what, option, limit])
    expect(bounds).toEqual([
      ['bytes of queue celery', 'maxQueueBytes', 20_480],
      ['queue mail', 'maxQueueLength', 1],
      ['bytes of queue mail', 'maxQueueBytes', 102_400],
    ])
    await lab().work(app)
    expect(await Promise.all(sent.map((one) => one.get({ timeout: '20s' })))).toEqual([3000, 3000])
    const again = await until(() => length.delay('x'.repeat(9000)).catch((): false => false))
    expect(again && (await again.get({ timeout: '20s' }))).toBe(9000)
  })

  test('a retry finds its queue full, and is taken', async () => {
    const app = lab().app({ maxQueueLength: 1 })
    let runs = 0
    const run = async (): Promise<number> => {
      // As full as it may be: the retry comes on top.
      if (++runs === 1) await flaky.delay()
      if (runs < 4) throw new Error('again')
      return runs
    }
    const flaky: Task<[], number> = app.task('flaky', run, { retry: { max: 3, delay: 1 } })
    const sent = await flaky.delay()
    await lab().work(app, { concurrency: 1 })
    expect(await sent.get({ timeout: '20s' })).toBeGreaterThanOrEqual(4)
  })
})

onStores(['memory', 'sqlite', 'redis', ...inFull('rabbitmq')], (lab) => {
  test('drop-oldest: each job that was dropped has an end, and its chord, too', async () => {
    const lines: unknown[] = []
    const logger = { ...QUIET, warn: (_: unknown, text: string) => lines.push(text), child: () => logger }
    const app = lab().app({ maxQueueLength: 3, onFull: 'drop-oldest', logger })
    const { add, sum } = define(app)
    // It ends the chord at once; without a worker that would be done by the first one.
    await lab().work(app, { queues: ['others'] })
    const joined = await chord([add.s(1, 1), add.s(2, 2)], sum.s()).delay()
    const later = await Promise.all([add.delay(3, 3), add.delay(4, 4), add.delay(5, 5)])
    expect(await app.queueSize()).toBe(3)
    await lab().work(app)
    await expect(joined.get({ timeout: '20s' })).rejects.toThrow(/dropped: its queue was full/)
    for (const [at, one] of later.entries()) expect(await one.get({ timeout: '20s' })).toBe(2 * (at + 3))
    expect(lines.join()).toMatch(/queue celery is full: oldest jobs dropped: [12]/)
  })
})

test.for([
  [{ maxQueueLength: -1 }],
  [{ onFull: 'block' }],
  [{ queues: { a: { maxQueueLength: 1.5 } } }],
  [{ maxQueueBytes: -1 }],
  [{ maxQueueBytes: '64 MB' }],
  [{ queues: { a: { maxQueueBytes: 0.5 } } }],
  [{ queues: { a: { broadcast: true, maxQueueBytes: 5 } } }],
])('a wrong bound is refused: %j', ([options], { expect: own }) => {
  own(() => new App(options as object)).toThrow(ArgumentError)
})

onStores(['sqlite'], (lab) => {
  test('a beat goes on with the next run when a queue is full', async () => {
    const app = lab().app({ maxQueueLength: 2 })
    const errors: unknown[] = []
    app.on('beat:error', ({ error }) => errors.push(error))
    define(app)
    schedulesOf(app).define('ticks', every('100ms'), { task: 'add', args: [1, 1] })
    const beat = new Beat(app)
    lab().after(() => beat.stop())
    await beat.start()
    await until(() => errors.length >= 2)
    expect(errors[0]).toBeInstanceOf(QueueFullError)
    expect(await app.queueSize()).toBe(2)
    await app.purge('celery')
    await until(async () => (await app.queueSize()) === 2)
  })
})
