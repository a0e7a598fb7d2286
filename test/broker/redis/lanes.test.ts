import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { LIMITS_HEADER, limitsHeader } from '../../../src/protocol/limits.ts'
import type { RedisBroker } from '../../../src/stores/redis/broker/broker.ts'
import { envelopeOf, idsOf } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { atOnce, heldOf, numbered, sendLimited } from '../../../src/testing/limitFixture.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { RedisServer } from '../../redis/server.ts'
import { StandaloneRedisBroker } from '../../stores/standalone.ts'
import { LimitModel, needOf } from './limitModel.ts'

/* What only Redis has to do for lanes: its other clients know none, and its scripts do a part at a time. */

const LEASE_MS = 1000
/** Of a queue that has had lanes: for a day. */
const KEPT = new Set(['celeriac.lanes', 'celeriac.lanes-turn', 'celeriac.limits-clock'])

let server: RedisServer
let redis: Redis
let broker: RedisBroker
const closing: (() => Promise<void>)[] = []

beforeAll(async () => {
  server = await RedisServer.start()
  redis = new Redis(server.port)
})
beforeEach(async () => {
  await redis.flushall()
  broker = new StandaloneRedisBroker(server.url(), { lease: LEASE_MS, visibilityTimeout: 3_600_000 })
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await broker.close()
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

async function read(queue: string, prefetch: number): Promise<Reader> {
  const consumer = await broker.consume([{ name: queue }], { prefetch, name: 'test' })
  closing.push(() => consumer.release())
  return new Reader(consumer)
}

/** Celery's worker returns what a worker has held that died: from `unacked` to the list that the value names. */
async function restoreAsCelery(): Promise<void> {
  for (const tag of await redis.zrange('unacked_index', '0', '-1')) {
    const [message, , routingKey] = JSON.parse((await redis.hget('unacked', tag)) ?? '') as [unknown, string, string]
    await redis.zrem('unacked_index', tag)
    await redis.hdel('unacked', tag)
    await redis.rpush(routingKey, JSON.stringify(message))
  }
}

/** As the time of all leases and checks has come. */
async function checkAllTags(): Promise<void> {
  for (const tag of await redis.zrange('celeriac.lane-checks', '0', '-1'))
    await redis.zadd('celeriac.lane-checks', 0, tag)
}

test('a lane that another limit stops passes on what it was woken for', async () => {
  const model = new LimitModel(broker)
  await model.start()
  await model.define(2)
  await model.publish(1, needOf('all'))
  expect(await model.claim(1, 1)).toBe(1)
  await model.publish(1, needOf('all', ['one', 'b']))
  expect(await model.claim(1, 1)).toBe(0)
  await model.publish(1, needOf('all', ['one', 'a']))
  expect(await model.claim(1, 1)).toBe(0)
  await model.publish(0, needOf(['one', 'b']))
  expect(await model.claim(0, 1)).toBe(1)
  await model.settle(0, 'ack')
  await model.rest()
  await model.checkLayout()
  await model.end()
})

test('more lanes than one script wakes: all are woken, and nothing is left', async () => {
  const count = 350
  await broker.limits.pause({ rule: 'task', key: '' })
  const reader = await read('q', 50)
  await Promise.all(numbered('', count).map((id) => sendLimited(broker, 'q', id, ['task', ['key', id]])))
  await until('all are blocked', async () => (await redis.zcard('celeriac.limit-blocked.task\0\0q')) === count)
  expect(await broker.size('q')).toBe(count)
  await broker.limits.resume({ rule: 'task', key: '' })
  for (let seen = 0; seen < count; seen++) await (await reader.next()).ack()
  await until('nothing is left', async () => {
    const left = await redis.keys('celeriac.l*')
    return left.every((key) => KEPT.has(key))
  })
})

test('a rule with more keys than one script looks at: all see its new limit', async () => {
  const count = 250
  await broker.limits.define([atOnce('key', 1)])
  const keys = numbered('', count)
  await Promise.all(keys.map((id) => sendLimited(broker, 'q', id, [['key', id]])))
  await Promise.all(keys.map((id) => sendLimited(broker, 'q', `${id} more`, [['key', id]])))
  const reader = await read('q', 2 * count)
  await reader.take(count)
  await until('all others are blocked', async () => (await redis.exists('celeriac.lanes-open.q')) === 0)
  await broker.limits.define([atOnce('key', 2)])
  expect(await reader.take(count)).toHaveLength(count)
})

test('a worker of Celery restores what one of ours has held: its permits return, and its lane opens', async () => {
  await broker.limits.define([atOnce('one', 1)])
  await sendLimited(broker, 'q', '1', ['one'])
  const dead = await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'dead' })
  await new Reader(dead).next()
  await restoreAsCelery()
  await checkAllTags()
  const other = new StandaloneRedisBroker(server.url(), { lease: LEASE_MS, visibilityTimeout: 3_600_000 })
  closing.push(() => other.close())
  const again = new Reader(await other.consume([{ name: 'q' }], { prefetch: 5, name: 'test' }))
  expect(idsOf([await again.next()])).toEqual(['1'])
  expect(await heldOf(broker.limits, 'one')).toBe(1)
  expect(await broker.size('q')).toBe(0)
})

test('a worker of Celery brings a delayed message to its lane: it is found there', async () => {
  await broker.limits.define([atOnce('one', 1)])
  await sendLimited(broker, 'q', '1', ['one'], { notBefore: Date.now() + 3_600_000 })
  await restoreAsCelery()
  await redis.srem('celeriac.parked', ...(await redis.smembers('celeriac.parked')))
  await checkAllTags()
  const reader = await read('q', 1)
  expect(idsOf([await reader.next()])).toEqual(['1'])
})

test('a clock that is set back by an hour: what waited for a moment is looked at again', async () => {
  await broker.limits.define([{ name: 'r', rate: { interval: 200, burst: 1 } }])
  await sendLimited(broker, 'q', '1', ['r'])
  await sendLimited(broker, 'q', '2', ['r'])
  const first = await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'test', ahead: 0 })
  await (await new Reader(first).next()).ack()
  await first.release()
  // As it is where the moments were written an hour later by the clock than now.
  const later = Date.now() + 3_600_000
  await redis.zadd('celeriac.limits-wake', later, 'r\0')
  await redis.hset('celeriac.limit.r\0', 'full', later)
  await redis.set('celeriac.limits-clock', later)
  const reader = await read('q', 1)
  expect(idsOf([await reader.next()])).toEqual(['2'])
})

test('the header limits what it names, also where Lua cannot read it', async () => {
  const key = `half \ud83d "quoted" \\ud83d \0 ${'long'.repeat(50)}`
  await broker.limits.define([atOnce('one', 1)])
  for (const id of ['1', '2']) await sendLimited(broker, 'q', id, [['one', key]])
  const reader = await read('q', 5)
  const first = await reader.next()
  await reader.nothing()
  expect(limitsHeader([{ rule: 'one', key, count: 1 }])).toContain('\\ud83d')
  expect(await heldOf(broker.limits, 'one', key)).toBe(1)
  await first.reject({ requeue: true })
  expect((await reader.next()).redelivered).toBe(true)
})

test('without limits nothing of them is in the server, and no script enters their code', async () => {
  const reader = await read('q', 20)
  await redis.config('RESETSTAT')
  for (const id of numbered('', 20)) await sendLimited(broker, 'q', id, [])
  for (const delivery of await reader.take(20)) await delivery.ack()
  expect(await redis.keys('celeriac.l*')).toEqual([])
  const stats = await redis.info('commandstats')
  for (const command of ['hsetnx', 'hincrby', 'incr', 'zrangebylex', 'hmget', 'hrandfield']) {
    expect(stats).not.toContain(`cmdstat_${command}:`)
  }
})

test('through an exchange: each queue that is bound has a lane of its own, also for what is delayed', async () => {
  await broker.limits.define([atOnce('one', 1)])
  const bindings = [{ exchange: 'news', kind: 'direct' as const, routingKey: 'r' }]
  const queues = ['p', 'q'].map((name) => ({ name, bindings }))
  const headers = { [LIMITS_HEADER]: limitsHeader([{ rule: 'one', key: '', count: 1 }]) }
  const send = (id: string, notBefore?: number): Promise<void> => {
    const envelope = envelopeOf(id)
    const route = { exchange: 'news', routingKey: 'r', kind: 'direct' as const, queues }
    return broker.publish({ ...envelope, headers: { ...envelope.headers, ...headers } }, route, { notBefore })
  }
  await send('1')
  await send('2', Date.now() + 200)
  expect([await broker.size('p'), await broker.size('q')]).toEqual([1, 1])
  const consumer = await broker.consume(queues, { prefetch: 10, name: 'test' })
  closing.push(() => consumer.release())
  const reader = new Reader(consumer)
  const seen: string[] = []
  for (let count = 0; count < 4; count++) {
    const delivery = await reader.next()
    expect(await heldOf(broker.limits, 'one')).toBe(1)
    seen.push(`${idsOf([delivery])[0]} ${delivery.queue}`)
    await delivery.ack()
  }
  expect(seen.sort()).toEqual(['1 p', '1 q', '2 p', '2 q'])
})
