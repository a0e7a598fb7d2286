/* The entry of one child process that works with BullMQ, on ioredis with its own defaults: both the fastest of what it offers. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { CONCURRENCY, type Order } from '../harness/order.ts'
import { callEach } from './calls.ts'
import { type Roles, runProgram } from './program.ts'

interface Connected {
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}
interface Data {
  readonly n: number
}
interface Queue extends Connected {
  add(name: string, data: Data): Promise<{ waitUntilFinished(events: Connected, patience: number): Promise<unknown> }>
  addBulk(jobs: { name: string; data: Data }[]): Promise<unknown>
}
interface Worker extends Connected {
  run(): Promise<void>
  on(event: 'completed', listener: () => void): void
  on(event: 'error', listener: (error: Error) => void): void
}
/** What is used of BullMQ. */
interface BullMQ {
  readonly Queue: new (name: string, options: object) => Queue
  readonly QueueEvents: new (name: string, options: object) => Connected
  readonly Worker: new (name: string, run: (job: { data: Data }) => Promise<unknown>, options: object) => Worker
}

const QUEUE = 'bench'
const BULK = 1000

await runProgram(async ({ url, folder, role }: Order): Promise<Roles> => {
  const bullmq = createRequire(join(folder, 'package.json'))('bullmq') as BullMQ
  const { hostname: host, port } = new URL(url)
  const connection = { host, port: Number(port) }
  const queue = new bullmq.Queue(QUEUE, { connection })
  // From the first event on: one that comes before it reads for the first time would be lost, and the call never end.
  const events = role === 'ask' ? new bullmq.QueueEvents(QUEUE, { connection, lastEventId: '0-0' }) : undefined
  await Promise.all([queue, events].map((one) => one?.waitUntilReady()))
  return {
    async fill(tasks) {
      for (let from = 0; from < tasks; from += BULK) {
        const jobs = Array.from({ length: Math.min(BULK, tasks - from) }, (_, index) => from + index)
        await queue.addBulk(jobs.map((n) => ({ name: 'noop', data: { n } })))
      }
    },
    enqueue: (pace, inFlight) => callEach(pace, inFlight, (n) => queue.add('noop', { n })),
    async ask(n) {
      if (!events) throw new Error('expected the role ask')
      await (await queue.add('noop', { n })).waitUntilFinished(events, 30_000)
    },
    async work(run, done) {
      const process = async ({ data }: { data: Data }): Promise<null> => {
        run(data.n)
        return null
      }
      const worker = new bullmq.Worker(QUEUE, process, { connection, concurrency: CONCURRENCY, autorun: false })
      worker.on('error', (error) => {
        throw error
      })
      worker.on('completed', () => done())
      await worker.waitUntilReady()
      const running = worker.run()
      return {
        async stop() {
          await worker.close()
          await running
        },
      }
    },
    async close() {
      await events?.close()
      await queue.close()
    },
  }
})
