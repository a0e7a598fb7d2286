import { expect, onTestFinished, test } from 'vitest'
import { ConfigError } from '../../../src/std/errors.ts'
import { PostgresBroker } from '../../../src/stores/postgres/broker/broker.ts'
import { Database } from '../../../src/stores/postgres/connection/database.ts'
import { parsePostgresUrl } from '../../../src/stores/postgres/connection/url.ts'
import { requireLayout } from '../../../src/stores/postgres/schema/layout.ts'
import { PostgresServer } from '../../postgres/server.ts'
import { emptyPostgres } from '../../postgres/shared.ts'
import { Tables } from './tables.ts'

const LEASE = 30_000

/** A database whose sessions begin with these settings. */
async function withSettings(settings: Readonly<Record<string, string>>): Promise<Tables> {
  const tables = await Tables.open(await emptyPostgres(), onTestFinished)
  const [[name] = []] = await tables.sql('SELECT quote_ident(current_database())')
  for (const [setting, value] of Object.entries(settings))
    await tables.sql(`ALTER DATABASE ${name} SET ${setting} = '${value}'`)
  return tables
}

function open(url: string): Database {
  const address = parsePostgresUrl(url)
  const database = new Database(address, {
    name: 'settings',
    opened: async (link) => void (await requireLayout(link, address)),
  })
  onTestFinished(() => database.close())
  return database
}

test('settings of the role or the database do not change what a transaction sees, nor what a text means', async () => {
  const tables = await withSettings({
    default_transaction_isolation: 'serializable',
    standard_conforming_strings: 'off',
    bytea_output: 'escape',
  })
  const database = open(tables.url)
  const names = ['transaction_isolation', 'standard_conforming_strings', 'bytea_output']
  const text = `SELECT ${names.map((name) => `current_setting('${name}')`).join(', ')}`
  expect(await database.run([{ statement: { name: '', text }, values: [] }])).toEqual([
    [['read committed', 'on', 'hex']],
  ])
  const broker = new PostgresBroker(database, tables.session(LEASE), { lease: LEASE })
  onTestFinished(() => broker.close())
  const body = Uint8Array.of(0x5c, 0, 0x27, 0xff)
  const properties = { contentType: 'application/octet-stream', contentEncoding: 'binary' } as const
  for (const id of ['one', 'two'])
    await broker.publish(
      { headers: { id, task: 'task' }, properties: { ...properties, correlationId: id }, body },
      { exchange: '', routingKey: 'celery' },
    )
  const delivery = await broker.take('one')
  expect(Uint8Array.from(delivery?.envelope.body as Uint8Array)).toEqual(body)
  expect(await broker.purge('celery')).toMatchObject({ count: 1, taskIds: ['two'] })
})

test('behind a pool of connections, a role whose transactions see one moment alone is refused', async () => {
  const tables = await withSettings({ default_transaction_isolation: 'repeatable read' })
  const running = open(`${tables.url}?pgbouncer=true`).run([])
  await expect(running).rejects.toThrow(ConfigError)
  await expect(running).rejects.toThrow(/expected default_transaction_isolation read committed, got repeatable read/)
})

test.each([
  ['no password', (url: URL) => Object.assign(url, { password: '' }), /write it into the URL, or PGPASSWORD$/],
  ['TLS', (url: URL) => Object.assign(url, { search: '?sslmode=require' }), /write sslmode=disable into the URL, or/],
])('a server that does not take what the URL has (%s) is not waited for', async (_, change, message) => {
  const server = await PostgresServer.start({ password: 'secret' })
  onTestFinished(() => server.stop())
  const running = open(change(new URL(server.url())).href).run([])
  await expect(running).rejects.toThrow(ConfigError)
  await expect(running).rejects.toThrow(message)
})
