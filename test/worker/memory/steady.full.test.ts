import { describe, expect, it } from 'vitest'
import type { PoolKind } from '../../../src/worker/worker.ts'
import { onEachStore } from '../../app/lab.ts'
import { slope } from './slope.ts'
import { WorkerProcess } from './workerProcess.ts'

const POOLS: readonly PoolKind[] = ['inline', 'threads', 'processes', 'solo']
/** The allocator of Node takes so many tasks until it has what it needs. */
const WARM_UP = 100_000
const WINDOWS = 10
const WINDOW = 10_000
const MB = 1024 ** 2
/** Every test sends some 200,000 tasks. */
const TIMEOUT = { timeout: 900_000 }

/** How much each measure grows in 100,000 runs of a task, MB: RSS and heap of the worker, and of its child. */
async function growth(worker: WorkerProcess, task: string): Promise<Record<string, number>> {
  await worker.run(task, WARM_UP)
  const usages: Record<string, number[]> = { rss: [], heap: [], childRss: [], childHeap: [] }
  for (let window = 0; window < WINDOWS; window++) {
    await worker.run(task, WINDOW)
    const child = await worker.childUsage()
    const own = await worker.usage()
    const now = { rss: own.rss, heap: own.heap, childRss: child.rss, childHeap: child.heap }
    for (const [name, value] of Object.entries(now)) usages[name]?.push(value / MB)
  }
  return Object.fromEntries(Object.entries(usages).map(([name, values]) => [name, slope(values) * (100_000 / WINDOW)]))
}

onEachStore(
  (lab, kind) => {
    // RabbitMQ is not measured.
    describe.skipIf(kind === 'rabbitmq')('a worker whose children are not replaced does not grow', () => {
      it.each(POOLS)('pool %s', TIMEOUT, async (pool) => {
        const size = pool === 'threads' || pool === 'processes' ? { concurrency: 1 } : {}
        const grown = await growth(await WorkerProcess.start(lab(), { pool, ...size }), 'nothing')
        console.log(`${kind}, ${pool}: MB in 100,000 tasks: ${JSON.stringify(grown)}`)
        expect(Math.max(grown.rss as number, grown.childRss as number)).toBeLessThan(5)
        expect(Math.max(grown.heap as number, grown.childHeap as number)).toBeLessThan(1)
      })
    })

    it.runIf(kind === 'sqlite')('a task that keeps 100 bytes is noticed', TIMEOUT, async () => {
      const grown = await growth(await WorkerProcess.start(lab(), {}), 'hoard')
      expect(grown.rss).toBeGreaterThan(5)
      expect(grown.heap).toBeGreaterThan(5)
    })
  },
  { memory: false },
)
