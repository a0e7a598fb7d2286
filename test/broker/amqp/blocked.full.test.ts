import { spawn } from 'node:child_process'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { AmqpBroker, type AmqpOptions } from '../../../src/stores/rabbitmq/broker.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'

/** What the server suggests, s: it gives a connection up after two to three of them without a sign. */
const HEARTBEAT = 2
const LONG = HEARTBEAT * 4 * 1000

let server: RabbitServer
const stops: (() => unknown)[] = []

beforeAll(async () => {
  server = await RabbitServer.start()
  await server.ctl('eval', `application:set_env(rabbit, heartbeat, ${HEARTBEAT}).`)
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
afterAll(() => server.stop())

function open(options?: AmqpOptions): AmqpBroker {
  const broker = new AmqpBroker(server.url(), options)
  stops.push(() => broker.close())
  return broker
}

async function read(broker: AmqpBroker, queue: string, prefetch = 1) {
  const consumer = await broker.consume([{ name: queue }], { prefetch, name: 'celery@test' })
  return { consumer, reader: new Reader(consumer) }
}

/** The event loop stands still. */
function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('an event loop that is blocked for four heartbeats loses nothing of what it holds, nor what came meanwhile', async () => {
  const broker = open()
  const big = Buffer.alloc(200_000, 0x61)
  const ids = Array.from({ length: 100 }, (_, at) => `${at}`)
  const { consumer, reader } = await read(broker, 'q', ids.length)
  await Promise.all(ids.map((id) => broker.publish({ ...envelopeOf(id), body: big }, toQueue('q'))))
  const held = await reader.next()
  block(LONG)
  expect([held.redelivered, await held.ack()]).toEqual([false, true])
  const rest = await reader.take(ids.length - 1)
  expect(rest.map(({ redelivered }) => redelivered)).not.toContain(true)
  expect(await Promise.all(rest.map((delivery) => delivery.ack()))).not.toContain(false)
  expect(new Set([...idsOf([held]), ...idsOf(rest)])).toEqual(new Set(ids))
  // That of the publisher was given up, and is opened again.
  await until('all is well', () => consumer.problem === undefined)
  await reader.nothing()
  expect(await broker.size('q')).toBe(0)
})

test('a server that dies meanwhile is noticed afterwards', async () => {
  const broker = open()
  const { consumer, reader } = await read(broker, 'death')
  await broker.publish(envelopeOf('1'), toQueue('death'))
  const held = await reader.next()
  const killer = spawn('sh', ['-c', `sleep 1; kill -9 ${server.pid}`], { stdio: 'ignore' })
  stops.push(() => killer.kill())
  block(3000)
  expect(await held.ack()).toBe(false)
  await until('it is noticed', () => consumer.problem !== undefined)
  await server.restart()
  await until('it works again', () => consumer.problem === undefined)
  const again = await reader.next()
  expect([again.redelivered, await again.ack()]).toEqual([true, true])
})
