import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Consumer, Delivery } from '../../../src/broker/broker.ts'
import type { RedisBroker } from '../../../src/stores/redis/broker/broker.ts'
import { RedisServer } from '../../redis/server.ts'
import { StandaloneRedisBroker } from '../../stores/standalone.ts'

let server: RedisServer
let broker: RedisBroker

beforeAll(async () => {
  server = await RedisServer.start()
})
beforeEach(async () => {
  await server.cli('FLUSHALL')
  broker = new StandaloneRedisBroker(server.url(), { lease: 5000, visibilityTimeout: 3_600_000 })
  return () => broker.close()
})
afterAll(() => server.stop())

async function fill(count: number): Promise<void> {
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
  const send = (number: number): Promise<void> =>
    broker.publish(
      { headers: { task: 'a', id: `${number}` }, properties, body: '[[],{},{}]' },
      { exchange: '', routingKey: 'q' },
    )
  await Promise.all(Array.from({ length: count }, (_, number) => send(number)))
}

const consume = (prefetch: number): Promise<Consumer> => broker.consume([{ name: 'q' }], { prefetch, name: 'test' })
const held = async (): Promise<number> => Number(await server.cli('HLEN', 'unacked'))
const waiting = async (): Promise<number> => Number(await server.cli('LLEN', 'q'))

/** Acknowledge so many, one after the other, as they come. */
async function work(deliveries: AsyncIterator<Delivery>, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let done = 0; done < count; done++) {
    const { value } = await deliveries.next()
    ids.push((value as Delivery).envelope.headers.id as string)
    await (value as Delivery).ack()
  }
  return ids
}

test('nothing is taken ahead before the pace is known, nor for slow tasks', async () => {
  await fill(20)
  const consumer = await consume(2)
  const deliveries = consumer[Symbol.asyncIterator]()
  await deliveries.next()
  await deliveries.next()
  await sleep(200)
  expect(await held()).toBe(2)
})

test('quick ones are taken ahead, in their order; what gets no place soon is given back, unmarked and in its order', async () => {
  await fill(3000)
  const consumer = await consume(10)
  const deliveries = consumer[Symbol.asyncIterator]()
  const done = await work(deliveries, 1000)
  let kept: Delivery[] = []
  let most = 0
  let ahead: string[] = []
  // A machine that stood still for a moment has made them slow: after more of them they are quick again.
  for (; ahead.length === 0 && done.length < 2500; ) {
    done.push(...(await work(deliveries, 50)))
    // From now on all places are taken, and stay so.
    kept = []
    for (let place = 0; place < 10; place++) kept.push((await deliveries.next()).value as Delivery)
    most = await held()
    ahead = (consumer.ahead ?? []).map(({ envelope }) => envelope.headers.id as string)
    if (ahead.length > 0) break
    for (const delivery of kept) {
      done.push(delivery.envelope.headers.id as string)
      await delivery.ack()
    }
  }
  expect(most).toBeGreaterThan(10)
  expect(most).toBeLessThanOrEqual(10 + 4 * 10)
  expect(ahead).toEqual(ahead.map((_, number) => `${done.length + 10 + number}`))
  await expect.poll(held, { timeout: 3000 }).toBe(10)
  expect(consumer.ahead).toEqual([])
  expect(await waiting()).toBe(3000 - done.length - 10)
  const others = await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'other' })
  const { value: next } = await others[Symbol.asyncIterator]().next()
  expect((next as Delivery).envelope.headers.id).toBe(`${done.length + 10}`)
  expect((next as Delivery).redelivered).toBe(false)
  expect(done).toEqual(Array.from({ length: done.length }, (_, number) => `${number}`))
  await Promise.all(kept.map((delivery) => delivery.ack()))
})

test('closed, a consumer gives back at once what it took ahead', async () => {
  await fill(3000)
  const consumer = await consume(10)
  await work(consumer[Symbol.asyncIterator](), 1000)
  await consumer.close()
  await consumer.release()
  expect(await held()).toBe(0)
  expect(await waiting()).toBe(2000)
})

test('what is given back for another time goes before what was taken ahead of it', async () => {
  await fill(3000)
  const consumer = await consume(1)
  const deliveries = consumer[Symbol.asyncIterator]()
  await work(deliveries, 1000)
  const { value: delivery } = await deliveries.next()
  await (delivery as Delivery).reject({ requeue: true })
  const { value: again } = await deliveries.next()
  expect((again as Delivery).envelope.headers.id).toBe('1000')
  expect((again as Delivery).redelivered).toBe(true)
})
