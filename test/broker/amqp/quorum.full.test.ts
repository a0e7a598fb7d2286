import { describe, it } from 'vitest'
import { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { brokerSuite } from '../../../src/testing/suites/brokerSuite.ts'
import { emptyRabbit } from '../../rabbitmq/shared.ts'

/** What RabbitMQ's quorum queues do not do, by words of the cases' titles, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  priority: 'quorum queues have no priorities',
  'returned ahead of later ones': 'a returned message comes after the messages that the server has read already',
  'lowered, it lets go only what is settled': 'the server updates the length of a quorum queue after seconds',
  'close releases deliveries that were not read': 'the server updates the length of a quorum queue after seconds',
  'what is about to come does not come either': 'between two delay queues a message is in no queue for a moment',
  'not a moment earlier, and soon after': 'each step of a delay takes longer in quorum queues',
}

const kit = {
  describe,
  it: (title: string, body: () => Promise<void>): void => {
    const [, reason] = Object.entries(DIFFERENT).find(([words]) => title.includes(words)) ?? []
    it(title, ({ skip }) => (reason === undefined ? body() : skip(reason)))
  },
}

brokerSuite(kit, 'amqp with quorum queues', async () => {
  const url = await emptyRabbit()
  const queues = Object.fromEntries(['q', 'elsewhere', 'full'].map((name) => [name, { type: 'quorum' } as const]))
  const open = (): AmqpBroker => new AmqpBroker(url, { queues })
  const broker = open()
  return { broker, second: async () => open(), close: () => broker.close() }
})
