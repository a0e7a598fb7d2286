import { afterAll, beforeAll, describe, it } from 'vitest'
import type { RedisBroker } from '../../../src/stores/redis/broker/broker.ts'
import { limitsSuite } from '../../../src/testing/suites/limitsSuite.ts'
import { RedisServer } from '../../redis/server.ts'
import { StandaloneRedisBroker } from '../../stores/standalone.ts'

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
  return { broker, second: async () => open(), close: () => broker.close() }
})
