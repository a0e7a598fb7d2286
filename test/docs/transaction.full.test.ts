import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { start } from '../cli/harness.ts'
import { PostgresServer } from '../postgres/server.ts'
import { Document } from './document.ts'
import { folderWith, node, typeErrors } from './reader.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGE = join('docs/how-to', 'submit-in-a-transaction.md')

let server: PostgresServer
beforeAll(async () => {
  server = await PostgresServer.start()
})
afterAll(() => server?.stop())

/** The files that a part of the page shows, in a folder with these packages. */
function shown(part: 'postgres' | 'sqlite', packages: readonly string[]): { folder: string; files: string[] } {
  const text = readFileSync(join(ROOT, PAGE), 'utf8').replaceAll('postgres://127.0.0.1/shop', server.url())
  const [before = '', sqlite = ''] = text.split('\n## SQLite\n')
  const all = [...(part === 'sqlite' ? sqlite : before).matchAll(/`([\w.]+)`[^`\n]*:\n\n```ts\n([\s\S]*?)^```$/gm)]
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
  await server.sql('GRANT CREATE ON DATABASE postgres TO celeriac; GRANT ALL ON SCHEMA public TO celeriac')
  // The role is named as the schema.
  await server.sql('CREATE ROLE seller; ALTER ROLE celeriac SET search_path = public')

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
