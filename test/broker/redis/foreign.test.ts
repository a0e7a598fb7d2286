import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { Delivery } from '../../../src/broker/broker.ts'
import { createLogger } from '../../../src/std/log.ts'
import type { RedisBroker } from '../../../src/stores/redis/broker/broker.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { until, within } from '../../../src/testing/kit.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { RedisServer } from '../../redis/server.ts'
import { StandaloneRedisBroker } from '../../stores/standalone.ts'

/* Anybody may write to the lists: what is in them that no client of Celery's would write, or that Lua cannot read. */

let server: RedisServer
let redis: Redis
let broker: RedisBroker

beforeAll(async () => {
  server = await RedisServer.start()
  redis = new Redis(server.port)
})
beforeEach(async () => {
  await redis.flushall()
  broker = new StandaloneRedisBroker(server.url(), { lease: 1000, visibilityTimeout: 3_600_000 })
})
afterEach(() => broker.close())
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

interface Parts {
  readonly headers?: unknown
  readonly properties?: unknown
  readonly body?: unknown
}

function textOf(id: string, parts: Parts = {}): string {
  return JSON.stringify({
    body: 'e30=',
    'content-encoding': 'utf-8',
    'content-type': 'application/json',
    headers: { id, task: 'a' },
    properties: {
      correlation_id: id,
      reply_to: 'caller',
      delivery_info: { exchange: '', routing_key: 'q' },
      priority: 0,
      body_encoding: 'base64',
      delivery_tag: '0a3f9b8e-1111-4222-8333-444455556666',
    },
    ...parts,
  })
}

function deep(levels: number): unknown {
  return JSON.parse('['.repeat(levels) + ']'.repeat(levels))
}

/** Texts of a list, one as nobody expects it. */
const ODD = [
  ['half a surrogate pair', textOf('odd', { headers: { id: 'odd', task: 'a', cut: 'x\ud83d' } })],
  ['2000 levels', textOf('odd', { headers: { id: 'odd', task: 'a', deep: deep(2000) } })],
  ['no properties', textOf('odd', { properties: null })],
  ['a number for properties', textOf('odd', { properties: 5 })],
  ['the beginning and the end of an envelope', `{"body"${textOf('odd').slice(-60)}`],
  ['no JSON', 'odd'],
] as const

async function take(count: number): Promise<Delivery[]> {
  const consumer = await broker.consume([{ name: 'q' }], { prefetch: count, name: 'test' })
  const deliveries: Delivery[] = []
  for await (const delivery of consumer) if (deliveries.push(delivery) === count) break
  return deliveries
}

/** How many are in the list, held, and to be given back when their time has come. */
async function places(): Promise<unknown[]> {
  const answers = await redis.multi().llen('q').hlen('unacked').zcard('unacked_index').exec()
  return (answers ?? []).map(([, count]) => count)
}

describe.each(ODD)('%s', (_, odd) => {
  test('given back, it and its neighbours wait again', async () => {
    await redis.lpush('q', textOf('1'), odd, textOf('2'))
    const deliveries = await take(3)
    const done = await Promise.all(deliveries.map((delivery) => delivery.reject({ requeue: true })))
    expect(done).toEqual([true, true, true])
    // The consumer takes them anew: in either place, and none of them twice.
    const [waiting, held, due] = await places()
    expect([Number(waiting) + Number(held), due]).toEqual([3, held])
  })

  test('of a holder that died, it waits again', async () => {
    const stored = odd.startsWith('{') ? odd : JSON.stringify(odd)
    for (const [at, text] of [textOf('1'), stored, textOf('2')].entries()) {
      await redis.hset('unacked', `tag ${at}`, `[${text}, "", "q"]`)
      await redis.zadd('unacked_index', 1000 + at, `tag ${at}`)
    }
    await broker.consume([{ name: 'other' }], { prefetch: 1, name: 'test' })
    await until('given back', async () => String(await places()) === '3,0,0')
  })

  test('among delayed ones, it does not keep others from being found, or dropped', async () => {
    const later = Date.now() + 60_000
    await broker.publish(envelopeOf('2'), toQueue('q'), { notBefore: later })
    const stored = odd.startsWith('{') ? odd : JSON.stringify(odd)
    await redis.hset('unacked', 'odd', `[${stored}, "", "q"]`)
    await redis.zadd('unacked_index', later / 1000, 'odd')
    await redis.sadd('celeriac.parked', 'odd')
    const found = await broker.take('2', 'q')
    expect(found?.envelope.headers.id).toBe('2')
    await found?.ack()
    expect(await broker.purge('q')).toMatchObject({ count: 1 })
    expect(await places()).toEqual([0, 0, 0])
  })
})

test('what Lua cannot read is found by its id, goes back to the list of its priority, and is marked', async () => {
  const text = textOf('odd', { headers: { id: 'odd', task: 'a', cut: '\ud83d' } }).replace(
    '"priority":0',
    '"priority":9',
  )
  await redis.lpush('q\x06\x169', text)
  const taken = await broker.take('odd', 'q')
  expect(await taken?.reject({ requeue: true })).toBe(true)
  const [back] = await redis.lrange('q\x06\x169', 0, -1)
  expect(JSON.parse(back ?? '')).toMatchObject({ headers: { cut: '\ud83d', redelivered: true } })
})

test('a long text that Lua cannot read does not keep the server when it goes back', async () => {
  const cut = `\ud83d${'x'.repeat(60_000)}`
  const { priority: _, ...properties } = JSON.parse(textOf('odd')).properties
  await redis.lpush('q', textOf('odd', { headers: { id: 'odd', task: 'a', cut }, properties }))
  const [delivery] = await take(1)
  await redis.config('SET', 'slowlog-log-slower-than', 500_000)
  await redis.slowlog('RESET')
  expect(await delivery?.reject({ requeue: true })).toBe(true)
  expect(await redis.slowlog('LEN')).toBe(0)
})

test('a delayed task with half a surrogate pair in a header comes when it is due', async () => {
  const envelope = { ...envelopeOf('1'), headers: { id: '1', task: 'a', cut: 'x\ud83d' } }
  await broker.publish(envelope, toQueue('q'), { notBefore: Date.now() + 200 })
  const [delivery] = await within('the task', take(1))
  expect(delivery?.envelope.headers).toEqual(envelope.headers)
  expect(await delivery?.ack()).toBe(true)
})

test.each([
  ['no JSON', 'odd', {}],
  ['a list', '[1]', {}],
  ['no text for a body', textOf('odd', { body: {} }), { id: 'odd' }],
  ['headers that go too deep', textOf('odd', { headers: { id: 'odd', task: 'a', deep: deep(200) } }), { id: 'odd' }],
])('%s: a message of that text, with the id if there is one', async (_, text, headers) => {
  await redis.lpush('q', text)
  const [delivery] = await take(1)
  expect(delivery?.envelope).toMatchObject({ headers, properties: { contentType: 'text/plain' }, body: text })
  expect(delivery?.lost).toBe(0)
  await delivery?.ack()
})

test('results by rpc://: more than the worker has places for is refused and kept, and the next task runs', async () => {
  const app = new App({ broker: server.url(), backend: 'rpc://', queue: 'q', logger: createLogger('silent') })
  onTestFinished(() => app.close())
  const echo = app.task('echo', (text: string) => text)
  const worker = new Worker(app, { concurrency: 2 })
  onTestFinished(() => worker.stop())
  await worker.start()
  await redis.lpush('q', ...ODD.map(([, text]) => text))
  expect(await echo.delay('after').get({ timeout: '10s' })).toBe('after')
  await until('all are kept', async () => (await redis.llen('q.dead')) === ODD.length)
  const kept = (await redis.lrange('q.dead', 0, -1)).map((text) => JSON.parse(text))
  expect(kept.map(({ body }) => Buffer.from(body, 'base64').toString())).toContain('odd')
  // What is no reply, in the queue of replies, ends nothing.
  await app.send('nobody', [], { queue: 'looked at' })
  const [sent] = await redis.lrange('looked at', 0, 0)
  const { reply_to: replies } = JSON.parse(sent ?? '').properties
  await redis.lpush(replies, ...ODD.map(([, text]) => text))
  expect(await echo.delay('again').get({ timeout: '10s' })).toBe('again')
  await until('all are read', async () => (await redis.llen(replies)) === 0 && (await redis.hlen('unacked')) === 0)
})

test.each([0, 1])(
  'a wait that is cut while %i of 1 place is taken: told, and well again without a message',
  async (taken) => {
    const consumer = await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'test' })
    const waiting = async (): Promise<string[]> =>
      (await server.cli('CLIENT', 'LIST')).split('\n').filter((line) => line.includes(' flags=b '))
    await until('all lists are waited for', async () => (await waiting()).length === 4)
    if (taken === 1) {
      await redis.lpush('q', textOf('1'))
      await consumer[Symbol.asyncIterator]().next()
    }
    const [id] = /(?<=id=)\d+/.exec((await waiting()).at(-1) ?? '') ?? []
    await server.cli('CLIENT', 'KILL', 'ID', String(id))
    await until('told', () => consumer.problem !== undefined)
    await until('well again', () => consumer.problem === undefined)
    await until('waited for again', async () => (await waiting()).length === 4 - taken)
  },
)
