import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { ask } from '../desk.ts'
import { proxied } from '../proxied.ts'
import { eventually, within } from '../wait.ts'
import { PostgresServer } from './server.ts'
import { emptyPostgres } from './shared.ts'

/** A connection; how it ended is no matter of the test. */
async function connect(url: string, ca?: string): Promise<Client> {
  const client = new Client({ connectionString: url, ...(ca && { ssl: { ca, servername: 'localhost' } }) })
  client.on('error', () => undefined)
  await client.connect()
  onTestFinished(() => client.end().catch(() => undefined))
  return client
}

/** Resolves when its session has ended, with an error or without. */
function ended(client: Client): Promise<void> {
  return new Promise((resolve) => client.once('end', resolve))
}

/** What the promise has become within 200 ms. */
async function soon(promise: Promise<unknown>): Promise<string> {
  const ends = promise.then(
    () => 'done',
    () => 'failed',
  )
  return await Promise.race([ends, new Promise<string>((resolve) => setTimeout(() => resolve('waits'), 200))])
}

const named = (url: string): string => new URL(url).pathname.slice(1)

describe('a server', () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await PostgresServer.start({ durable: true, settings: { max_connections: 20 } })
  })
  afterAll(() => server?.stop())

  test('each database is empty, and belongs to a role that is no superuser', async () => {
    const [first, second] = [await server.empty(), await server.empty()]
    const [one, other] = [await connect(first), await connect(second)]
    await one.query('CREATE TABLE kept (n int)')
    expect((await other.query(`SELECT to_regclass('kept') AS found`)).rows).toEqual([{ found: null }])
    expect((await other.query('SHOW is_superuser')).rows).toEqual([{ is_superuser: 'off' }])
  })

  test('has the settings of its options', async () => {
    const wanted = ['fsync', 'full_page_writes', 'max_connections', 'synchronous_commit']
    const text = 'SELECT name, setting FROM pg_settings WHERE name = ANY($1) ORDER BY name'
    const rows = await server.sql<{ name: string; setting: string }>(text, { values: [wanted] })
    expect(rows.map(({ name, setting }) => `${name} ${setting}`)).toEqual([
      'fsync on',
      'full_page_writes on',
      'max_connections 20',
      'synchronous_commit on',
    ])
  })

  test.each(['kill', 'immediate', 'fast'] as const)('after %s, it has what was committed', async (mode) => {
    const url = await server.empty()
    const client = await connect(url)
    await client.query('CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)')
    await client.query('BEGIN; INSERT INTO kept VALUES (2)')
    const end = ended(client)
    if (mode === 'kill') {
      await server.kill()
      await server.start()
    } else await server.restart({ mode })
    await within(() => 'the session ends', end)
    expect(await server.sql('SELECT n FROM kept', { database: named(url) })).toEqual([{ n: 1 }])
  })

  test('frozen, no session of it answers, until it is resumed', async () => {
    const client = await connect(await server.empty())
    await server.freeze()
    const answer = client.query('SELECT 1')
    expect(await soon(answer)).toBe('waits')
    server.resume()
    await within(() => 'the session answers', answer)
  })

  test('frozen, it can be ended', async () => {
    await connect(await server.empty())
    await server.freeze()
    await server.kill()
    await server.start()
  })

  test('terminates the sessions of one database', async () => {
    const [url, other] = [await server.empty(), await server.empty()]
    const [first, second, third] = [await connect(url), await connect(url), await connect(other)]
    const ends = [ended(first), ended(second)]
    expect(await server.terminateAll(named(url))).toBe(2)
    await within(() => 'both sessions end', Promise.all(ends))
    expect((await third.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  })

  test('a replica of it reads alone', async () => {
    const database = named(await server.empty())
    const replica = await PostgresServer.start({ replicaOf: server, settings: { max_connections: 20 } })
    onTestFinished(() => replica.stop())
    await server.sql('CREATE TABLE kept (n int)', { database })
    const find = () => replica.sql(`SELECT to_regclass('kept') AS found`, { database })
    await eventually(find, ([row]) => row?.found !== null)
    const client = await connect(replica.url(database))
    await expect(client.query('CREATE TABLE more (n int)')).rejects.toThrow(/read-only transaction/)
  })

  test('is reached through a proxy, which falls silent', async () => {
    const { proxy, url } = await proxied(await server.empty())
    const client = await connect(url)
    expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
    proxy.halfOpen()
    expect(await soon(client.query('SELECT 2'))).toBe('waits')
    proxy.resume()
    const next = await connect(url)
    expect((await next.query('SELECT 3 AS n')).rows).toEqual([{ n: 3 }])
  })
})

test('a password and TLS: nobody comes in without them', async () => {
  const server = await PostgresServer.start({ password: `it's: @secret`, tls: true })
  onTestFinished(() => server.stop())
  const url = await server.empty()
  const ca = readFileSync(server.certificate, 'utf8')
  const text = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
  expect((await (await connect(url, ca)).query(text)).rows).toEqual([{ ssl: true }])
  await expect(connect(url)).rejects.toThrow(/no encryption/)
  const wrong = new URL(url)
  wrong.password = 'wrong'
  await expect(connect(wrong.href, ca)).rejects.toThrow(/password authentication failed/)
})

describe('its process is killed', () => {
  const source = `const { PostgresServer } = await import('${new URL('server.ts', import.meta.url).href}')
    const server = await PostgresServer.start()
    const { default: pg } = await import('pg')
    const client = new pg.Client(await server.empty())
    await client.connect()
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
    client.query('SELECT pg_sleep(600)').catch(() => undefined)
    if (process.argv[1] === 'frozen') await server.freeze()
    console.log([server.folder, server.pid, rows[0].pid].join())`

  function start(state: string): ChildProcess {
    const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source, '--', state]
    return spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  /** A zombie does not: it waits for a parent that has ended. */
  function runs(pid: string): boolean {
    return existsSync(`/proc/${pid}`) && !/[)] Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  }

  test.concurrent.each(['running', 'frozen'])('%s, it ends with its sessions and its folder', async (state) => {
    const child = start(state)
    const [line] = await within(() => 'the server starts', once(createInterface(child.stdout!), 'line'))
    const [folder, ...pids] = (line as string).split(',') as [string, ...string[]]
    expect([existsSync(folder), ...pids.map(runs)]).toEqual([true, true, true])
    child.kill('SIGKILL')
    await eventually(
      async () => existsSync(folder) || pids.some(runs),
      (remains) => !remains,
    )
  })
})

describe('the server of the test run', () => {
  test('gives each test a database of its own', async () => {
    const urls = await Promise.all([emptyPostgres(), emptyPostgres()])
    expect(new Set(urls).size).toBe(2)
    const client = await connect(urls[0]!)
    expect((await client.query('SHOW max_connections')).rows).toEqual([{ max_connections: '300' }])
  })

  test('drops the databases of files and of processes that have ended', async () => {
    const desk = inject('postgres')
    const ended = spawn('true')
    await once(ended, 'exit')
    const other = await ask(desk, { process: String(ended.pid), file: 'other.test.ts' })
    const earlier = await ask(desk, { process: String(process.pid), file: 'earlier.test.ts' })
    const ours = [await emptyPostgres(), await emptyPostgres()]
    for (const url of [other, earlier]) await expect(connect(url)).rejects.toThrow(/does not exist/)
    for (const url of ours) await connect(url)
  })
})
