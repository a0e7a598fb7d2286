/*
 * The entry of one child process that works with BullMQ: on Redis by ioredis with its own defaults, both the fastest of what it
 * offers, or on PostgreSQL.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { CONCURRENCY, type Order } from '../harness/order.ts'
import { bullmqFlow, type Data, type FlowProducer, type Job, processJob } from './bullmqFlow.ts'
import { callEach, sendInBulk } from './calls.ts'
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
  readonly Queue: new (name: string, options: object, backend?: object) => Queue
  readonly FlowProducer: new (options: object, backend?: object) => FlowProducer
  readonly QueueEvents: new (name: string, options: object, backend?: object) => Connected
  readonly Worker: new (name: string, run: (job: Job) => Promise<unknown>, options: object, backend?: object) => Worker
  readonly createPostgresBackend: object
}

const QUEUE = 'bench'

/** `limiter`: BullMQ's, of all workers of the queue. */
type Given = Order & { readonly limiter?: { readonly max: number; readonly duration: number } }

await runProgram(async ({ url, folder, limiter, ...order }: Given): Promise<Roles> => {
  const { role } = order
  const bullmq = createRequire(join(folder, 'package.json'))('bullmq') as BullMQ
  const { protocol, hostname: host, port } = new URL(url)
  const onPostgres = protocol === 'postgres:'
  const connection = onPostgres ? { connectionString: url, migrate: true } : { host, port: Number(port) }
  const backend = onPostgres ? bullmq.createPostgresBackend : undefined
  const queue = new bullmq.Queue(QUEUE, { connection }, backend)
  // Each job of a group that is awaited listens to it.
  queue.setMaxListeners(0)
  // From the first event on: one that comes before it reads for the first time would be lost, and the call never end.
  const awaits = role === 'ask' || role === 'flow'
  const events = awaits
    ? new bullmq.QueueEvents(QUEUE, { connection, lastEventId: onPostgres ? '0' : '0-0' }, backend)
    : undefined
  const producer = role === 'flow' ? new bullmq.FlowProducer({ connection }, backend) : undefined
  await Promise.all([queue, events, producer].map((one) => one?.waitUntilReady()))
  const submit = (n: number): Promise<Job> => queue.add('noop', { n })
  const enqueueMany = (tasks: readonly number[]): Promise<unknown> =>
    queue.addBulk(tasks.map((n) => ({ name: 'noop', data: { n } })))
  return {
    fill: (tasks) => sendInBulk(tasks, enqueueMany),
    enqueue: (pace, inFlight) => callEach(pace, inFlight, submit),
    enqueueMany,
    submit,
    async ask(n) {
      if (!events) throw new Error('expected the role ask')
      await (await submit(n)).waitUntilFinished(events, 30_000)
    },
    async work(run, done) {
      const concurrency = (order.role === 'work' && order.concurrency) || CONCURRENCY
      const process = (job: Job): Promise<unknown> => processJob(job, run)
      const worker = new bullmq.Worker(
        QUEUE,
        process,
        { connection, concurrency, autorun: false, ...(limiter && { limiter }) },
        backend,
      )
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
