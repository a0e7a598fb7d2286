import { describe, it } from 'vitest'
import type { SqliteBroker } from '../../../src/stores/sqlite/broker/broker.ts'
import { brokerSuite } from '../../../src/testing/suites/brokerSuite.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'
import { Folder } from './folder.ts'

brokerSuite({ describe, it }, 'sqlite', async () => {
  const folder = new Folder()
  const open = (): SqliteBroker => new StandaloneSqliteBroker(folder.url(), { lease: 30_000 })
  const broker = open()
  return {
    broker,
    second: async () => open(),
    close: async () => {
      await broker.close()
      folder.remove()
    },
  }
})
