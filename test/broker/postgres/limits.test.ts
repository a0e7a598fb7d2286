import { describe, it, onTestFinished } from 'vitest'
import { until } from '../../../src/testing/kit.ts'
import { limitsSuite } from '../../../src/testing/suites/limitsSuite.ts'
import { emptySchema } from '../../postgres/shared.ts'
import { StandalonePostgresBroker } from '../../postgres/standalone.ts'
import { Child } from '../sqlite/child.ts'

/** Of all consumers, ms: short, as one is lost. */
const LEASE = 1000

limitsSuite({ describe, it }, 'postgres', async () => {
  const url = await emptySchema()
  const broker = new StandalonePostgresBroker(url, { lease: LEASE })
  return {
    broker,
    second: async () => new StandalonePostgresBroker(url, { lease: LEASE }),
    loseOne: async (queue) => {
      const before = await broker.size(queue)
      const child = new Child('postgresTaker.ts', [url, queue, LEASE])
      onTestFinished(() => child.kill())
      await child.says('took')
      await child.kill()
      // Its lease ends; what rescues it is another consumer.
      const rescuer = await broker.consume([{ name: 'other' }], { prefetch: 1, name: 'celery@rescuer' })
      await until('it may be taken again', async () => (await broker.size(queue)) === before)
      await rescuer.release()
    },
    close: () => broker.close(),
  }
})
