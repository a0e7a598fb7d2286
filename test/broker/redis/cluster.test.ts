import { afterAll, beforeAll, expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { ConfigError } from '../../../src/std/errors.ts'
import { createLogger } from '../../../src/std/log.ts'
import { within } from '../../../src/testing/kit.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { freePort, RedisServer } from '../../redis/server.ts'

let server: RedisServer

beforeAll(async () => {
  server = await RedisServer.start({ flags: ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())] })
  // A cluster of one node, in which every command that touches one key works.
  await server.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
})
afterAll(() => server.stop())

test.each([0, 1])('cluster mode, database %i: the first call and a worker that starts say so at once', async (db) => {
  const app = new App({ broker: server.url(db), storeTimeout: 60_000, logger: createLogger('silent') })
  try {
    for (const use of [() => app.send('add', [1, 2]), () => app.queueSize(), () => new Worker(app).start()]) {
      const error = await within(
        'a refusal',
        use().then(
          () => undefined,
          (reason: unknown) => reason,
        ),
      )
      expect(error).toBeInstanceOf(ConfigError)
      expect((error as Error).message).toMatch(
        /expected a Redis server that is not in cluster mode .*; use a single server/,
      )
    }
  } finally {
    await app.close().catch(() => undefined)
  }
})

test('results alone on such a server: the first call says so', async () => {
  const app = new App({ broker: 'memory:', backend: server.url(), logger: createLogger('silent') })
  try {
    await expect(app.send('add', [1, 2])).rejects.toThrow(/not in cluster mode/)
  } finally {
    await app.close()
  }
})
