import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { ConfigError, StoreUnavailableError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { PostgresServer } from '../postgres/server.ts'
import { Flow } from './flow.ts'
import { until } from './scene.ts'

/** Longer than any fault here lasts, and short enough to be waited for, ms. */
const LEASE = 6000
/** For what a dead connection took with it to come back, on a slow machine, ms. */
const BACK = LEASE + 10_000
/** Within seconds, ms. */
const SOON = 8000
/** How long calls wait for the store, ms; and a slow machine. */
const STORE_TIMEOUT = 1000
const SLOW = 1500

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start()
})
afterAll(() => server?.stop())

/** Tasks flow through a database of their own. */
async function open(): Promise<{ flow: Flow; database: string }> {
  const url = await server.empty()
  const flow = new Flow({ producer: url, worker: url, lease: LEASE, storeTimeout: STORE_TIMEOUT })
  onTestFinished(() => flow.close())
  return { flow: await flow.start(), database: new URL(url).pathname.slice(1) }
}

async function healthy(flow: Flow): Promise<void> {
  await until('the worker is well', () => flow.worker.problem === undefined, SOON)
  expect(await flow.once(SOON)).toBeLessThan(SOON)
}

/** The worker says so; calls reject with this, in time. */
async function unavailable(flow: Flow, words: RegExp): Promise<void> {
  await until('the worker says so', () => flow.worker.problem !== undefined, SOON)
  const begun = performance.now()
  const error = await flow.producer.send('flow.run', [1]).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(StoreUnavailableError)
  expect(String(error)).toMatch(words)
  expect(performance.now() - begun).toBeLessThan(STORE_TIMEOUT + SLOW)
}

/** All that was accepted ends, and nothing of it began twice. */
async function whole(flow: Flow): Promise<void> {
  await healthy(flow)
  await flow.more(20)
  await flow.finish(BACK)
  expect(flow.most).toBe(1)
  expect(flow.refused.filter((error) => !(error instanceof StoreUnavailableError))).toEqual([])
}

describe('tasks flow, and', () => {
  test('the server restarts, in order and at once, and is killed: nothing is lost, nothing runs twice', async () => {
    const { flow } = await open()
    for (const how of ['fast', 'immediate', 'kill'] as const) {
      await (how === 'kill' ? server.kill() : server.halt(how))
      await unavailable(flow, /postgres:.*waited \d+ ms/)
      await server.start()
      await healthy(flow)
      await flow.more(20)
    }
    await whole(flow)
  })

  test('pg_terminate_backend ends every connection, again and again', async () => {
    const { flow, database } = await open()
    for (let round = 0; round < 20; round++) {
      await server.terminateAll(database)
      await sleep(50)
    }
    await whole(flow)
  })

  test('there are too many connections', async () => {
    const { flow, database } = await open()
    await server.sql(`ALTER DATABASE ${database} CONNECTION LIMIT 0`)
    await server.terminateAll(database)
    await unavailable(flow, /too many connections/)
    await server.sql(`ALTER DATABASE ${database} CONNECTION LIMIT -1`)
    await whole(flow)
  })

  test('the server takes no writes for a while', async () => {
    const { flow, database } = await open()
    await server.sql(`ALTER DATABASE ${database} SET default_transaction_read_only = on`)
    await server.terminateAll(database)
    await unavailable(flow, /read-only/)
    await server.sql(`ALTER DATABASE ${database} RESET default_transaction_read_only`)
    await whole(flow)
  })

  test('a stranger locks the messages', async () => {
    const { flow, database } = await open()
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
    const { flow, database } = await open()
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
    const { flow, database } = await open()
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
    const { flow } = await open()
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
