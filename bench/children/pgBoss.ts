/*
 * The entry of one child process that works with pg-boss: four workers that take batches. They are notified of new jobs where
 * that is faster, which is where they are idle: a notification makes each call slower.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Order } from '../harness/order.ts'
import { callEach, sendInBulk } from './calls.ts'
import { type Roles, runProgram } from './program.ts'

interface Data {
  readonly n: number
}
interface Boss {
  on(event: 'error', listener: (error: Error) => void): void
  start(): Promise<unknown>
  createQueue(name: string, options: object): Promise<void>
  send(name: string, data: Data): Promise<unknown>
  insert(name: string, jobs: readonly { readonly data: Data }[]): Promise<unknown>
  work(
    name: string,
    options: object,
    run: (jobs: readonly { readonly data: Data }[]) => Promise<void>,
  ): Promise<unknown>
  stop(options: object): Promise<void>
}

const QUEUE = 'bench'
const BATCH = 200
const WORKERS = 4

type WithBatch = Order & { readonly batch?: number }

await runProgram(async ({ url, folder, role, batch = BATCH }: WithBatch): Promise<Roles> => {
  const entry = pathToFileURL(join(folder, 'node_modules/pg-boss/dist/index.js')).href
  const { PgBoss } = (await import(entry)) as { readonly PgBoss: new (options: object) => Boss }
  const notify = ['work', 'ask', 'idle'].includes(role)
  const boss = new PgBoss({ connectionString: url, useListenNotify: notify })
  boss.on('error', (error) => {
    throw error
  })
  await boss.start()
  await boss.createQueue(QUEUE, { notify })
  const submit = (n: number): Promise<unknown> => boss.send(QUEUE, { n })
  const enqueueMany = (tasks: readonly number[]): Promise<unknown> =>
    boss.insert(
      QUEUE,
      tasks.map((n) => ({ data: { n } })),
    )
  return {
    fill: (tasks) => sendInBulk(tasks, enqueueMany),
    enqueue: (pace, inFlight) => callEach(pace, inFlight, submit),
    enqueueMany,
    submit,
    async work(run, done) {
      const options = { batchSize: batch, localConcurrency: WORKERS, burstWhenBatchFull: true }
      await boss.work(QUEUE, options, async (jobs) => {
        for (const { data } of jobs) run(data.n)
        // They are completed when this returns; nothing says so but the next batch.
        done(jobs.length)
      })
      return { stop: async () => undefined }
    },
    close: () => boss.stop({ graceful: true }),
  }
})
