import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'
import { output } from '../command.ts'
import { RedisServer } from '../redis/server.ts'

const at = (name: string): string => fileURLToPath(new URL(`children/${name}`, import.meta.url))

/** The thread that renews leases takes longer to start than a lease lasts. */
async function holds(url: string): Promise<string> {
  const args = [...process.execArgv, '--import', at('slowStart.ts'), at('slowHolder.ts'), url]
  return output(process.execPath, args, { limit: 25_000 })
}

test.concurrent('sqlite: no message is taken before its lease can be renewed', async ({ expect, onTestFinished }) => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  expect(await holds(`sqlite:${join(folder, 'store.db')}`)).toBe('true\n')
})

test.concurrent('redis: no message is taken before its lease can be renewed', async ({ expect, onTestFinished }) => {
  const server = await RedisServer.start()
  onTestFinished(() => server.stop())
  expect(await holds(server.url())).toBe('true\n')
})
