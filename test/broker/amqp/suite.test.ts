import { describe, it } from 'vitest'
import { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { brokerSuite } from '../../../src/testing/suites/brokerSuite.ts'
import { emptyRabbit } from '../../rabbitmq/shared.ts'

brokerSuite({ describe, it }, 'amqp', async () => {
  const url = await emptyRabbit()
  // Priorities are a property of a queue there.
  const open = (): AmqpBroker => new AmqpBroker(url, { queues: { q: { maxPriority: 9 } } })
  const broker = open()
  return { broker, second: async () => open(), close: () => broker.close() }
})
