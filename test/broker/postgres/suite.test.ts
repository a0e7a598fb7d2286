import { describe, it } from 'vitest'
import { brokerSuite } from '../../../src/testing/suites/brokerSuite.ts'
import { emptySchema } from '../../postgres/shared.ts'
import { StandalonePostgresBroker } from '../../postgres/standalone.ts'

brokerSuite({ describe, it }, 'postgres', async () => {
  const url = await emptySchema()
  const broker = new StandalonePostgresBroker(url, { lease: 30_000 })
  return {
    broker,
    second: async () => new StandalonePostgresBroker(url, { lease: 30_000 }),
    close: () => broker.close(),
  }
})
