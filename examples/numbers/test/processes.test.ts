import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { freePort } from '../../../test/redis/server.ts'
import { eventually, Folder, type Program } from '../../shared/test/program.ts'

// Each starts processes.
vi.setConfig({ testTimeout: 60_000 })

const ROOT = join(import.meta.dirname, '../../..')

let folder: Folder
let port: number
let server: Program

/** A worker with a beat, as the README starts it. */
async function work(): Promise<Program> {
  const tasks = join(ROOT, 'examples/numbers/tasks.ts')
  const worker = folder.run('src/cli/main.ts', ['worker', '-A', tasks, '-B', '--pool', 'solo'])
  await worker.until(/ ready/)
  return worker
}

async function startWith(env: Readonly<Record<string, string>>): Promise<void> {
  folder = new Folder({ NUMBERS_URL: `http://127.0.0.1:${port}`, NUMBERS_LEASE: '1s', NUMBERS_INTERVAL: '1s', ...env })
  server = await folder.serve('numbers/server.ts', port)
}

async function post(rid: string, numbers: readonly number[]): Promise<void> {
  const body = JSON.stringify({ rid, numbers, jobtodo: numbers.map(() => 'sum') })
  expect((await server.fetch('/number_request', { method: 'POST', body })).status).toBe(201)
}

/** The request, when its first job is this. */
// biome-ignore lint/suspicious/noExplicitAny: JSON, which the tests compare.
function request(rid: string, job: string): Promise<any> {
  return eventually(
    () => server.json(`/number_request?rid=${rid}`),
    (stored) => stored.jobtodo?.[0] === job,
  )
}

/** How many numbers a worker has processed, by its log. */
function processed({ stdout, stderr }: Program): number {
  const counts = [...(stdout + stderr).matchAll(/"processing":"\w+","count":(\d+)/g)].map(([, count]) => Number(count))
  return counts.reduce((sum, count) => sum + count, 0)
}

const DONE = { jobtodo: ['sum_Done'], result: [3] }

beforeEach(async () => {
  port = await freePort()
})

afterEach(() => folder.close())

it('the worker is killed in the middle: its processing ends with it, and the next worker does all of it', async () => {
  await startWith({ NUMBERS_PROCESSING_MS: '1500' })
  const worker = await work()
  await post('a', [1])
  await request('a', 'sum_Doing')
  await worker.end('SIGKILL')
  await new Promise((resolve) => setTimeout(resolve, 2000))
  expect((await server.json('/number_request?rid=a')).jobtodo).toEqual(['sum_Doing'])
  const next = await work()
  expect(await request('a', 'sum_Done')).toMatchObject(DONE)
  expect(processed(next)).toBe(1)
  // The file of the task that was killed is gone, too.
  await eventually(
    async () => readdirSync(join(folder.path, '.celeriac/numbers.input')),
    (files) => files.length === 0,
  )
})

it('the server is away when a processing reports: its numbers wait again', async () => {
  await startWith({ NUMBERS_PROCESSING_MS: '700' })
  const worker = await work()
  await post('b', [1])
  await request('b', 'sum_Doing')
  await server.end('SIGKILL')
  await worker.until(/processings\/sum ended with exit code 1/)
  server = await folder.serve('numbers/server.ts', port)
  expect(await request('b', 'sum_Done')).toMatchObject(DONE)
})

it('two workers with a beat each do every number once', async () => {
  await startWith({})
  const workers = await Promise.all([work(), work()])
  const numbers = Array.from({ length: 300 }, (_, at) => at)
  const rids = Array.from({ length: 10 }, (_, at) => `c${at}`)
  await Promise.all(rids.map((rid) => post(rid, numbers)))
  for (const rid of rids) {
    const { result } = await eventually(
      () => server.json(`/number_request?rid=${rid}`),
      (stored) => stored.jobtodo?.every((job: string) => job === 'sum_Done'),
    )
    expect(result).toEqual(numbers.map((number) => number + 2))
  }
  expect(workers.reduce((sum, worker) => sum + processed(worker), 0)).toBe(3000)
})

it.each([
  [{ NUMBERS_INTERVAL: 'often' }, [], /NUMBERS_INTERVAL: /],
  [{}, ['--concurrency', '2'], /^numbers: --concurrency: expected 1 with a solo pool/],
  [{}, ['--prot', '80'], /^numbers: .*--prot/],
])('%j %j is refused', async (env, flags, line) => {
  folder = new Folder(env as Record<string, string>)
  const { code, stderr } = await folder.run('examples/numbers/main.ts', ['--port', '0', ...flags]).ended
  expect(code).toBeGreaterThan(0)
  expect(stderr).toMatch(line)
  expect(existsSync(join(folder.path, '.celeriac/numbers.db'))).toBe(false)
})
