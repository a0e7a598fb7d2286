import { afterAll, beforeAll, describe, it } from 'vitest'
import { RedisBroker } from '../../src/stores/redis/broker/broker.ts'
import { RedisBackend } from '../../src/stores/redis/results/backend.ts'
import { unitOfWorkSuite } from '../../src/testing/suites/unitOfWorkSuite.ts'
import { RedisServer } from '../redis/server.ts'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())

for (const [name, database, serializer] of [
  ['one database', 0, 'json'],
  ['one database, msgpack', 0, 'msgpack'],
  ['two databases', 1, 'json'],
] as const) {
  unitOfWorkSuite({ describe, it }, `redis, ${name}`, async () => {
    await server.cli('FLUSHALL')
    const broker = new RedisBroker(server.url(), { lease: 30_000 })
    const backend = new RedisBackend(server.url(database), {
      expires: 60_000,
      serializer,
      accept: ['json', 'msgpack'],
      broker,
    })
    const close = async (): Promise<void> => {
      await backend.close()
      await broker.close()
    }
    return { broker, backend, close }
  })
}
