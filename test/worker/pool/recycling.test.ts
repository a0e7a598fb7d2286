import { describe, expect, it, onTestFinished } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { jobOf } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import type { ChildKind } from '../../../src/worker/pool/child/host.ts'
import { ChildPool, type ChildPoolOptions } from '../../../src/worker/pool/child/pool.ts'
import { processes } from '../../../src/worker/pool/processes/process.ts'
import { threads } from '../../../src/worker/pool/threads/thread.ts'
import { inFull } from '../../tier.ts'

const module = new URL('./childTasks.ts', import.meta.url).href

/** Runs one job; its result. */
type Run = (task: string, args?: readonly unknown[]) => Promise<unknown>

async function openPool(kind: ChildKind, options: Omit<ChildPoolOptions, 'module'>): Promise<Run> {
  const app = new App({ broker: 'memory:', logger: createLogger('silent') })
  const pool = new ChildPool(app, kind, { module, ...options })
  onTestFinished(async () => {
    await pool.stop()
    await app.close()
  })
  await pool.start()
  let count = 0
  return async (task, args = []) => {
    const never = new AbortController().signal
    const job = jobOf(`job-${++count}`, task, args)
    const outcome = await pool.run(job, { signal: never, kill: never, report: () => undefined })
    if (outcome.kind !== 'success') throw new Error(JSON.stringify(outcome))
    return outcome.result
  }
}

describe.each([processes(), ...inFull(threads())])('recycling of $plural', (kind) => {
  const open = (options: Omit<ChildPoolOptions, 'module'>): Promise<Run> => openPool(kind, options)

  /** Which child ran it. */
  const childOf = (where: unknown): string => {
    const { thread, pid } = where as { thread: number; pid: number }
    return `${pid}.${thread}`
  }

  it('a child runs no more than maxTasks jobs, and its slot is filled again', async () => {
    const run = await open({ size: 1, maxTasks: 3 })
    const children: string[] = []
    for (let at = 0; at < 7; at++) children.push(childOf(await run('where')))
    expect(new Set(children).size).toBe(3)
    expect([0, 3].map((from) => new Set(children.slice(from, from + 3)).size)).toEqual([1, 1])
  })

  it('each job has a child of its own with maxTasks 1, of jobs at once, too', async () => {
    const run = await open({ size: 2, maxTasks: 1 })
    const children = await Promise.all(Array.from({ length: 6 }, async () => childOf(await run('where'))))
    expect(new Set(children).size).toBe(6)
  })

  it('a child that uses more than maxMemory after a job is replaced', async () => {
    const used = (await (await open({ size: 1 }))('memory')) as { heap: number; rss: number }
    const maxMemory = (kind.noun === 'thread' ? used.heap : used.rss) + 100e6
    const run = await open({ size: 1, maxMemory })
    const first = childOf(await run('where'))
    expect(childOf(await run('where'))).toBe(first)
    await run('keep', [200])
    expect(childOf(await run('where'))).not.toBe(first)
  })

  it('a job that ends its child early lets the successor take over', async () => {
    const run = await open({ size: 1, maxTasks: 2 })
    await run('where')
    await expect(run('leaveNow')).rejects.toThrow('WorkerLostError')
    expect(await run('where')).toMatchObject({ pid: expect.any(Number) })
  })
})

it('a process that was replaced ends', async () => {
  const run = await openPool(processes(), { size: 1, maxTasks: 2 })
  const pids = new Set<number>()
  for (let at = 0; at < 4; at++) pids.add(((await run('where')) as { pid: number }).pid)
  expect(pids.size).toBe(2)
  const runs = (pid: number): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  await until('both have ended', () => ![...pids].some(runs))
})
