import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { output } from './command.ts'
import { emptyRabbit } from './rabbitmq/shared.ts'
import { RedisServer } from './redis/server.ts'

/** The oldest version that package.json allows. */
const OLDEST = '22.18'
const root = fileURLToPath(new URL('..', import.meta.url))

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'celeriac-oldest-'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  await output('npm', ['install', '--no-audit', '--no-fund', `node@${OLDEST}`], { cwd: folder, limit: 300_000 })
}, 330_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const STORES: Readonly<Record<string, () => Promise<{ url: string; stop?: () => unknown }>>> = {
  memory: async () => ({ url: 'memory:' }),
  sqlite: async () => ({ url: `sqlite:${join(folder, 'store.db')}` }),
  redis: async () => {
    const server = await RedisServer.start()
    return { url: server.url(), stop: () => server.stop() }
  },
  rabbitmq: async () => ({ url: await emptyRabbit() }),
}

test.each(Object.entries(STORES))(`Node ${OLDEST} imports celeriac and runs tasks: %s`, async (kind, open) => {
  const { url, stop } = await open()
  try {
    const flags = ['--conditions=source', '--disable-warning=ExperimentalWarning']
    const script = join(root, 'test/oldestNode.ts')
    const printed = await output(join(folder, 'node_modules/node/bin/node'), [...flags, script, url], { cwd: folder })
    const [version, ...results] = JSON.parse(printed)
    expect(version).toMatch(/^v22[.]18[.]/)
    // RabbitMQ with rpc:// keeps no states on the way, and finds no message in a queue.
    const isRpc = kind === 'rabbitmq'
    const states = isRpc ? ['PENDING', 'SUCCESS'] : ['PENDING', 'PROGRESS', 'SUCCESS']
    expect(results).toEqual([42, 'once more', 'TypeError', states, isRpc ? 'PENDING' : 'REVOKED'])
  } finally {
    await stop?.()
  }
})
