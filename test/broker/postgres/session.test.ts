import { describe, expect, test } from 'vitest'
import { ConfigError, StoreUnavailableError } from '../../../src/std/errors.ts'
import { queueChannel, queueChannelSql } from '../../../src/stores/postgres/connection/listening.ts'
import type { Session } from '../../../src/stores/postgres/connection/session.ts'
import { output } from '../../command.ts'
import { PostgresServer } from '../../postgres/server.ts'
import { emptyPostgres } from '../../postgres/shared.ts'
import { proxied } from '../../proxied.ts'
import { eventually } from '../../wait.ts'
import { Tables } from './tables.ts'

const LEASE = 1000
const CHANNEL = 'celeriac.results'

/** What a listener to the channel has heard; it is in effect. */
async function listen(
  session: Session,
  channel = CHANNEL,
): Promise<{ heard: (string | undefined)[]; off: () => void }> {
  const heard: (string | undefined)[] = []
  const off = await session.on(channel, (payload) => heard.push(payload))
  return { heard, off }
}

async function contains(
  heard: readonly (string | undefined)[],
  wanted: readonly (string | undefined)[],
): Promise<void> {
  await eventually(
    async () => heard.length,
    (length) => length >= wanted.length,
    10_000,
  )
  expect(heard).toEqual(wanted)
}

/** How many connections the session has. */
async function connections(tables: Tables): Promise<number> {
  const [row] = await tables.sql(
    `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test session' AND datname = current_database()`,
  )
  return Number(row?.[0])
}

async function terminate(tables: Tables): Promise<void> {
  await tables.sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'test session' AND datname = current_database()`,
  )
}

describe('a session', () => {
  test.concurrent('has notifications in order, with their payloads, until the listener ends', async ({
    onTestFinished,
  }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const session = tables.session(LEASE)
    expect(session.pushes).toBe(true)
    const first = await listen(session)
    const second = await listen(session)
    const queue = await listen(session, queueChannel('celeriac', 'ünï'))
    for (const payload of ['1', '2', '', '3']) await tables.notify(CHANNEL, payload)
    await tables.sql(`SELECT pg_notify(${queueChannelSql('$1')}, 'd')`, 'ünï')
    await contains(queue.heard, ['d'])
    expect([first.heard, second.heard]).toEqual([
      ['1', '2', '', '3'],
      ['1', '2', '', '3'],
    ])
    first.off()
    await tables.notify(CHANNEL, '4')
    await contains(second.heard, ['1', '2', '', '3', '4'])
    second.off()
    // The last listener has ended: the next one begins again.
    const third = await listen(session)
    await tables.notify(CHANNEL, '5')
    await contains(third.heard, ['5'])
    expect(first.heard.length + second.heard.length).toBe(9)
    expect(await connections(tables)).toBe(1)
  })

  test.concurrent('after its connection was ended, the session has another, and listeners know that they may have missed some', async ({
    onTestFinished,
  }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const session = tables.session(LEASE)
    const { heard } = await listen(session)
    for (const wanted of [[undefined], [undefined, 'a', undefined]]) {
      await terminate(tables)
      await contains(heard, wanted)
      await tables.notify(CHANNEL, 'a')
      await contains(heard, [...wanted, 'a'])
    }
    expect(session.problem).toBeUndefined()
  })

  test.concurrent('a restart of the server: a listener that comes meanwhile waits, and nothing is missed after it', async ({
    onTestFinished,
  }) => {
    const server = await PostgresServer.start()
    onTestFinished(() => server.stop())
    const tables = await Tables.open(await server.empty(), onTestFinished)
    const session = tables.session(LEASE)
    const { heard } = await listen(session)
    await server.halt()
    await eventually(
      async () => session.problem,
      (problem) => problem !== undefined,
      10_000,
    )
    expect(session.problem).toBeInstanceOf(StoreUnavailableError)
    const later = listen(session, 'celeriac.later')
    await server.start()
    const { heard: second } = await later
    await contains(heard, [undefined])
    await tables.notify(CHANNEL, 'a')
    await tables.notify('celeriac.later', 'b')
    await contains(heard, [undefined, 'a'])
    await contains(second, ['b'])
    expect(session.problem).toBeUndefined()
  })

  test.concurrent('a database that does not exist refuses listeners at once', async ({ onTestFinished }) => {
    const url = new URL(await emptyPostgres())
    url.pathname = '/none'
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const session = tables.session(LEASE, url.href)
    await expect(listen(session)).rejects.toThrow(ConfigError)
    expect(session.problem?.message).toContain('"none" does not exist')
  })

  test.concurrent('close: the connection ends, and calls that wait are refused', async ({ onTestFinished }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const session = tables.session(LEASE)
    await listen(session)
    const waits = session.on('celeriac.other', () => undefined)
    const ends = session.close()
    await expect(waits).rejects.toThrow(StoreUnavailableError)
    await ends
    await expect(session.on(CHANNEL, () => undefined)).rejects.toThrow('the store is closed')
    await eventually(
      () => connections(tables),
      (count) => count === 0,
      5000,
    )
  })

  test.concurrent('a process with nothing else to do ends', async () => {
    const file = new URL('../../../src/stores/postgres/connection/session.ts', import.meta.url).href
    const source = `const { Session } = await import('${file}')
      const session = new Session({ url: process.argv[1], name: 'test', lease: ${LEASE} })
      await session.on('${CHANNEL}', () => undefined)
      console.log('listens')`
    const args = [...process.execArgv, '-e', source, '--', await emptyPostgres()]
    expect(await output(process.execPath, args, { limit: 25_000 })).toBe('listens\n')
  })

  test.concurrent('through a pool of connections: listeners are called at intervals without a connection, and leases are renewed', async ({
    onTestFinished,
  }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const session = tables.session(LEASE, `${tables.url}?pgbouncer=true`)
    expect(session.pushes).toBe(false)
    const { heard, off } = await listen(session)
    await contains(heard, [undefined])
    expect(await connections(tables)).toBe(0)
    off()
    const consumer = await tables.hold([], LEASE)
    session.add(consumer, () => undefined)
    await new Promise((resolve) => setTimeout(resolve, 1.3 * LEASE))
    expect(await tables.sql('SELECT lease_until > now() FROM celeriac.consumer')).toEqual([['t']])
    expect(heard).toEqual([undefined])
  })

  test.concurrent('a connection that falls silent is replaced before the lease is over', async ({ onTestFinished }) => {
    const tables = await Tables.open(await emptyPostgres(), onTestFinished)
    const { proxy, url } = await proxied(tables.url, onTestFinished)
    const session = tables.session(2 * LEASE, url)
    const { heard } = await listen(session)
    const lost: number[] = []
    const consumer = await tables.hold([], 2 * LEASE)
    session.add(consumer, () => lost.push(consumer))
    await eventually(
      () => tables.sql(`SELECT lease_until > now() + interval '1.6 s' FROM celeriac.consumer`),
      ([row]) => row?.[0] === 't',
      5000,
    )
    proxy.halfOpen()
    proxy.resume()
    await contains(heard, [undefined])
    expect(await tables.sql('SELECT lease_until > now() FROM celeriac.consumer')).toEqual([['t']])
    expect(lost).toEqual([])
  })
})
