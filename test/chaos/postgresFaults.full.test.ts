import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import { give } from '../postgres/programs.ts'
import { PostgresServer, type PostgresServerOptions } from '../postgres/server.ts'
import { proxied } from '../proxied.ts'
import { Flow } from './flow.ts'
import { BACK, healthy, LEASE, open, unavailable, whole } from './postgresFlow.ts'
import { until } from './scene.ts'

/** The long variants of postgresFaults.test.ts, and what needs a server or a machine of its own. */
const run = promisify(execFile)

async function start(settings: PostgresServerOptions['settings'] = {}): Promise<PostgresServer> {
  const server = await PostgresServer.start({ settings })
  onTestFinished(() => server.stop())
  return server
}

/** Sessions of a stranger, as many as the server allows, up to this. */
async function strangers(count: number, url: string): Promise<Client[]> {
  const clients: Client[] = []
  for (let at = 0; at < count; at++) {
    const client = new Client(url)
    client.on('error', () => undefined)
    const isOpen = await client.connect().then(
      () => true,
      () => false,
    )
    if (!isOpen) break
    clients.push(client)
  }
  return clients
}

async function leave(clients: readonly Client[]): Promise<void> {
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
}

test('pg_terminate_backend ends every connection every 50 ms for 8 s', async () => {
  const server = await start()
  const { flow, database } = await open(server)
  for (const end = performance.now() + 8000; performance.now() < end; ) {
    await server.terminateAll(database)
    await sleep(50)
  }
  await whole(flow)
})

test('300 idle connections of strangers change nothing, and the last free one is taken', async () => {
  const server = await start({ max_connections: 330 })
  const { flow, database } = await open(server)
  const other = await server.empty()
  const idle = await strangers(300, other)
  expect(idle).toHaveLength(300)
  await healthy(flow)
  await flow.more(50)
  // Whoever comes first has the free ones.
  for (let round = 0; round < 20; round++) {
    await server.terminateAll(database)
    idle.push(...(await strangers(100, other)))
  }
  await leave(idle)
  await whole(flow)
})

test('a stranger locks the messages for 30 s, longer than the lease: what is held stays held', async () => {
  const server = await start()
  const { flow, database } = await open(server)
  await flow.hold(10)
  const stranger = new Client({ host: server.folder, port: server.port, user: 'postgres', database })
  await stranger.connect()
  await stranger.query('BEGIN; LOCK TABLE celeriac.message')
  await unavailable(flow, /statement timeout/)
  await sleep(30_000)
  await stranger.end()
  flow.letGo()
  await whole(flow)
  expect(flow.lost).toEqual([])
})

test('the disk is full', async ({ skip }) => {
  const server = await start()
  const disk = join(server.folder, 'disk')
  mkdirSync(disk)
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]).then(
    () => true,
    () => false,
  )
  if (!mounted) skip('a small file system can be mounted by root alone')
  onTestFinished(async () => {
    await server.halt('immediate')
    await run('umount', ['-l', disk])
  })
  await give(disk)
  await server.sql(`CREATE TABLESPACE small LOCATION '${disk}'`)
  const url = await server.empty()
  const database = new URL(url).pathname.slice(1)
  await server.sql(`ALTER DATABASE ${database} SET TABLESPACE small`)
  const flow = new Flow({ producer: url, worker: url, lease: LEASE, storeTimeout: 1000 })
  onTestFinished(() => flow.close())
  await flow.start()
  const filler = join(disk, 'filler')
  expect(() => writeFileSync(filler, Buffer.alloc(2 ** 25))).toThrow(/ENOSPC/)
  await until('calls are told', () => flow.refused.length > 0, 60_000)
  expect(flow.refused[0]).toBeInstanceOf(StoreUnavailableError)
  expect(String(flow.refused[0])).toMatch(/No space left/)
  rmSync(filler)
  await whole(flow)
})

test('a replica takes no writes until it is promoted', async () => {
  const first = await start()
  const url = await first.empty()
  const writer = new Flow({ producer: url, worker: url, lease: LEASE })
  onTestFinished(() => writer.close())
  await writer.start()
  await writer.finish(BACK)
  const replica = await PostgresServer.start({ replicaOf: first })
  onTestFinished(() => replica.stop())
  const there = replica.url(new URL(url).pathname.slice(1))
  const flow = new Flow({ producer: there, worker: there, lease: LEASE, storeTimeout: 1000 })
  onTestFinished(() => flow.close())
  await expect(flow.start()).rejects.toBeInstanceOf(StoreUnavailableError)
  await replica.sql('SELECT pg_promote()')
  await flow.start()
  await whole(flow)
})

test('a half-open connection, which carries nothing and does not end, is noticed by workers and callers, and replaced', async ({
  annotate,
}) => {
  const server = await start()
  const url = await server.empty()
  const { proxy, url: through } = await proxied(url)
  const other = await server.empty()
  const busy = new Flow({ producer: url, worker: through, lease: LEASE })
  onTestFinished(() => busy.close())
  await busy.start()
  const caller = new Flow({ producer: proxy.url(other), worker: other, lease: LEASE })
  onTestFinished(() => caller.close())
  await caller.start()
  const begun = performance.now()
  const since = (): number => Math.round(performance.now() - begun)
  proxy.halfOpen()
  await until('the busy worker says so', () => busy.worker.problem !== undefined, 15_000)
  await annotate(`a busy worker noticed after ${since()} ms`)
  await until('calls reject', () => caller.refused.length > 0, 20_000)
  await annotate(`calls rejected after ${since()} ms`)
  expect(busy.worker.problem).toBeInstanceOf(StoreUnavailableError)
  expect(caller.refused[0]).toBeInstanceOf(StoreUnavailableError)
  proxy.resume()
  await Promise.all([busy, caller].map(healthy))
  await Promise.all([busy, caller].map((flow) => flow.finish(BACK)))
  expect(caller.most).toBe(1)
  // It could not renew its lease.
  expect(busy.most).toBeLessThanOrEqual(2)
})
