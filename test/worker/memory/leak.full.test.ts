import { describe, expect, it } from 'vitest'
import { onEachStore } from '../../app/lab.ts'
import { WorkerProcess } from './workerProcess.ts'

const LEAKS = 1000
const ROUND = 50
const MB = 1024 ** 2
/** A child may leak some 50 MB beside what it uses anyhow: of a process all counts, of a thread heap and buffers. */
const LIMITS = { processes: 190, threads: 65 } as const

onEachStore(
  (lab) => {
    describe('a task that leaks 1 MB, where a child is replaced at a limit', () => {
      it.each(['threads', 'processes'] as const)('pool %s', { timeout: 600_000 }, async (pool) => {
        const maxMemoryPerChild = LIMITS[pool] * 1024
        const worker = await WorkerProcess.start(lab(), { pool, concurrency: 2, maxMemoryPerChild })
        await worker.run('nothing', 100)
        const before = (await worker.usage()).tree
        const places: string[] = []
        let most = 0
        while (places.length < LEAKS) {
          places.push(...(await worker.run<string>('leak', ROUND)))
          most = Math.max(most, (await worker.usage()).tree)
        }
        // None is lost, or runs twice: it would have ended its child before.
        expect(places).toHaveLength(LEAKS)
        const runs = [...Map.groupBy(places, (place) => place).values()].map(({ length }) => length)
        console.log(`${pool}: ${Math.round((most - before) / MB)} MB more at most, ${runs.length} children`)
        expect(runs.length).toBeGreaterThan(LEAKS / 200)
        // Two children and their successors.
        expect(most - before).toBeLessThan((2 * LIMITS[pool] + 200) * MB)
      })
    })
  },
  { memory: false },
)
