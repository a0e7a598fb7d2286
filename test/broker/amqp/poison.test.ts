import { expect, test } from 'vitest'
import type { Delivery } from '../../../src/broker/broker.ts'
import { AmqpBroker, type AmqpOptions } from '../../../src/stores/rabbitmq/broker.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { startProxy } from '../../../src/testing/proxy/tcpProxy.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { RabbitHost } from '../../rabbitmq/shared.ts'
import { inFull } from '../../tier.ts'
import { AmqpScene } from './scene.ts'

const scene = new AmqpScene(RabbitHost.open)

/** A worker that can die, as far as the server can see. */
async function mortal(queue: string, options?: AmqpOptions): Promise<{ reader: Reader; die(): Promise<void> }> {
  const proxy = await startProxy({ port: scene.server.port })
  const broker = new AmqpBroker(proxy.url(scene.server.url()), { ...options, storeTimeout: 5000 })
  const consumer = await broker.consume([{ name: queue }], { prefetch: 20, name: 'celery@mortal' })
  const die = scene.after(async () => {
    proxy.refuse()
    await broker.close()
    await proxy.stop()
  })
  return { reader: new Reader(consumer), die }
}

const factsOf = (deliveries: readonly Delivery[]): [string | undefined, number][] =>
  deliveries.map((delivery): [string | undefined, number] => [idsOf([delivery])[0], delivery.lost]).sort()

test.each(['classic', ...inFull('quorum' as const)] as const)(
  'a %s queue: how often its holders died is counted, what is given back on purpose is not',
  async (type) => {
    const options = { queues: { [type]: { type } } }
    const broker = scene.open(options)
    const ids = Array.from({ length: 10 }, (_, at) => `${at}`)
    await Promise.all(ids.map((id) => broker.publish({ ...envelopeOf(id), headers: { task: 't', id } }, toQueue(type))))
    // The first returns are not counted.
    const unknown = type === 'classic' ? 1 : 3
    for (let death = 0; death < unknown + 3; death++) {
      const { reader, die } = await mortal(type, options)
      const held = await reader.take(ids.length)
      expect(factsOf(held)).toEqual(ids.map((id) => [id, Math.max(0, death - unknown)]))
      expect(held[0]?.redelivered).toBe(death > 0)
      await die()
    }
    for (let round = 0; round < 3; round++) {
      const consumer = await broker.consume([{ name: type }], { prefetch: 20, name: 'celery@kind' })
      const held = await new Reader(consumer).take(ids.length)
      expect(factsOf(held)).toEqual(ids.map((id) => [id, 3]))
      if (round < 2) await consumer.release()
      else {
        expect(held.map(({ envelope }) => envelope.headers)).toContainEqual({ task: 't', id: '3' })
        expect(await Promise.all(held.map((delivery) => delivery.ack()))).not.toContain(false)
      }
    }
    expect(await broker.size(type)).toBe(0)
  },
  40_000,
)

test('a copy that nobody has read yet when its connection ends comes again, once', async () => {
  const { reader, die } = await mortal('unread')
  const broker = scene.open()
  await Promise.all(['1', '2', '3'].map((id) => broker.publish(envelopeOf(id), toQueue('unread'))))
  await reader.take(3)
  await die()
  const { proxy, url } = await scene.proxy()
  const other = scene.open({}, url)
  const consumer = await other.consume([{ name: 'unread' }], { prefetch: 20, name: 'celery@test' })
  await until('copies are held', async () => (await heldCopies()) === 3)
  proxy.reset()
  await until('it is noticed', () => consumer.problem !== undefined)
  await until('it works again', () => consumer.problem === undefined)
  const again = await new Reader(consumer).take(3)
  expect(idsOf(again).sort()).toEqual(['1', '2', '3'])
  expect(await Promise.all(again.map((delivery) => delivery.ack()))).toEqual([true, true, true])
  expect(await broker.size('unread')).toBe(0)
})

async function heldCopies(): Promise<number> {
  const lines = (await scene.server.ctl('list_queues', 'name', 'messages_unacknowledged')).split('\n')
  const counts = lines.filter((line) => line.startsWith('unread.held.')).map((line) => Number(line.split('\t')[1]))
  return counts.reduce((sum, count) => sum + count, 0)
}
