import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { encodeTask, NOTHING_EMBEDDED } from '../../src/protocol/message.ts'
import { CeleriacError, Reject } from '../../src/std/errors.ts'
import { until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { deadIn } from '../deadLetters.ts'
import { RedisServer } from '../redis/server.ts'

/* What another program keeps under keys that are ours or a queue's: of the wrong type, it takes one message along and no other. */

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start({ flags: ['--save', '900 1'] })
})
afterAll(() => server.stop())
beforeEach(() => server.cli('FLUSHALL'))

const MANY = 40

/** Nothing is left in the hands of a worker. */
async function expectNothingHeld(): Promise<void> {
  await until(async () => (await server.cli('HLEN', 'unacked')) === '0')
  expect(await server.cli('ZCARD', 'unacked_index')).toBe('0')
}

describe('foreign keys on Redis', () => {
  const lab = useLab('redis', () => server.url())

  function numbers(app: App) {
    return app.task('number', (n: number) => n)
  }

  it('at a record: the message is kept beside its queue, and those of the same script are settled', async () => {
    const app = lab().app()
    const task = numbers(app)
    await server.cli('HSET', 'celery-task-meta-bad', 'x', '1')
    const bad = task.applyAsync([0], { taskId: 'bad', ignoreResult: false })
    const good = await task.delayMany(Array.from({ length: MANY }, (_, n) => [n]))
    await bad
    const worker = await lab().work(app, { concurrency: MANY + 1 })
    expect(await Promise.all(good.map((handle) => handle.get()))).toEqual(good.map((_, n) => n))
    await until(() => worker.busy === 0)
    expect(await deadIn(app)).toBe(1)
    expect(await server.cli('HGET', 'celery-task-meta-bad', 'x')).toBe('1')
    await expectNothingHeld()
  })

  it('at the queue of a callback: that task fails and says so, its callback is never half sent', async () => {
    const app = lab().app()
    const task = numbers(app)
    await server.cli('SET', 'other', 'theirs')
    const { broker } = await storesOf(app)
    const link = { task: 'number', args: [], kwargs: {}, subtask_type: null, immutable: true }
    const callbacks = [
      { ...link, options: { task_id: 'sent' } },
      { ...link, options: { queue: 'other', task_id: 'never' } },
    ]
    const base = { id: 'bad', task: 'number', args: [1], kwargs: {}, retries: 0, rootId: 'bad' }
    const embed = { ...NOTHING_EMBEDDED, callbacks }
    const message = encodeTask({ ...base, embed, ignoreResult: false, headers: {} }, 'json')
    await broker.publish(message, { exchange: '', routingKey: 'celery' })
    const good = await task.delayMany(Array.from({ length: MANY }, (_, n) => [n]))
    await lab().work(app, { concurrency: MANY + 1 })
    expect(await Promise.all(good.map((handle) => handle.get()))).toEqual(good.map((_, n) => n))
    await until(async () => (await app.result('bad').state()) === 'FAILURE')
    expect((await app.result('bad').info())?.error?.message).toMatch(
      /WRONGTYPE key other: expected a list, got a string/,
    )
    for (const id of ['sent', 'never']) expect(await app.result(id).state(), id).toBe('FAILURE')
    expect(await app.queueSize()).toBe(0)
    await expectNothingHeld()
  })

  it('at the queue of a call: it rejects, and those of the same turn are sent', async () => {
    const app = lab().app()
    const task = numbers(app)
    await storesOf(app)
    await server.cli('SET', 'other', 'theirs')
    await server.cli('SET', 'queue', 'theirs')
    const sent = await Promise.allSettled([
      task.delay(1),
      task.applyAsync([2], { queue: 'other' }),
      task.applyAsync([3], { taskId: 'not plain', idempotencyKey: undefined }),
      task.applyAsync([4], { queue: 'queue', idempotencyKey: 'k' }),
      task.delay(5),
    ])
    expect(sent.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
    for (const at of [1, 3]) expect((sent[at] as PromiseRejectedResult).reason).toBeInstanceOf(CeleriacError)
    expect(await app.queueSize()).toBe(3)
    const { broker } = await storesOf(app)
    const envelope = { headers: {}, properties: { contentType: 'a/b', contentEncoding: 'utf-8' }, body: '' }
    const pushed = await Promise.allSettled(
      ['celery', 'other'].map((routingKey) => broker.publish(envelope, { exchange: '', routingKey })),
    )
    expect(pushed.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })

  it('at the queue that a message goes back to: it fails, and is not lost half-way', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<void>()
    const back = app.task('back', async () => {
      await gate.promise
      throw new Reject('again', { requeue: true })
    })
    const task = numbers(app)
    await lab().work(app, { concurrency: 2, queues: ['celery', 'second'] })
    const handle = await back.applyAsync([], { queue: 'second' })
    await until(async () => (await server.cli('EXISTS', 'second')) === '0')
    await server.cli('SET', 'second', 'theirs')
    gate.resolve()
    await until(async () => (await handle.state()) === 'FAILURE')
    expect(await deadIn(app, 'second')).toBe(1)
    // One of its queues cannot be read: the other goes on, and nothing of it is lost.
    const good = await task.delayMany(Array.from({ length: MANY }, (_, n) => [n]))
    expect(await Promise.all(good.map((one) => one.get()))).toEqual(good.map((_, n) => n))
    await expectNothingHeld()
  })

  it('at the queue of a delayed one: the others are given back in time, and it comes when the key is gone', async () => {
    const app = lab().app()
    const task = numbers(app)
    await lab().work(app, { queues: ['celery', 'second'] })
    const late = await task.applyAsync([1], { queue: 'second', countdown: 400 })
    const good = await task.applyAsync([2], { countdown: 500 })
    await server.cli('SET', 'second', 'theirs')
    expect(await good.get()).toBe(2)
    expect(await late.state()).toBe('PENDING')
    expect(await server.cli('HLEN', 'unacked')).toBe('1')
    expect(await server.cli('ZCARD', 'unacked_index')).toBe('1')
    await server.cli('DEL', 'second')
    // It is looked at once a minute: the minute is over.
    const [tag] = (await server.cli('ZRANGE', 'unacked_index', '0', '0')).split('\n')
    await server.cli('ZADD', 'unacked_index', '1', tag as string)
    await server.cli('PUBLISH', 'celeriac.parked', '')
    expect(await late.get()).toBe(1)
  })

  it('at one of many records that are stored together: the others are stored', async () => {
    const app = lab().app()
    const { backend } = await storesOf(app)
    await server.cli('SADD', 'celery-task-meta-bad', 'x')
    const metaOf = (task_id: string) => ({
      status: 'STARTED',
      task_id,
      result: null,
      traceback: null,
      date_done: null,
      children: [],
    })
    const stored = await Promise.allSettled(['a', 'bad', 'b'].map((id) => backend.store(metaOf(id))))
    expect(stored.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((await backend.load(['a', 'b'])).map((meta) => meta?.status)).toEqual(['STARTED', 'STARTED'])
  })
})
