import { describe, expect, test } from 'vitest'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { pause, until } from '../../../src/testing/kit.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'
import { AmqpScene, read } from './scene.ts'

/** What the server allows, ms: it looks every second. */
const LIMIT = 3000

const scene = new AmqpScene(() => RabbitServer.start({ consumerTimeout: LIMIT }), { until: 'file' })

// Side by side: they wait for the server's clock.
describe.concurrent('held for long', () => {
  test.each(['classic', 'quorum'] as const)(
    'a task of twice the limit runs once, on a %s queue',
    async (type) => {
      const queues = { [type]: { type } }
      const broker = scene.open({ queues, consumerTimeout: LIMIT })
      await broker.publish(envelopeOf('1'), toQueue(type))
      await broker.publish(envelopeOf('2'), toQueue(type))
      const { consumer, reader } = await read(broker, type, 1)
      const held = await reader.next()
      const end = performance.now() + 2 * LIMIT + 1000
      await until('the time is up', () => performance.now() > end || consumer.problem !== undefined)
      expect(consumer.problem).toBeUndefined()
      await reader.nothing()
      expect([idsOf([held]), await held.ack()]).toEqual([['1'], true])
      const second = await reader.next()
      expect([...idsOf([second]), second.redelivered, await second.ack()]).toEqual(['2', false, true])
      await reader.nothing()
      expect(await broker.size(type)).toBe(0)
    },
    30_000,
  )

  test('held by a copy, then the worker dies: it comes again, once, and is marked; given back, too', async () => {
    const { proxy, url } = await scene.proxy()
    const dying = scene.open({ consumerTimeout: LIMIT, storeTimeout: 5000 }, url)
    await dying.publish({ ...envelopeOf('1', { priority: 3 }), headers: { task: 't', own: 1 } }, toQueue('dying'))
    const { reader } = await read(dying, 'dying', 1)
    await reader.next()
    await pause(LIMIT * 0.5 + 600)
    const next = scene.open({ consumerTimeout: LIMIT })
    const other = await read(next, 'dying', 1)
    await other.reader.nothing()
    proxy.refuse()
    const again = await other.reader.next()
    expect([again.redelivered, again.lost, again.envelope.headers]).toEqual([true, 1, { task: 't', own: 1 }])
    expect(again.envelope.properties).toMatchObject({ correlationId: '1', priority: 3 })
    await pause(LIMIT * 0.5 + 600)
    expect(await again.reject({ requeue: true })).toBe(true)
    const third = await other.reader.next()
    expect([idsOf([third]), await third.ack()]).toEqual([['1'], true])
    await other.reader.nothing()
  })

  test('a limit that nobody knew of: the task is told to be lost, it is said why, and heeded from then on', async () => {
    const warnings: string[] = []
    const broker = scene.open({ warn: (message) => warnings.push(message) })
    await broker.publish(envelopeOf('1'), toQueue('unknown'))
    const { consumer, reader } = await read(broker, 'unknown', 1)
    const first = await reader.next()
    const again = await reader.next()
    expect([again.redelivered, await first.ack()]).toEqual([true, false])
    expect(warnings).toEqual([expect.stringMatching(/consumer_timeout of 3000 ms/)])
    await until('it works', () => consumer.problem === undefined)
    await pause(2 * LIMIT)
    expect(await again.ack()).toBe(true)
    await reader.nothing()
  })
})
