import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Delivery } from '../../../src/broker/broker.ts'
import { RedisServer } from '../../redis/server.ts'
import { StandaloneRedisBroker } from '../../stores/standalone.ts'

let server: RedisServer

beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())

test.each([
  { lease: 1500, visibilityTimeout: 3_600_000 },
  { lease: 1001, visibilityTimeout: 4321 },
  { lease: 30_000, visibilityTimeout: 5500 },
])(
  'what is held with $lease ms and a visibility timeout of $visibilityTimeout ms is ours for that long, and settled',
  async (options) => {
    const broker = new StandaloneRedisBroker(server.url(), options)
    const body = '[[],{},{}]'
    const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
    await broker.publish({ headers: { task: 'a', id: '1' }, properties, body }, { exchange: '', routingKey: 'q' })
    const before = Date.now()
    const consumer = await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'test' })
    const { value } = await consumer[Symbol.asyncIterator]().next()
    const [, score] = (await server.cli('ZRANGE', 'unacked_index', '0', '-1', 'WITHSCORES')).split('\n')
    // Taken, or renewed, at some moment since then.
    const end = Number(score) * 1000 + (options.visibilityTimeout ?? 3_600_000)
    expect(end).toBeGreaterThan(before + options.lease - 2)
    expect(end).toBeLessThan(Date.now() + options.lease + 2)
    expect(await (value as Delivery).ack()).toBe(true)
    await broker.close()
  },
)
