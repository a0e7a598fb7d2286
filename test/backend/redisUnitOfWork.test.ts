import { afterAll, beforeAll, describe, it } from 'vitest'
import { openStores } from '../../src/stores/open.ts'
import { changeSuite } from '../../src/testing/suites/jobs/changeSuite.ts'
import { deadLetterSuite, SUITE_DEAD_LETTERS } from '../../src/testing/suites/jobs/deadLetterSuite.ts'
import { type OpenedStores, unitOfWorkSuite } from '../../src/testing/suites/unitOfWorkSuite.ts'
import { RedisServer } from '../redis/server.ts'
import { isFull } from '../tier.ts'

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
  const open = async (): Promise<OpenedStores> => {
    await server.cli('FLUSHALL')
    return openStores(
      { broker: server.url(), backend: server.url(database) },
      {
        lease: 30_000,
        visibilityTimeout: 3_600_000,
        expires: 60_000,
        serializer,
        accept: ['json', 'msgpack'],
        deadLetters: SUITE_DEAD_LETTERS,
      },
    )
  }
  unitOfWorkSuite({ describe, it }, `redis, ${name}`, open)
  // `npm test` runs these two suites on one of the three.
  if (!isFull && name !== 'one database') continue
  changeSuite({ describe, it }, `redis, ${name}`, open)
  deadLetterSuite({ describe, it }, `redis, ${name}`, open)
}
