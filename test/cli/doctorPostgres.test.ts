import { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { App } from '../../src/app/app.ts'
import type { StoreFacts } from '../../src/app/storeInfo.ts'
import { findingsOf } from '../../src/doctor/checks.ts'
import { diagnose } from '../../src/doctor/diagnosis.ts'
import { STORE_CHECKS } from '../../src/doctor/stores.ts'
import { createLogger } from '../../src/std/log.ts'
import { redactUrl } from '../../src/std/url.ts'
import { SUPERUSER } from '../postgres/programs.ts'
import { PostgresServer } from '../postgres/server.ts'
import { eventually } from '../wait.ts'

let server: PostgresServer
let url: string
let database: string

beforeAll(async () => {
  server = await PostgresServer.start({ settings: { max_connections: 30, max_prepared_transactions: 2 } })
})
afterAll(() => server?.stop())
beforeEach(async () => {
  url = await server.empty()
  database = new URL(url).pathname.slice(1)
})

/** An app whose tables are there. */
async function open(storeTimeout: '1s' | '20s' = '20s'): Promise<App> {
  const app = new App({ broker: url, logger: createLogger('silent'), storeTimeout })
  onTestFinished(() => app.close())
  await app.queueSize('celery')
  return app
}

async function facts(app: App): Promise<StoreFacts> {
  const [found, ...others] = await app.storeFacts()
  expect(others).toEqual([])
  return found as StoreFacts
}

/** The findings about the store alone, by name. */
function found(of: StoreFacts): Readonly<Record<string, string>> {
  return Object.fromEntries(findingsOf(STORE_CHECKS, { stores: [of] }).map(({ check, text }) => [check, text]))
}

async function findings(app: App): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries((await diagnose(app)).findings.map(({ check, text }) => [check, text]))
}

/** A session beside the app's. */
async function connect(name: string, role?: string): Promise<Client> {
  const own = role === undefined ? url : url.replace(/\/\/\w+@/, `//${role}@`)
  const client = new Client({ connectionString: own, application_name: name })
  client.on('error', () => undefined)
  await client.connect()
  onTestFinished(() => client.end().catch(() => undefined))
  return client
}

it('nothing is found on a server that is well', async () => {
  const app = await open()
  expect(await findings(app)).toEqual({ 'no-worker': expect.anything() })
  const own = await facts(app)
  expect(own).toMatchObject({ store: redactUrl(url), waits: [], running: [] })
  expect(own.connections).toMatchObject({ of: 'the server', limit: 27 })
  expect(own.size).toBeGreaterThan(2 ** 20)
  expect(own.tables).toContainEqual(expect.objectContaining({ name: 'message', dead: 0, isVacuumed: true }))
})

it('the transaction that keeps deleted rows: of a session, or prepared', async () => {
  const app = await open()
  const held = await connect('reports')
  await held.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1')
  const { horizon, ...others } = await facts(app)
  expect(horizon?.holder).toMatch(/^the transaction of pid \d+ \(reports, celeriac, idle in transaction\)$/)
  expect(found({ ...others, horizon })).toEqual({})
  expect(found({ ...others, horizon: { ...horizon!, age: 61_000 } })['store-old-transaction']).toMatch(
    /reports, celeriac, idle in transaction\) is 61 s old: no row that was deleted since can be removed/,
  )
  await held.query('ROLLBACK')
  await held.query("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'forgotten'")
  expect((await facts(app)).horizon?.holder).toBe('the prepared transaction forgotten')
  await held.query("ROLLBACK PREPARED 'forgotten'")
  const slot = { holder: 'the replication slot old', age: undefined, transactions: 2_000_000 }
  expect(found({ ...others, horizon: slot })['store-old-transaction']).toContain('old is 2000000 transactions old')
})

it('what the role may not see is left out', async () => {
  const app = await open()
  const other = await connect('secret', SUPERUSER)
  await other.query('BEGIN; SELECT pg_current_xact_id()')
  expect((await facts(app)).horizon).toEqual({
    holder: expect.stringMatching(/^the transaction of pid \d+ \(secret, postgres\)$/),
    age: undefined,
    transactions: expect.any(Number),
  })
  await server.sql('REVOKE SELECT ON pg_catalog.pg_locks FROM PUBLIC', { database })
  expect(await facts(app)).toMatchObject({ waits: undefined, running: [] })
})

it('a lock on a table, and who holds it; a statement that runs for long, without its literals', async () => {
  const app = await open('1s')
  const locker = await connect('psql')
  await locker.query('BEGIN; LOCK TABLE celeriac.message')
  const [ours, slow] = [await connect('celeriac'), await connect('celeriac-results')]
  const waits = ours.query('SELECT count(*) FROM celeriac.message')
  const runs = slow.query("SELECT pg_sleep(2), 'secret'")
  const seen = await eventually(
    async () => found(await facts(app)),
    (all) => 'store-locked' in all && 'store-slow' in all,
    5000,
  )
  expect(seen['store-locked']).toMatch(
    /pid \d+ \(celeriac, celeriac, active\) waits for the table message \(AccessShareLock\) since \d s, behind pid \d+ \(psql, celeriac, idle in transaction\)$/,
  )
  expect(seen['store-slow']).toMatch(
    /\(celeriac-results, celeriac, active\) .* since \d s: SELECT pg_sleep\(2\), '\*\*'$/,
  )
  // Workers cannot be asked: what the store said of itself is found nevertheless.
  expect(await findings(app)).toMatchObject({
    'store-locked': expect.anything(),
    'store-unavailable': expect.anything(),
  })
  await locker.query('ROLLBACK')
  await Promise.all([waits, runs])
})

it('connections that are nearly used up: of the role, then of the server', async () => {
  const app = await open()
  await server.sql(`ALTER ROLE celeriac CONNECTION LIMIT 4`)
  onTestFinished(() => void server.sql(`ALTER ROLE celeriac CONNECTION LIMIT -1`))
  await Promise.all([connect('a'), connect('b'), connect('c')])
  expect(found(await facts(app))['store-connections']).toMatch(
    /: 4 of the 4 connections of the role celeriac are used:/,
  )
  await server.sql(`ALTER ROLE celeriac CONNECTION LIMIT -1`)
  await Promise.all(Array.from({ length: 23 }, () => connect('more')))
  expect(found(await facts(app))['store-connections']).toMatch(/: 27 of the 27 connections of the server are used:/)
})

it('deleted rows that are not vacuumed, and autovacuum that is off', async () => {
  const app = await open()
  const owner = await connect('owner')
  await owner.query('ALTER TABLE celeriac.claim SET (autovacuum_enabled = off)')
  expect(found(await facts(app))).toEqual({
    'store-autovacuum': expect.stringContaining('autovacuum is off for claim:'),
  })
  await owner.query('INSERT INTO celeriac.claim SELECT n, 1, 0 FROM generate_series(1, 150000) AS n')
  await owner.query('DELETE FROM celeriac.claim')
  await owner.end()
  const { 'store-dead-rows': dead } = await eventually(
    async () => found(await facts(app)),
    (all) => 'store-dead-rows' in all,
    5000,
  )
  expect(dead).toMatch(/: claim has 150000 deleted rows beside 0 \(never vacuumed\); the database has \d+ MB:/)
  const vacuum = await connect('vacuum')
  await vacuum.query('VACUUM celeriac.claim')
  expect(found(await facts(app))['store-dead-rows']).toBeUndefined()
  const all = { name: 'message', live: 0, dead: 4_000_000, vacuumed: 1000, isVacuumed: false }
  expect(found({ store: url, tables: [all] })).toEqual({
    'store-autovacuum': expect.stringContaining('is off for all tables'),
    'store-dead-rows': expect.stringContaining('(vacuumed 1 s ago)'),
  })
})

it('a server that takes no writes', async () => {
  const app = await open()
  await server.sql(`ALTER DATABASE ${database} SET default_transaction_read_only = on`)
  await server.terminateAll(database)
  expect(await findings(app)).toEqual({
    'store-unavailable': expect.stringMatching(/takes no writes: it is a replica/),
  })
})
