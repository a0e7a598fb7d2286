import { describe, expect, it } from 'vitest'
import { MemoryBroker } from '../../src/stores/memory/broker.ts'
import { envelopeOf, toQueue } from '../../src/testing/factories.ts'
import { until } from '../../src/testing/kit.ts'
import { brokerSuite } from '../../src/testing/suites/brokerSuite.ts'
import { limitsSuite } from '../../src/testing/suites/limitsSuite.ts'
import { ManualClock } from '../beat/clock.ts'

brokerSuite({ describe, it }, 'memory', async () => {
  const broker = new MemoryBroker()
  return { broker, close: () => broker.close() }
})

limitsSuite({ describe, it }, 'memory', async () => {
  const broker = new MemoryBroker(undefined, 10)
  const loseOne = async (queue: string): Promise<void> => {
    const consumer = await broker.consume([{ name: queue }], { prefetch: 1, name: 'dead' })
    await consumer[Symbol.asyncIterator]().next()
    const waiting = await broker.size(queue)
    broker.abandon(consumer)
    await until('it waits again', async () => (await broker.size(queue)) > waiting)
  }
  return { broker, loseOne, close: () => broker.close() }
})

it('a consumer that died settles nothing, and what it held waits again after its lease', async () => {
  const clock = new ManualClock(0)
  const broker = new MemoryBroker(clock, 1000)
  for (const id of ['1', '2', '3']) await broker.publish(envelopeOf(id), toQueue('q'))
  const dead = await broker.consume([{ name: 'q' }], { prefetch: 2, name: 'dead' })
  const iterator = dead[Symbol.asyncIterator]()
  const { value: begun } = await iterator.next()
  broker.abandon(dead)
  expect([await begun.ack(), await begun.reject({ requeue: true })]).toEqual([false, false])
  const other = (await broker.consume([{ name: 'q' }], { prefetch: 5, name: 'other' }))[Symbol.asyncIterator]()
  const taken = async (): Promise<unknown> => {
    const { envelope, redelivered, lost } = (await other.next()).value
    return [envelope.properties.correlationId, redelivered, lost]
  }
  expect(await taken()).toEqual(['3', false, 0])
  clock.advance(999)
  expect(await broker.workers('q')).toBe(2)
  clock.advance(1)
  expect([await taken(), await taken()]).toEqual([
    ['1', true, 1],
    ['2', true, 1],
  ])
  expect([await broker.workers('q'), await begun.ack()]).toEqual([1, false])
  await broker.close()
})
