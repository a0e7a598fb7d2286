import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { type AfterLoss, afterLoss, type Loss } from '../../src/worker/task/losses.ts'
import { type Lab, onSqliteOrEachStore, record, until, useLab } from '../app/lab.ts'
import { deadIn, takeDead } from '../deadLetters.ts'
import { inFull } from '../tier.ts'
import { define } from './modules/tasks.ts'

const LIMITS = { maxWorkerLosses: 10, maxChildLosses: 3 }

describe('the table of losses', () => {
  it.each<[losses: number, rejectOnWorkerLost: boolean, retry: boolean, AfterLoss]>([
    [1, false, false, 'fail'],
    [2, false, false, 'fail'],
    [1, false, true, 'retry'],
    [2, false, true, 'retry'],
    [1, true, false, 'requeue'],
    [2, true, false, 'requeue'],
    [1, true, true, 'requeue'],
    [2, true, true, 'requeue'],
    [3, false, false, 'give up'],
    [3, false, true, 'give up'],
    [3, true, false, 'give up'],
    [3, true, true, 'give up'],
    [4, true, true, 'give up'],
  ])(
    '%i children, rejectOnWorkerLost %s, one more attempt allowed %s: %s',
    (losses, rejectOnWorkerLost, retry, next) => {
      const loss: Loss = { of: 'child', losses, lost: 0, retry, rejectOnWorkerLost }
      expect(afterLoss(loss, LIMITS)).toBe(next)
    },
  )

  it.each<[lost: number, rejectOnWorkerLost: boolean, retry: boolean, AfterLoss]>([
    [1, false, false, 'fail'],
    [2, false, false, 'give up'],
    [2, false, true, 'retry'],
    [2, true, false, 'requeue'],
  ])(
    'a child, after %i lost runs, rejectOnWorkerLost %s, one more attempt allowed %s: %s',
    (lost, rejectOnWorkerLost, retry, next) => {
      expect(afterLoss({ of: 'child', losses: 1, lost, retry, rejectOnWorkerLost }, LIMITS)).toBe(next)
    },
  )

  it.each<[losses: number, AfterLoss]>([
    [1, 'run'],
    [2, 'run alone'],
    [9, 'run alone'],
    [10, 'give up'],
    [11, 'give up'],
  ])('%i workers: %s', (losses, next) => {
    expect(afterLoss({ of: 'worker', losses }, LIMITS)).toBe(next)
  })

  it('the limits are options', () => {
    const limits = { maxWorkerLosses: 1, maxChildLosses: 1 }
    expect(afterLoss({ of: 'worker', losses: 1 }, limits)).toBe('give up')
    expect(afterLoss({ of: 'child', losses: 1, lost: 0, retry: true, rejectOnWorkerLost: true }, limits)).toBe(
      'give up',
    )
  })
})

async function deadIds(app: App): Promise<unknown[]> {
  return (await takeDead(app)).map(({ headers }) => headers.id)
}

describe.each(['processes' as const, ...inFull('threads' as const)])('a task that ends its child, in %s', (pool) => {
  const lab = useLab('sqlite')
  const module = new URL('./modules/tasks.ts', import.meta.url).href
  const FAST = { delay: 1, jitter: 'none', backoff: 'fixed' } as const

  it('without retry: FAILURE at once, and no copy of it', async () => {
    const app = define(lab().app())
    await lab().work(app, { pool, concurrency: 1, module })
    const handle = await app.send('exit')
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'WorkerLostError' })
    expect(await handle.info()).toMatchObject({ state: 'FAILURE', attempt: 1 })
    expect(await deadIn(app)).toBe(0)
  })

  it('with retries: given up after three, with the reason and a copy', async () => {
    const app = define(lab().app())
    await lab().work(app, { pool, concurrency: 1, module })
    const handle = await app.send('exit', [], { retry: { max: 9, ...FAST } })
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({
      type: 'WorkerLostError',
      message: expect.stringMatching(/exit code 3 \(it has ended 3 children\)$/),
    })
    expect(await handle.info()).toMatchObject({ state: 'FAILURE', retries: 2, attempt: 3 })
    expect(await deadIds(app)).toEqual([handle.id])
    expect(await app.send('add', [1, 2]).get({ timeout: '20s' })).toBe(3)
  })

  it('with rejectOnWorkerLost: requeued, which is no retry, and given up after three', async () => {
    const app = define(lab().app())
    const told = record(app)
    await lab().work(app, { pool, concurrency: 1, module })
    const handle = await app.send('exitAgain')
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({
      type: 'WorkerLostError',
      message: expect.stringContaining('(it has ended 3 children; 2 of its runs were lost before)'),
    })
    expect(await handle.info()).toMatchObject({ state: 'FAILURE', retries: 0, attempt: 3 })
    await until(() => told.some(({ name }) => name === 'task:failure'))
    const names = told.map(({ name }) => name)
    expect(names.filter((name) => name === 'task:rejected').length).toBe(2)
    expect(names).not.toContain('task:retry')
    expect(await deadIds(app)).toEqual([handle.id])
  })

  it('the limit is an option of the worker', async () => {
    const app = define(lab().app())
    await lab().work(app, { pool, concurrency: 1, module, maxChildLosses: 1 })
    const handle = await app.send('exitAgain')
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'WorkerLostError' })
    expect(await handle.info()).toMatchObject({ attempt: 1 })
    expect(await deadIds(app)).toEqual([handle.id])
  })
})

interface Run {
  readonly task: string
  readonly id: string
  readonly pid: number
  readonly attempt: number
}

/** Workers in processes, one after the other: a new one when the last was killed. */
class Workers {
  readonly pids: number[] = []
  #worker: ChildProcess | undefined
  #ended = false

  async keep(lab: Lab): Promise<void> {
    lab.after(() => this.end())
    while (!this.#ended) {
      const worker = fork(new URL('./modules/poison.ts', import.meta.url), ['work'])
      this.#worker = worker
      this.pids.push(worker.pid as number)
      await once(worker, 'exit')
    }
  }

  async end(): Promise<void> {
    this.#ended = true
    const worker = this.#worker
    if (!worker || worker.exitCode !== null || worker.signalCode !== null) return
    worker.kill('SIGKILL')
    await once(worker, 'exit')
  }
}

onSqliteOrEachStore(
  (lab, kind) => {
    it('a task that kills its worker runs alone after the second time, and then harms no other', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'celeriac-runs-'))
      lab().after(() => rmSync(folder, { recursive: true, force: true }))
      const file = join(folder, 'runs')
      process.env.CELERIAC_TEST_STORE = lab().url
      process.env.CELERIAC_TEST_BACKEND = lab().backend ?? lab().url
      process.env.CELERIAC_TEST_RUNS = file
      const app = lab().app({ lease: '1s' })
      const poison = await app.send('poison')
      const innocents = await Promise.all([1500, 1500, 1500].map((time) => app.send('innocent', [time])))
      const workers = new Workers()
      void workers.keep(lab())
      await expect(poison.get({ timeout: '90s' })).rejects.toMatchObject({
        type: 'WorkerLostError',
        message: expect.stringMatching(/signal SIGKILL.*\(2 of its runs were lost before\)$/),
      })
      expect(await deadIds(app)).toEqual([poison.id])
      const killed = workers.pids.length - 1
      // RabbitMQ's classic queues do not say of the first return why a message came back.
      expect(killed).toBe(kind === 'rabbitmq' ? 3 : 2)
      const runs: Run[] = readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      const last = runs.filter(({ id }) => id === poison.id).at(-1)
      expect(workers.pids).not.toContain(last?.pid)
      // What ran beside it was lost with the workers alone.
      for (const innocent of innocents) {
        expect(workers.pids.slice(0, killed)).not.toContain(await innocent.get({ timeout: '60s' }))
        expect((await innocent.info())?.attempt).toBeLessThanOrEqual(3)
      }
      expect(workers.pids.length).toBe(killed + 1)
      const added = await app.send('innocent', [0])
      expect(await added.get({ timeout: '30s' })).toBe(workers.pids.at(-1))
    })
  },
  { memory: false },
)
