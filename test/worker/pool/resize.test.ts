import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { Outcome } from '../../../src/protocol/outcome.ts'
import { createLogger } from '../../../src/std/log.ts'
import { jobOf } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import type { ChildKind } from '../../../src/worker/pool/child/host.ts'
import { ChildPool, type ChildPoolOptions } from '../../../src/worker/pool/child/pool.ts'
import { processes } from '../../../src/worker/pool/processes/process.ts'
import { threads } from '../../../src/worker/pool/threads/thread.ts'
import { inFull } from '../../tier.ts'

interface Opened {
  readonly pool: ChildPool
  /** Messages of errors in the log. */
  readonly errors: string[]
}

function make(kind: ChildKind, file: string, options: Omit<ChildPoolOptions, 'module'>): Opened {
  const errors: string[] = []
  const logger = createLogger('error', { write: (line) => errors.push(JSON.parse(line).err.message) })
  const app = new App({ broker: 'memory:', logger })
  const pool = new ChildPool(app, kind, { module: new URL(file, import.meta.url).href, ...options })
  onTestFinished(async () => {
    await pool.stop()
    await app.close()
  })
  return { pool, errors }
}

function run(pool: ChildPool, task: string, args: readonly unknown[] = []): Promise<Outcome> {
  const never = new AbortController().signal
  return pool.run(jobOf(`job-${task}`, task, args), { signal: never, kill: never, report: () => undefined })
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe.each([processes(), ...inFull(threads())])('a pool of $plural', (kind) => {
  /** The module loads at the first and the fourth try. */
  function failing(size: number): Opened {
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-resize-'))
    process.env.LOAD_COUNT = join(folder, 'count')
    onTestFinished(() => {
      delete process.env.LOAD_COUNT
      rmSync(folder, { recursive: true })
    })
    return make(kind, './modules/once.ts', { size })
  }

  it('a new child that cannot load the module is logged and started again; until then it does not count', async () => {
    const { pool, errors } = failing(1)
    await pool.start()
    pool.resize(2)
    await until('the second try has failed', () => errors.length >= 1)
    expect([pool.size, pool.target]).toEqual([1, 2])
    expect(await run(pool, 'tries')).toEqual({ kind: 'success', result: 1 })
    await until('the fourth try has loaded it', () => pool.size === 2)
    expect(errors).toEqual(['try 2 fails', 'try 3 fails'])
  })

  it('one that cannot load the module is given up first', async () => {
    const { pool, errors } = failing(1)
    await pool.start()
    pool.resize(2)
    await until('the second try has failed', () => errors.length >= 1)
    pool.resize(1)
    expect(await run(pool, 'tries')).toEqual({ kind: 'success', result: 1 })
    expect([pool.size, pool.target]).toEqual([1, 1])
  })

  it('a start that fails leaves no child of a pool that has grown meanwhile', async () => {
    const { pool } = make(kind, './modules/broken.ts', { size: 1 })
    const starting = pool.start()
    pool.resize(3)
    await expect(starting).rejects.toThrow('not today')
    await until('none is left', () => pool.pids.length === 0)
    expect(await run(pool, 'where')).toMatchObject({ kind: 'stopped', by: 'shutdown' })
  })

  it('a start is finished where all that still load are given up but one', async () => {
    const { pool } = make(kind, './childTasks.ts', { size: 4 })
    const starting = pool.start()
    await until('they load', () => pool.pids.length > 0)
    pool.resize(1)
    await starting
    expect(pool.size).toBe(1)
    expect(await run(pool, 'where')).toMatchObject({ kind: 'success' })
  })

  it('children that are recycled meanwhile: each job runs, and no child is left too many', async () => {
    const { pool } = make(kind, './childTasks.ts', { size: 1, maxTasks: 2 })
    await pool.start()
    const jobs: Promise<Outcome>[] = []
    for (const size of [3, 1, 4, 2, 1]) {
      pool.resize(size)
      jobs.push(...Array.from({ length: 4 }, () => run(pool, 'where')))
      await jobs.at(-3)
    }
    for (const outcome of await Promise.all(jobs)) expect(outcome).toMatchObject({ kind: 'success' })
    await until('one is left, and perhaps its successor', () => pool.pids.length <= 2)
    expect([pool.size, pool.target, pool.busy]).toEqual([1, 1, 0])
  })
})

it('processes that are too many end', async () => {
  const { pool } = make(processes(), './childTasks.ts', { size: 3 })
  await pool.start()
  const before = pool.pids
  pool.resize(1)
  await until('two have ended', () => before.filter(isAlive).length === 1)
  expect(pool.pids).toEqual(before.filter(isAlive))
})
