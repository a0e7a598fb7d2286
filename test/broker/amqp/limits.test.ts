import { afterEach, describe, expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { CeleriacOptions } from '../../../src/config/config.ts'
import type { Properties } from '../../../src/protocol/envelope.ts'
import { ArgumentError } from '../../../src/std/errors.ts'
import { namePart } from '../../../src/std/id.ts'
import { createLogger } from '../../../src/std/log.ts'
import { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { metricsOf } from '../../../src/telemetry/metrics/metrics.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { storesOf } from '../../app/stores.ts'
import { emptyRabbit } from '../../rabbitmq/shared.ts'
import { read } from './scene.ts'

/** 200 characters, 400 bytes. */
const LONG = 'ü'.repeat(200)
/** As long as AMQP allows: dots count more in the routing keys of delays. */
const LONGEST = `${'q.'.repeat(127)}q`

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function open(): Promise<AmqpBroker> {
  const broker = new AmqpBroker(await emptyRabbit())
  stops.push(() => broker.close())
  return broker
}

async function openApp(queue = 'celery', options: CeleriacOptions = {}): Promise<App> {
  const own = { broker: await emptyRabbit(), backend: 'rpc://', queue, logger: createLogger('silent') }
  const app = new App({ ...own, ...options })
  stops.push(() => app.close())
  return app
}

describe('names and properties that AMQP has no room for are refused at the call, in bytes', () => {
  const properties = (given: object): ReturnType<typeof envelopeOf> => envelopeOf('1', given as Partial<Properties>)

  test.each([
    [
      'a task id',
      properties({ correlationId: LONG }),
      toQueue('q'),
      /^RabbitMQ: task id: expected at most 255 bytes, got 400/,
    ],
    ['a queue', envelopeOf('1'), toQueue(LONG), /^RabbitMQ: queue: expected at most 255 bytes, got 400/],
    ['an exchange', envelopeOf('1'), { exchange: LONG, routingKey: '' }, /^RabbitMQ: exchange: .* got 400/],
    ['a routing key', envelopeOf('1'), { exchange: 'e', routingKey: LONG }, /^RabbitMQ: routing key: .* got 400/],
    ['a queue of replies', properties({ replyTo: LONG }), toQueue('q'), /^RabbitMQ: queue of replies: .* got 400/],
    ['a content type', properties({ contentType: LONG }), toQueue('q'), /^RabbitMQ: content type: .* got 400/],
    [
      'a header',
      { ...envelopeOf('1'), headers: { [LONG]: 1 } },
      toQueue('q'),
      /^RabbitMQ: name of a header: .* got 400/,
    ],
    [
      'an inner header',
      { ...envelopeOf('1'), headers: { a: [{ [LONG]: 1 }] } },
      toQueue('q'),
      /^RabbitMQ: name of a header: /,
    ],
    ['a header value', { ...envelopeOf('1'), headers: { a: 1n } }, toQueue('q'), /cannot be written: .*bigint/],
    ['a priority', properties({ priority: 999 }), toQueue('q'), /^RabbitMQ: priority: expected .* 0 to 255, got 999/],
    [
      'an expiration',
      properties({ expiration: '1.5' }),
      toQueue('q'),
      /^RabbitMQ: expiration: expected whole .*, got "1.5"/,
    ],
    [
      'a long expiration',
      properties({ expiration: '4294967296' }),
      toQueue('q'),
      /^RabbitMQ: expiration: .* to 4294967295/,
    ],
  ])('%s', async (_what, envelope, route, message) => {
    const broker = await open()
    const refused = broker.publish(envelope, route)
    await expect(refused).rejects.toBeInstanceOf(ArgumentError)
    await expect(refused).rejects.toThrow(message)
    await broker.publish(envelopeOf('2'), toQueue('q'))
    expect(await broker.size('q')).toBe(1)
  })

  test('queues that are taken from, asked for or purged, and names of workers', async () => {
    const broker = await open()
    const queue = [{ name: LONG }]
    await expect(broker.consume(queue, { prefetch: 1, name: 'w' })).rejects.toThrow(/^RabbitMQ: queue: .* got 400/)
    await expect(broker.consume([{ name: 'q' }], { prefetch: 1, name: LONG })).rejects.toThrow(
      /^RabbitMQ: name of a worker: expected at most 200 bytes, got 400/,
    )
    await expect(broker.size(LONG)).rejects.toThrow(/^RabbitMQ: queue: .* got 400/)
    await expect(broker.purge(LONG)).rejects.toThrow(/^RabbitMQ: queue: .* got 400/)
    expect(() => new AmqpBroker('amqp://h', { queues: { [LONG]: {} } })).toThrow(/^RabbitMQ: queues: .* got 400/)
  })

  test('a call leaves no record, and a worker says so when it starts', async () => {
    const app = await openApp()
    await expect(app.send('add', [1, 2], { taskId: LONG })).rejects.toThrow(/^RabbitMQ: task id: .* got 400/)
    expect(await app.result(LONG).state()).toBe('UNKNOWN')
    await expect(app.send('add', [1, 2], { queue: LONG })).rejects.toBeInstanceOf(ArgumentError)
    for (const options of [{ hostname: LONG }, { queues: [LONG] }]) {
      const worker = new Worker(app, options)
      await expect(worker.start()).rejects.toBeInstanceOf(ArgumentError)
    }
  })
})

test('the longest name of a queue: delays, retries, remote control, dead letters, metrics, purge', async () => {
  const app = await openApp(LONGEST, { unknownTaskTimeout: 0 })
  const { broker } = await storesOf(app)
  await broker.publish(envelopeOf('late'), toQueue(LONGEST), { notBefore: Date.now() + 200 })
  await broker.publish(envelopeOf('never'), toQueue(LONGEST), { notBefore: Date.now() + 60_000 })
  const { consumer, reader } = await read(broker as AmqpBroker, LONGEST)
  const came = await reader.next()
  expect([...idsOf([came]), await came.ack()]).toEqual(['late', true])
  await consumer.release()
  expect(await app.purge()).toBe(1)
  const runs: number[] = []
  const flaky = app.task(
    'flaky',
    () => {
      if (runs.push(runs.length) < 2) throw new Error('once more')
      return runs.length
    },
    { retry: { max: 1, delay: 50 } },
  )
  const worker = new Worker(app, { hostname: 'w'.repeat(200) })
  stops.push(() => worker.stop({ grace: 0 }))
  await worker.start()
  expect(await flaky.delay().get({ timeout: '10s' })).toBe(2)
  await until('the queue to be empty', async () => (await app.queueSize()) === 0)
  await app.send('unknown')
  const counted = `celeriac_queue_dead_letters{queue="${LONGEST}"} 1\n`
  await until('a copy is kept', async () => (await metricsOf(app).text()).includes(counted))
  expect(await metricsOf(app).text()).toContain('celeriac_store_up 1\n')
})

test('a part of a longer name: as it is where there is room, else a digest of it', () => {
  expect(namePart('short', 20)).toBe('short')
  expect([...new Set(['ä', 'b'].map((text) => namePart(text.repeat(200), 199)))]).toEqual([
    expect.stringMatching(/^celeriac-[\da-f]{32}$/),
    expect.stringMatching(/^celeriac-[\da-f]{32}$/),
  ])
})
