/* The entry of one child process that works with a pool of celeriac. */
import { readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Order } from '../harness/order.ts'
import { sendInBulk } from './calls.ts'
import { loadCeleriac } from './load.ts'
import { type PoolOrder, RUNS_FILE, type Scene } from './poolScene.ts'
import { type Roles, runProgram } from './program.ts'

await runProgram(async (order: Order): Promise<Roles> => {
  const { url, backend, root } = order
  const { pool, slots, cpu = 0, wait = 0, first = 0, recycle } = order as unknown as PoolOrder
  const ledger = 'ledger' in order ? order.ledger : ''
  process.env.BENCH_POOL = JSON.stringify({ url, backend, root, ledger } satisfies Scene)
  const { Worker } = await loadCeleriac(root)
  const { app, pooled } = await import('./poolTasks.ts')
  app.on('worker:error', ({ error }) => {
    throw error
  })
  return {
    fill: (tasks) => sendInBulk(tasks, (numbers) => pooled.delayMany(numbers.map((task) => [task, cpu, wait]))),
    async enqueue() {
      throw new Error('a pool is no client')
    },
    ask: (task) => pooled.delay(first + task, cpu, wait).get({ timeout: '30s' }),
    async work(run, done, begin) {
      app.on('task:prerun', begin)
      app.on('task:success', () => done())
      const module = fileURLToPath(new URL('./poolTasks.ts', import.meta.url))
      const worker = new Worker(app, { pool, concurrency: slots, module, maxTasksPerChild: recycle })
      await worker.start()
      return {
        async stop() {
          await worker.stop()
          for (const task of runsOf(ledger)) run(task)
        },
      }
    },
    close: () => app.close(),
  }
})

/** The runs of all children, which have ended. */
function runsOf(ledger: string): Uint32Array {
  const bytes = readFileSync(ledger + RUNS_FILE)
  rmSync(ledger + RUNS_FILE)
  return new Uint32Array(Uint8Array.from(bytes).buffer)
}
