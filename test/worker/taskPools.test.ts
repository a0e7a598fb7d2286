import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { ConfigError } from '../../src/std/errors.ts'
import { type PoolKind, Worker, type WorkerOptions } from '../../src/worker/worker.ts'
import { onFewStores, onSqliteOrEachStore, record, type Told, until, useLab } from '../app/lab.ts'
import { definePools } from './modules/pools.ts'

const module = new URL('./modules/pools.ts', import.meta.url).href
const here = `${process.pid}/0`

async function placeOf(app: App, task: string, time = 0): Promise<string> {
  return (await app.send(task, [time]).get({ timeout: '30s' })) as string
}

/** How often a task ran, by its signals. */
function runs(told: readonly Told[], task: string): number {
  return told.filter(({ name, event }) => name === 'task:prerun' && (event as { task: string }).task === task).length
}

onSqliteOrEachStore(
  (lab) => {
    it('one worker runs each task in the pool that it asks for', async () => {
      const app = definePools(lab().app())
      const worker = await lab().work(app, { module, taskPools: { threads: 1, processes: 1 } })
      expect(await placeOf(app, 'plain')).toBe(here)
      expect(await placeOf(app, 'waits')).toBe(here)
      const thread = await placeOf(app, 'computes')
      expect(thread).toMatch(new RegExp(`^${process.pid}/[1-9]`))
      const [pid, threadOfProcess] = (await placeOf(app, 'crashes')).split('/')
      expect(pid).not.toBe(String(process.pid))
      expect(threadOfProcess).toBe('0')
      expect(worker.pools.map(({ kind, size }) => [kind, size])).toEqual([
        ['inline', 100],
        ['threads', 1],
        ['processes', 1],
      ])
    })

    it('what waits for a slot goes back to its queue when the worker stops', async () => {
      const app = definePools(lab().app())
      const told = record(app)
      const worker = await lab().work(app, { module, taskPools: { threads: 1 } })
      await placeOf(app, 'computes')
      const handles = await Promise.all(Array.from({ length: 3 }, () => app.send('computes', [1500])))
      await until(() => runs(told, 'computes') === 2 && worker.busy >= 2)
      await worker.stop({ grace: '20s' })
      expect(runs(told, 'computes')).toBe(2)
      await lab().work(app, { module, hostname: 'next@x', taskPools: { threads: 1 } })
      await Promise.all(handles.map((handle) => handle.get({ timeout: '30s' })))
      expect(runs(told, 'computes')).toBe(4)
    })
  },
  { memory: false },
)

onFewStores(
  (lab) => {
    it('a full pool keeps no task of another waiting, and its messages are for other workers', async () => {
      const app = definePools(lab().app())
      const told = record(app)
      const gate = join(mkdtempSync(join(tmpdir(), 'celeriac-gate-')), 'open')
      lab().after(() => rmSync(dirname(gate), { recursive: true }))
      const worker = await lab().work(app, { module, concurrency: 2, taskPools: { threads: 1, processes: 1 } })
      const long = await Promise.all(Array.from({ length: 12 }, () => app.send('gated', [gate])))
      // Behind all of them.
      expect(await placeOf(app, 'plain')).toBe(here)
      // One runs, two wait for its slot; the others do not stay here.
      await until(() => worker.busy <= 3)
      expect(worker.totals.get('gated')).toBe(1)
      const other = await lab().work(app, { module, hostname: 'other@x', taskPools: { threads: 1 } })
      await until(() => other.totals.get('gated') === 1)
      expect(runs(told, 'gated')).toBe(2)
      writeFileSync(gate, '')
      await Promise.all(long.map((handle) => handle.get({ timeout: '60s' })))
      expect(runs(told, 'gated')).toBe(12)
    })
  },
  { memory: false },
)

describe('in one store', () => {
  const lab = useLab('sqlite')

  it.each<[PoolKind, string, string]>([
    ['threads', 'plain', 'computes'],
    ['processes', 'plain', 'crashes'],
    ['solo', 'plain', 'computes'],
  ])('beside the pool %s: its own tasks run there, inline ones in the worker', async (pool, own, same) => {
    const app = definePools(lab().app())
    const worker = await lab().work(app, { module, pool, concurrency: 1 })
    expect(await placeOf(app, 'waits')).toBe(here)
    expect(await placeOf(app, own)).toBe(await placeOf(app, same))
    expect(worker.pools.length).toBe(pool === 'solo' ? 1 : 3)
  })

  it('the time limit begins when the task has a slot', async () => {
    const app = definePools(lab().app())
    await lab().work(app, { module, taskPools: { threads: 1 } })
    const handles = await Promise.all(Array.from({ length: 4 }, () => app.send('limited', [800])))
    await Promise.all(handles.map((handle) => handle.get({ timeout: '60s' })))
  })

  it('a task that waits for a slot is revoked', async () => {
    const app = definePools(lab().app())
    const told = record(app)
    const worker = await lab().work(app, { module, taskPools: { threads: 1 } })
    await placeOf(app, 'computes')
    const [first, second] = await Promise.all([app.send('computes', [1500]), app.send('computes', [1500])])
    await until(() => worker.busy === 2)
    await second.revoke()
    await expect(second.get({ timeout: '30s' })).rejects.toMatchObject({ name: 'TaskRevokedError' })
    await first.get({ timeout: '30s' })
    expect(runs(told, 'computes')).toBe(2)
  })

  it('options of children are for the pools that tasks ask for', async () => {
    const app = definePools(lab().app())
    await lab().work(app, { module, maxTasksPerChild: 1, taskPools: { threads: 1 } })
    expect(await placeOf(app, 'computes')).not.toBe(await placeOf(app, 'computes'))
  })

  it('a module that children cannot load fails the task, and the worker goes on', async () => {
    const app = definePools(lab().app())
    await lab().work(app, { module: new URL('./pool/modules/nowhere.ts', import.meta.url).href })
    await expect(app.send('computes', [0]).get({ timeout: '30s' })).rejects.toMatchObject({ type: 'ConfigError' })
    expect(await placeOf(app, 'plain')).toBe(here)
  })

  it('a worker that would run such a task and has no module does not start', async () => {
    const app = definePools(lab().app({ routes: { computes: 'cpu', gated: 'cpu', crashes: 'cpu', limited: 'cpu' } }))
    const cpu = new Worker(app, { queues: ['cpu'], logger: false })
    const message = 'task computes: pool threads needs the option module of the worker'
    await expect(cpu.start()).rejects.toThrow(ConfigError)
    await expect(cpu.start()).rejects.toThrow(message)
    await lab().work(app)
    // Sent to a queue that is not its own, it runs in the worker's pool.
    expect(await app.send('computes', [0], { queue: 'celery' }).get({ timeout: '30s' })).toBe(here)
  })

  it('one per core, by default', () => {
    const { pools } = new Worker(definePools(lab().app()), { module })
    expect(pools.map(({ size }) => size)).toEqual([100, availableParallelism(), availableParallelism()])
  })
})

describe('on memory:, which children cannot share', () => {
  const lab = useLab('memory')

  it('a worker without a module runs all tasks in its own pool', async () => {
    const app = definePools(lab().app())
    await lab().work(app)
    expect(await placeOf(app, 'computes')).toBe(here)
  })
})

describe('wrong options', () => {
  const lab = useLab('memory')

  it.each<[WorkerOptions, string]>([
    [{ taskPools: { threads: 0 } }, 'taskPools: threads: expected a whole number >= 1, got 0'],
    [{ taskPools: { solo: 1 } as never }, 'taskPools: unknown option solo'],
    [{ taskPools: 3 as never }, 'taskPools: expected an object of options, got 3'],
  ])('%j', (options, message) => {
    expect(() => new Worker(lab().app(), options)).toThrow(message)
  })

  it('a pool that there is not', () => {
    const options = { pool: 'gevent' as never }
    expect(() =>
      lab()
        .app()
        .task('task', () => 1, options),
    ).toThrow("pool: expected 'inline', 'threads' or 'processes'")
  })
})
