import { describe, it } from 'vitest'
import { AmqpBroker } from '../../../src/broker/amqp/broker.ts'
import { brokerSuite } from '../../../src/testing/brokerSuite.ts'
import { emptyRabbit } from '../../rabbitmq/shared.ts'

/** What RabbitMQ's quorum queues do otherwise, in words of the cases' titles. */
const OTHERWISE = [
  // They know none.
  'priority',
  // It comes after what the server has at hand already.
  'given back ahead of later ones',
  // How many wait is told with a delay of seconds.
  'lowered, it lets go only what is settled',
  'close gives back what nobody has read',
  // On its way from one stay to the next the server shows it to nobody: some ms, and more than a second where it is busy.
  'what is about to come does not come either',
  // Each of the steps takes its time.
  'not a moment earlier, and soon after',
]

const kit = {
  describe,
  it: (title: string, body: () => Promise<void>): void =>
    (OTHERWISE.some((words) => title.includes(words)) ? it.skip : it)(title, body),
}

brokerSuite(kit, 'amqp with quorum queues', async () => {
  const url = await emptyRabbit()
  const queues = Object.fromEntries(['q', 'elsewhere', 'full'].map((name) => [name, { type: 'quorum' } as const]))
  const open = (): AmqpBroker => new AmqpBroker(url, { queues })
  const broker = open()
  return { broker, second: async () => open(), close: () => broker.close() }
})
