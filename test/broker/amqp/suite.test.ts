import { afterAll, beforeAll, describe, it } from 'vitest'
import { AmqpBroker } from '../../../src/broker/amqp/broker.ts'
import { brokerSuite } from '../../../src/testing/brokerSuite.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'

let server: RabbitServer
beforeAll(async () => {
  server = await RabbitServer.start()
}, 30_000)
afterAll(() => server.stop())

brokerSuite({ describe, it }, 'amqp', async () => {
  const url = await server.empty()
  // Priorities are a property of a queue there.
  const open = (): AmqpBroker => new AmqpBroker(url, { queues: { q: { maxPriority: 9 } } })
  const broker = open()
  return { broker, second: async () => open(), close: () => broker.close() }
})
