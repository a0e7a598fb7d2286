import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

it('submit in a transaction', async () => {
  const text = readFileSync(join(ROOT, PAGE), 'utf8').replaceAll('postgres://127.0.0.1/shop', server.url())
  const shown = [...text.matchAll(/`([\w.]+)`[^`\n]*:\n\n```ts\n([\s\S]*?)^```$/gm)]
  const files = Object.fromEntries(shown.map(([, file = '', content = '']) => [file, content]))
  const others = Object.keys(files).filter((file) => !['tasks.ts', 'buy.ts'].includes(file))
  expect(others).toHaveLength(4)
  const folder = folderWith(files)
  const packages = ['pg', 'postgres', 'drizzle-orm', 'kysely', 'knex', '@types/pg']
  for (const name of packages) symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  const types = typeErrors(folder, Object.keys(files))
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
    writeFileSync(join(folder, 'main.ts'), `import { buy } from './${file}'; await buy('tea'); process.exit(0)`)
    await node(folder, 'main.ts')
  }
  // By each function, and by the trigger.
  await vi.waitUntil(() => packed(2 + 2 * others.length), { timeout: 10_000 })
  worker.child.kill('SIGTERM')
  expect((await worker.ended).code).toBe(0)
  expect(await types).toEqual([])
})
