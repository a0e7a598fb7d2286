import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { freePort, RedisServer } from '../../../test/redis/server.ts'
import { inFull } from '../../../test/tier.ts'
import { eventually } from '../../../test/wait.ts'
import { Folder, type Program } from '../../shared/test/program.ts'

const ROOT = join(import.meta.dirname, '../../..')

type Store = 'sqlite' | 'redis'

/** The server and its workers, on a store of their own, until the end of the test. */
class Numbers {
  readonly folder: Folder
  readonly #port: number
  #server: Program | undefined

  static async start(
    store: Store,
    env: Readonly<Record<string, string>>,
    { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  ): Promise<Numbers> {
    const redis = store === 'redis' ? await RedisServer.start() : undefined
    onTestFinished(() => redis?.stop())
    const port = await freePort()
    const own = { NUMBERS_URL: `http://127.0.0.1:${port}`, NUMBERS_LEASE: '1s', NUMBERS_INTERVAL: '1s' }
    const folder = new Folder({ ...own, ...(redis && { BROKER_URL: redis.url() }), ...env })
    onTestFinished(() => folder.close())
    const numbers = new Numbers(folder, port)
    await numbers.serve()
    return numbers
  }

  private constructor(folder: Folder, port: number) {
    this.folder = folder
    this.#port = port
  }

  get server(): Program {
    if (!this.#server) throw new Error('expected to serve')
    return this.#server
  }

  async serve(): Promise<void> {
    this.#server = await this.folder.serve('numbers/server.ts', this.#port)
  }

  /** A worker with a beat, as the README starts it. */
  async work(): Promise<Program> {
    const tasks = join(ROOT, 'examples/numbers/tasks.ts')
    const worker = this.folder.run('src/cli/main.ts', ['worker', '-A', tasks, '-B', '--pool', 'solo'])
    await worker.until(/ ready/)
    return worker
  }

  async post(rid: string, numbers: readonly number[]): Promise<void> {
    const body = JSON.stringify({ rid, numbers, jobtodo: numbers.map(() => 'sum') })
    expect((await this.server.fetch('/number_request', { method: 'POST', body })).status).toBe(201)
  }

  // biome-ignore lint/suspicious/noExplicitAny: JSON, which the tests compare.
  request(rid: string): Promise<any> {
    return this.server.json(`/number_request?rid=${rid}`)
  }

  /** The request, when its first job is this. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON, which the tests compare.
  job(rid: string, job: string): Promise<any> {
    return eventually(
      () => this.request(rid),
      (stored) => stored.jobtodo?.[0] === job,
    )
  }
}

/** How many numbers a worker has processed, by its log. */
function processed({ stdout, stderr }: Program): number {
  const counts = [...(stdout + stderr).matchAll(/"processing":"\w+","count":(\d+)/g)].map(([, count]) => Number(count))
  return counts.reduce((sum, count) => sum + count, 0)
}

const STORES: readonly Store[] = ['redis', ...inFull<Store>('sqlite')]
const DONE = { jobtodo: ['sum_Done'], result: [3] }

// They mostly wait; not all at once, as each starts processes.
describe('the worker is killed in the middle', () => {
  it.concurrent.for(STORES)(
    'its processing ends with it, and the next worker does all of it: %s',
    async (store, context) => {
      // A lease that a busy machine can keep: one that is lost is a second processing.
      const env = { NUMBERS_PROCESSING_MS: '1500', NUMBERS_LEASE: '4s' }
      const numbers = await Numbers.start(store, env, context)
      const worker = await numbers.work()
      await numbers.post('a', [1])
      await numbers.job('a', 'sum_Doing')
      await worker.end('SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, 2000))
      expect((await numbers.request('a')).jobtodo).toEqual(['sum_Doing'])
      const next = await numbers.work()
      expect(await numbers.job('a', 'sum_Done')).toMatchObject(DONE)
      expect(processed(next), next.stdout + next.stderr).toBe(1)
      // The file of the task that was killed is gone, too.
      await eventually(
        async () => readdirSync(join(numbers.folder.path, '.celeriac/numbers.input')),
        (files) => files.length === 0,
      )
    },
  )
})

it.concurrent.for(inFull(...STORES))(
  'two workers with a beat each do every number once: %s',
  async (store, context) => {
    const numbers = await Numbers.start(store, {}, context)
    const workers = await Promise.all([numbers.work(), numbers.work()])
    const values = Array.from({ length: 300 }, (_, at) => at)
    const rids = Array.from({ length: 10 }, (_, at) => `c${at}`)
    await Promise.all(rids.map((rid) => numbers.post(rid, values)))
    for (const rid of rids) {
      const { result } = await eventually(
        () => numbers.request(rid),
        (stored) => stored.jobtodo?.every((job: string) => job === 'sum_Done'),
      )
      expect(result).toEqual(values.map((value) => value + 2))
    }
    expect(workers.reduce((sum, worker) => sum + processed(worker), 0)).toBe(3000)
  },
)

it('the server is away when a processing reports: its numbers wait again', async (context) => {
  const numbers = await Numbers.start('sqlite', { NUMBERS_PROCESSING_MS: '700' }, context)
  const worker = await numbers.work()
  await numbers.post('b', [1])
  await numbers.job('b', 'sum_Doing')
  await numbers.server.end('SIGKILL')
  await worker.until(/processings\/sum ended with exit code 1/)
  await numbers.serve()
  expect(await numbers.job('b', 'sum_Done')).toMatchObject(DONE)
})

it.each([
  [{ NUMBERS_INTERVAL: 'often' }, [], /NUMBERS_INTERVAL: /],
  [{}, ['--concurrency', '2'], /^numbers: --concurrency: expected 1 with a solo pool/],
  [{}, ['--prot', '80'], /^numbers: .*--prot/],
])('%j %j is refused', async (env, flags, line) => {
  const folder = new Folder(env as Record<string, string>)
  onTestFinished(() => folder.close())
  const { code, stderr } = await folder.run('examples/numbers/main.ts', ['--port', '0', ...flags]).ended
  expect(code).toBeGreaterThan(0)
  expect(stderr).toMatch(line)
  expect(existsSync(join(folder.path, '.celeriac/numbers.db'))).toBe(false)
})
