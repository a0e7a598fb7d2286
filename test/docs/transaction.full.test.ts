import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { start } from '../cli/harness.ts'
import { PostgresServer } from '../postgres/server.ts'
import { RedisServer } from '../redis/server.ts'
import { Document } from './document.ts'
import { folderWith, node, typeErrors } from './reader.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGE = join('docs/how-to', 'submit-in-a-transaction.md')

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start()
  await server.sql('GRANT CREATE ON DATABASE postgres TO celeriac; GRANT ALL ON SCHEMA public TO celeriac')
  // The role is named as the schema.
  await server.sql('CREATE ROLE seller; ALTER ROLE celeriac SET search_path = public')
})
afterAll(() => server?.stop())

const SECTIONS = {
  postgres: 'In the database of the jobs',
  sqlite: 'SQLite',
  outbox: 'Outbox',
  complete: 'Complete in a transaction',
}

/** The files that a part of the page shows, in a folder with these packages; `own` changes its text. */
function shown(
  part: keyof typeof SECTIONS,
  packages: readonly string[],
  own: (text: string) => string = (text) => text,
): { folder: string; files: string[] } {
  const page = readFileSync(join(ROOT, PAGE), 'utf8').replaceAll('postgres://127.0.0.1/shop', server.url())
  const sections = own(page).split('\n## ')
  const names = part === 'postgres' ? [SECTIONS.postgres, 'Other libraries'] : [SECTIONS[part]]
  const text = sections.filter((section) => names.includes(section.slice(0, section.indexOf('\n')))).join('\n')
  const all = [...text.matchAll(/`([\w.]+)`[^`\n]*:\n\n```ts\n([\s\S]*?)^```$/gm)]
  const files = Object.fromEntries(all.map(([, file = '', content = '']) => [file, content]))
  const folder = folderWith(files)
  for (const name of packages) symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  return { folder, files: Object.keys(files) }
}

const buying = (file: string): string => `import { buy } from './${file}'; await buy('tea'); process.exit(0)`

it('submit in a transaction of SQLite', async () => {
  const { folder, files } = shown('sqlite', ['drizzle-orm', 'kysely'])
  expect(files).toEqual(['shop.ts', 'sell.ts', 'sqliteKysely.ts', 'sqliteDrizzle.ts'])
  const types = typeErrors(folder, files)
  const worker = start(folder, ['worker', '-A', 'shop.ts'])
  await worker.until(/ ready/)
  expect(await node(folder, 'sell.ts')).toBe('packed tea\n')
  for (const file of files.slice(2)) {
    writeFileSync(join(folder, 'main.ts'), buying(file))
    await node(folder, 'main.ts')
  }
  const db = new DatabaseSync(join(folder, 'shop.db'), { readOnly: true })
  const count = (of: string): number => db.prepare(`SELECT 1 FROM ${of}`).all().length
  await vi.waitUntil(() => count("celeriac_result WHERE state = 'SUCCESS'") === 3, { timeout: 10_000 })
  expect(count('purchase')).toBe(3)
  db.close()
  worker.child.kill('SIGTERM')
  expect((await worker.ended).code).toBe(0)
  expect(await types).toEqual([])
})

it('submit in a transaction', async () => {
  const { folder, files } = shown('postgres', ['pg', 'postgres', 'drizzle-orm', 'kysely', 'knex', '@types/pg'])
  const others = files.filter((file) => !['tasks.ts', 'buy.ts'].includes(file))
  expect(others).toHaveLength(4)
  const types = typeErrors(folder, files)
  const worker = start(folder, ['worker', '-A', 'tasks.ts'])
  await worker.until(/ ready/)
  expect(await node(folder, 'buy.ts')).toBe('packed tea\n')
  const packed = async (count: number): Promise<boolean> =>
    (await server.sql("SELECT FROM celeriac.jobs WHERE state = 'SUCCESS'")).length === count
  for (const sql of new Document(PAGE).code('sql')) await server.sql(sql)
  await vi.waitUntil(() => packed(2), { timeout: 10_000 })
  for (const file of others) {
    writeFileSync(join(folder, 'main.ts'), buying(file))
    await node(folder, 'main.ts')
  }
  // By each function, and by the trigger.
  await vi.waitUntil(() => packed(2 + 2 * others.length), { timeout: 10_000 })
  worker.child.kill('SIGTERM')
  expect((await worker.ended).code).toBe(0)
  expect(await types).toEqual([])
})

it('an outbox', async () => {
  const redis = await RedisServer.start({ appendonly: true })
  const packages = ['pg', '@types/pg', 'ioredis']
  const { folder, files } = shown('outbox', packages, (text) =>
    text.replaceAll('redis://127.0.0.1:6379/0', redis.url()),
  )
  expect(files).toEqual(['orders.ts', 'order.ts'])
  const types = typeErrors(folder, files)
  const schema = `import pg from 'pg'; import { outboxSchema } from 'celeriac/outbox'
const client = new pg.Client({ connectionString: '${server.url()}' }); await client.connect()
await client.query(outboxSchema('postgres')); await client.end()`
  writeFileSync(join(folder, 'schema.ts'), schema)
  await node(folder, 'schema.ts')
  const worker = start(folder, ['worker', '-A', 'orders.ts'])
  const relay = start(folder, ['outbox', '-A', 'orders.ts', '--database', server.url()])
  await worker.until(/ ready/)
  expect(await node(folder, 'order.ts')).toBe('packed tea\n')
  await relay.until(/^outbox of /)
  for (const one of [worker, relay]) {
    one.child.kill('SIGTERM')
    expect((await one.ended).code).toBe(0)
  }
  expect(await types).toEqual([])
  await redis.stop()
})

it('complete in a transaction', async () => {
  const { folder, files } = shown('complete', ['pg', '@types/pg'])
  expect(files).toEqual(['charging.ts'])
  const types = typeErrors(folder, files)
  await server.sql(
    'CREATE TABLE IF NOT EXISTS purchase (name text); GRANT ALL ON purchase TO celeriac; DELETE FROM purchase',
  )
  const worker = start(folder, ['worker', '-A', 'charging.ts', '-P', 'threads'])
  await worker.until(/ ready/)
  const called =
    "import { app, charge } from './charging.ts'; console.log(await (await charge.delay('tea')).get()); await app.close()"
  writeFileSync(join(folder, 'main.ts'), called)
  expect(await node(folder, 'main.ts')).toBe('charged tea\n')
  expect(await server.sql('SELECT name FROM purchase')).toHaveLength(1)
  worker.child.kill('SIGTERM')
  expect((await worker.ended).code).toBe(0)
  expect(await types).toEqual([])
})
