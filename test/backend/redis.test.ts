import { afterAll, beforeAll, describe, it } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import { RedisBackend } from '../../src/backend/redis.ts'
import { MemoryBroker } from '../../src/broker/memory.ts'
import { backendSuite } from '../../src/testing/backendSuite.ts'
import { RedisServer } from '../redis/server.ts'

const options: BackendOptions = {
  expires: 60_000,
  serializer: 'json',
  accept: ['json', 'msgpack'],
  broker: new MemoryBroker(),
}

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())

for (const serializer of ['json', 'msgpack'] as const) {
  backendSuite({ describe, it }, `redis, ${serializer}`, async () => {
    await server.cli('FLUSHALL')
    const open = (): RedisBackend => new RedisBackend(server.url(), { ...options, serializer })
    const backend = open()
    return { backend, second: async () => open(), close: () => backend.close() }
  })
}
