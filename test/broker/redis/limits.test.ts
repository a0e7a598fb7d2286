import { afterAll, beforeAll, describe, it } from 'vitest'
import type { RedisBroker } from '../../../src/stores/redis/broker/broker.ts'
import { pause } from '../../../src/testing/kit.ts'
import { limitsSuite } from '../../../src/testing/suites/limitsSuite.ts'
import { RedisServer } from '../../redis/server.ts'
import { StandaloneRedisBroker } from '../../stores/standalone.ts'
import { Child } from '../sqlite/child.ts'

/** Of a consumer that is killed. */
const LEASE_MS = 400

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())

limitsSuite({ describe, it }, 'redis', async () => {
  await server.cli('FLUSHALL')
  const open = (): RedisBroker =>
    new StandaloneRedisBroker(server.url(), { lease: 30_000, visibilityTimeout: 3_600_000 })
  const broker = open()
  const loseOne = async (queue: string): Promise<void> => {
    const child = new Child('limitedWorker.ts', [server.url(), LEASE_MS, 1, 60_000, queue])
    await child.says('held 1')
    await child.kill()
    await pause(LEASE_MS)
  }
  return { broker, second: async () => open(), loseOne, close: () => broker.close() }
})
