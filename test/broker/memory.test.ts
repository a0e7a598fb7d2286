import { describe, it } from 'vitest'
import { MemoryBroker } from '../../src/stores/memory/broker.ts'
import { brokerSuite } from '../../src/testing/suites/brokerSuite.ts'

brokerSuite({ describe, it }, 'memory', async () => {
  const broker = new MemoryBroker()
  return { broker, close: () => broker.close() }
})
