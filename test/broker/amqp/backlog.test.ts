import { expect, onTestFinished, test, vi } from 'vitest'
import { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { AmqpConnection } from '../../../src/stores/rabbitmq/connection/connection.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { emptyRabbit } from '../../rabbitmq/shared.ts'

/** For each look at a queue that does not exist the server ends a channel, and logs an error. */
test('a queue that does not exist costs one channel a minute, and counts at once when this process makes it', async () => {
  const broker = new AmqpBroker(await emptyRabbit())
  const channels = vi.spyOn(AmqpConnection.prototype, 'channel')
  onTestFinished(() => {
    channels.mockRestore()
    return broker.close()
  })
  const missing = ['a.dead', 'b.dead', 'c.dead']
  const counts = async (): Promise<number[]> =>
    [...(await broker.backlog(missing)).queues.values()].map(({ waiting }) => waiting)
  expect(await counts()).toEqual([0, 0, 0])
  const first = channels.mock.calls.length
  for (let look = 0; look < 10; look++) expect(await counts()).toEqual([0, 0, 0])
  expect([first, channels.mock.calls.length]).toEqual([3, 3])
  for (const name of missing) expect(await broker.size(name)).toBe(0)
  expect(channels.mock.calls.length).toBe(6)
  await broker.publish(envelopeOf('1'), toQueue('b.dead'))
  await until('it is counted', async () => (await counts())[1] === 1)
  expect(await counts()).toEqual([0, 1, 0])
})
