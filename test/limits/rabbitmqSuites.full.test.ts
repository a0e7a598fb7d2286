import { describe, it } from 'vitest'
import { LimitedBroker } from '../../src/stores/limited/broker.ts'
import { MemoryBroker } from '../../src/stores/memory/broker.ts'
import { AmqpBroker } from '../../src/stores/rabbitmq/broker.ts'
import { brokerSuite } from '../../src/testing/suites/brokerSuite.ts'
import { limitsSuite } from '../../src/testing/suites/limitsSuite.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'

async function openBoth() {
  const url = await emptyRabbit()
  const lanes = new MemoryBroker()
  const open = (): LimitedBroker => new LimitedBroker(new AmqpBroker(url, { queues: { q: { maxPriority: 9 } } }), lanes)
  const broker = open()
  const close = async (): Promise<void> => {
    await broker.close()
    await lanes.close()
  }
  return { broker, second: async () => open(), close }
}

limitsSuite({ describe, it }, 'rabbitmq, beside memory', openBoth)
brokerSuite({ describe, it }, 'rabbitmq, beside memory', openBoth)
