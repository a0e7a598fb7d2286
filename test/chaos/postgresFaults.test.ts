import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { ConfigError, StoreUnavailableError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { PostgresServer } from '../postgres/server.ts'
import { inFull } from '../tier.ts'
import { BACK, healthy, open, SLOW, SOON, STORE_TIMEOUT, unavailable, whole } from './postgresFlow.ts'
import { until } from './scene.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start()
})
afterAll(() => server?.stop())

describe('tasks flow, and', () => {
  test('the server restarts, in order, and is killed: nothing is lost, nothing runs twice', async () => {
    const { flow } = await open(server)
    for (const how of ['fast', 'kill', ...inFull('immediate' as const)] as const) {
      await (how === 'kill' ? server.kill() : server.halt(how))
      await unavailable(flow, /postgres:.*waited \d+ ms/)
      await server.start()
      await healthy(flow)
      await flow.more(20)
    }
    await whole(flow)
  })

  test('pg_terminate_backend ends every connection, again and again', async () => {
    const { flow, database } = await open(server)
    for (let round = 0; round < 20; round++) {
      await server.terminateAll(database)
      await sleep(50)
    }
    await whole(flow)
  })

  test('there are too many connections', async () => {
    const { flow, database } = await open(server)
    await server.sql(`ALTER DATABASE ${database} CONNECTION LIMIT 0`)
    await server.terminateAll(database)
    await unavailable(flow, /too many connections/)
    await server.sql(`ALTER DATABASE ${database} CONNECTION LIMIT -1`)
    await whole(flow)
  })

  test('the server takes no writes for a while', async () => {
    const { flow, database } = await open(server)
    await server.sql(`ALTER DATABASE ${database} SET default_transaction_read_only = on`)
    await server.terminateAll(database)
    await unavailable(flow, /takes no writes/)
    await server.sql(`ALTER DATABASE ${database} RESET default_transaction_read_only`)
    await whole(flow)
  })

  test('a stranger locks the messages', async () => {
    const { flow, database } = await open(server)
    const { port } = server
    const stranger = new Client({ host: server.folder, port, user: 'postgres', database })
    await stranger.connect()
    try {
      await stranger.query('BEGIN; LOCK TABLE celeriac.message')
      await unavailable(flow, /statement timeout/)
      await sleep(1000)
    } finally {
      await stranger.end()
    }
    await whole(flow)
  })

  test('privileges are revoked, and granted again: the worker says so, and goes on', async () => {
    const { flow, database } = await open(server)
    await server.sql('REVOKE ALL ON ALL TABLES IN SCHEMA celeriac FROM celeriac', { database })
    await until('the worker says so', () => flow.worker.problem !== undefined, SOON)
    expect(flow.worker.problem).toBeInstanceOf(ConfigError)
    await until('calls are refused', () => flow.refused.length > 0, SOON)
    expect(String(flow.refused[0])).toContain('permission denied')
    await server.sql('GRANT ALL ON ALL TABLES IN SCHEMA celeriac TO celeriac', { database })
    await healthy(flow)
    await flow.finish(BACK)
    expect(flow.most).toBe(1)
  })

  test('the schema is dropped: the worker says so, and what is sent afterwards runs', async () => {
    const { flow, database } = await open(server)
    await server.sql('DROP SCHEMA celeriac CASCADE', { database })
    await until('the worker says so', () => flow.worker.problem !== undefined, SOON)
    await server.terminateAll(database)
    await healthy(flow)
    const before = flow.accepted.length
    await flow.more(20)
    await flow.dry()
    await Promise.all(flow.accepted.slice(before).map((result) => result.get({ timeout: BACK })))
  })

  test('the server is not there while the worker stops: it stops all the same', async () => {
    const { flow } = await open(server)
    await flow.hold(10)
    await server.kill()
    try {
      flow.letGo()
      const begun = performance.now()
      await flow.worker.stop({ grace: 500 })
      await flow.dry()
      await flow.app.close()
      expect(performance.now() - begun).toBeLessThan(12_000)
    } finally {
      await server.start()
    }
  })
})

test('a worker that starts while the server is not there fails within its time, and later starts', async () => {
  const url = await server.empty()
  await server.halt()
  const app = new App({ broker: url, storeTimeout: STORE_TIMEOUT, logger: createLogger('silent') })
  onTestFinished(() => app.close())
  const worker = new Worker(app, { logger: false })
  onTestFinished(() => worker.stop({ grace: 0 }))
  const begun = performance.now()
  try {
    await expect(worker.start()).rejects.toBeInstanceOf(StoreUnavailableError)
    expect(performance.now() - begun).toBeLessThan(STORE_TIMEOUT + 2 * SLOW)
  } finally {
    await server.start()
  }
  await worker.start()
  expect(worker.problem).toBeUndefined()
})
