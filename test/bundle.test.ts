import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { emptyRabbit } from './rabbitmq/shared.ts'
import { RedisServer } from './redis/server.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A program with app and worker in one file: says why the worker does not start, or what its task returned, and how often that ran. */
const program = `
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { Celeriac } from 'celeriac'
import { Worker } from 'celeriac/worker'

export const app = new Celeriac({
  broker: process.env.BROKER,
  lease: 3000,
  logger: { debug() {}, info() {}, warn() {}, error() {}, child() { return this } },
})
let runs = 0
const slow = app.task('slow', async (ms) => {
  runs++
  await sleep(ms)
  return 'slept'
})

async function main() {
  const worker = new Worker(app, JSON.parse(process.env.WORKER))
  const begin = performance.now()
  const problem = await worker.start().then(() => undefined, (error) => error)
  const seconds = (performance.now() - begin) / 1000
  if (problem) console.log(JSON.stringify({ name: problem.name, message: problem.message, seconds }))
  else console.log(JSON.stringify({ result: await (await slow.delay(5000)).get({ timeout: 60_000 }), runs }))
  process.exit()
}
// Threads load this file as their task module.
if (isMainThread) void main()
`

let folder = ''
let redis: RedisServer
let stores: Record<string, string> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'celeriac-bundle-'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules', 'celeriac'))
  await writeFile(join(folder, 'app.ts'), program)
  redis = await RedisServer.start()
  stores = { sqlite: `sqlite:${join(folder, 'tasks.db')}`, redis: redis.url(), rabbitmq: await emptyRabbit() }
})
afterAll(async () => {
  await redis?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function node(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const options = { cwd: folder, env: { ...process.env, ...env }, timeout: 80_000 }
  const { stdout } = await promisify(execFile)(process.execPath, args, options)
  return stdout
}

type Build = (options: Readonly<Record<string, unknown>>) => Promise<unknown>
const esbuild: { build: Build } = createRequire(import.meta.url)('esbuild')

async function bundle(outfile: string, options: Readonly<Record<string, unknown>>): Promise<void> {
  const common = { absWorkingDir: folder, entryPoints: ['app.ts'], bundle: true, platform: 'node', logLevel: 'error' }
  await esbuild.build({ ...common, conditions: ['source'], outfile, ...options })
}

/** Packages in CommonJS require Node's modules. */
const REQUIRE =
  'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url)'

function start(file: string, store: string, options: object = {}): Promise<unknown> {
  const flags = ['--conditions=source', '--disable-warning=ExperimentalWarning']
  const env = { BROKER: stores[store] as string, WORKER: JSON.stringify(options) }
  return node([...flags, join(folder, file)], env).then(JSON.parse)
}

describe('bundled whole', { timeout: 90_000 }, () => {
  beforeAll(async () => {
    await bundle('whole.cjs', { format: 'cjs' })
    await bundle('whole.mjs', { format: 'esm', banner: { js: REQUIRE } })
  })

  test.each([
    { file: 'whole.cjs', store: 'sqlite', pool: 'inline', missing: 'stores/sqlite/broker/leaseRenewerThread.js' },
    { file: 'whole.mjs', store: 'sqlite', pool: 'inline', missing: 'stores/sqlite/broker/leaseRenewerThread.js' },
    { file: 'whole.cjs', store: 'redis', pool: 'inline', missing: 'stores/redis/broker/leaseRenewerThread.js' },
    { file: 'whole.cjs', store: 'rabbitmq', pool: 'inline', missing: 'stores/rabbitmq/connection/relayThread.js' },
    { file: 'whole.mjs', store: 'sqlite', pool: 'threads', missing: 'worker/pool/threads/entry.js' },
  ])('$file on $store, pool $pool: start() says which file is missing, and what to set', async (made) => {
    const { file, store, pool, missing } = made
    const said = await start(file, store, { pool, module: join(folder, file), concurrency: 1 })
    expect(said).toMatchObject({
      name: 'ConfigError',
      message: expect.stringMatching(new RegExp(`celeriac's file ${missing} .*external: \\['celeriac'\\]`)),
    })
    expect((said as { seconds: number }).seconds).toBeLessThan(8)
  })
})

describe('bundled without celeriac', { timeout: 90_000 }, () => {
  beforeAll(async () => {
    await bundle('external.mjs', { format: 'esm', external: ['celeriac'] })
  })

  test.concurrent.each([
    { store: 'sqlite', pool: 'inline' },
    { store: 'redis', pool: 'inline' },
    { store: 'rabbitmq', pool: 'inline' },
  ])('$store, pool $pool: a task longer than the lease runs once', async ({ store, pool }) => {
    expect(await start('external.mjs', store, { pool })).toEqual({ result: 'slept', runs: 1 })
  })

  test.concurrent('pool threads: the bundle is the task module', async () => {
    const options = { pool: 'threads', module: join(folder, 'external.mjs'), concurrency: 1 }
    expect(await start('external.mjs', 'sqlite', options)).toMatchObject({ result: 'slept' })
  })
})
