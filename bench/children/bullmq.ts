/* The entry of one child process that works with BullMQ, on ioredis with its own defaults: both the fastest of what it offers. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { CONCURRENCY, type Order } from '../harness/order.ts'
import { bullmqFlow, type Data, type FlowProducer, type Job, processJob } from './bullmqFlow.ts'
import { callEach } from './calls.ts'
import { type Roles, runProgram } from './program.ts'

interface Connected {
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}
interface Queue extends Connected {
  add(name: string, data: Data): Promise<Job>
  addBulk(jobs: { name: string; data: Data }[]): Promise<Job[]>
  setMaxListeners(count: number): void
}
interface Worker extends Connected {
  run(): Promise<void>
  on(event: 'completed', listener: () => void): void
  on(event: 'error', listener: (error: Error) => void): void
}
/** What is used of BullMQ. */
interface BullMQ {
  readonly Queue: new (name: string, options: object) => Queue
  readonly FlowProducer: new (options: object) => FlowProducer
  readonly QueueEvents: new (name: string, options: object) => Connected
  readonly Worker: new (name: string, run: (job: Job) => Promise<unknown>, options: object) => Worker
}

const QUEUE = 'bench'
const BULK = 1000

await runProgram(async ({ url, folder, ...order }: Order): Promise<Roles> => {
  const { role } = order
  const bullmq = createRequire(join(folder, 'package.json'))('bullmq') as BullMQ
  const { hostname: host, port } = new URL(url)
  const connection = { host, port: Number(port) }
  const queue = new bullmq.Queue(QUEUE, { connection })
  // Each job of a group that is awaited listens to it.
  queue.setMaxListeners(0)
  // From the first event on: one that comes before it reads for the first time would be lost, and the call never end.
  const awaits = role === 'ask' || role === 'flow'
  const events = awaits ? new bullmq.QueueEvents(QUEUE, { connection, lastEventId: '0-0' }) : undefined
  const producer = role === 'flow' ? new bullmq.FlowProducer({ connection }) : undefined
  await Promise.all([queue, events, producer].map((one) => one?.waitUntilReady()))
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
      const concurrency = (order.role === 'work' && order.concurrency) || CONCURRENCY
      const process = (job: Job): Promise<unknown> => processJob(job, run)
      const worker = new bullmq.Worker(QUEUE, process, { connection, concurrency, autorun: false })
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
    ...(producer &&
      events && {
        flow: bullmqFlow({ queueName: QUEUE, producer, events, addBulk: (jobs) => queue.addBulk(jobs) }),
      }),
    async close() {
      await producer?.close()
      await events?.close()
      await queue.close()
    },
  }
})
