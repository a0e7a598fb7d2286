import { describe, it } from 'vitest'
import type { SqliteBroker } from '../../../src/stores/sqlite/broker/broker.ts'
import { until } from '../../../src/testing/kit.ts'
import { limitsSuite } from '../../../src/testing/suites/limitsSuite.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'
import { Child } from './child.ts'
import { Folder } from './folder.ts'

const LEASE = 1_000

limitsSuite({ describe, it }, 'sqlite', async () => {
  const folder = new Folder()
  const open = (): SqliteBroker => new StandaloneSqliteBroker(folder.url(), { lease: LEASE })
  const broker = open()
  return {
    broker,
    second: async () => open(),
    loseOne: async (queue) => {
      const child = new Child('holder.ts', [folder.url(), LEASE, 1])
      await child.says('held 1')
      const waiting = await broker.size(queue)
      await child.kill()
      // The thread of its leases rescues.
      const consumer = await broker.consume([{ name: 'other' }], { prefetch: 1, name: 'celery@rescuer' })
      await until('it waits again', async () => (await broker.size(queue)) > waiting)
      await consumer.release()
    },
    close: async () => {
      await broker.close()
      folder.remove()
    },
  }
})
