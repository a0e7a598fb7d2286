/* The entry of one child process that works with BullMQ, on ioredis with its own defaults: both the fastest of what it offers. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { callMany, roundTripsOf, sendMany } from '../calls.ts'
import { type Cost, stopwatch } from '../embedded/stopwatch.ts'
import { type Ask, CONCURRENCY, type Drain, type Enqueue, type Order } from './order.ts'

interface Connected {
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}
interface Queue extends Connected {
  add(
    name: string,
    data: unknown,
  ): Promise<{ waitUntilFinished(events: Connected, patience: number): Promise<unknown> }>
  addBulk(jobs: { name: string; data: unknown }[]): Promise<unknown>
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
  readonly Worker: new (name: string, run: () => Promise<unknown>, options: object) => Worker
}

const QUEUE = 'bench'
const order = JSON.parse(process.argv[2] ?? '') as Order
const { hostname: host, port } = new URL(order.url)
const connection = { host, port: Number(port) }
const installed = join(order.folder, 'node_modules')
const bullmq = createRequire(join(order.folder, 'package.json'))('bullmq') as BullMQ

async function enqueue(queue: Queue, { tasks, inFlight }: Enqueue): Promise<Cost> {
  await queue.add('noop', {})
  const stop = stopwatch()
  await callMany(tasks - 1, inFlight, () => queue.add('noop', {}))
  return stop(tasks)
}

async function fill(queue: Queue, tasks: number): Promise<void> {
  await sendMany(tasks, (some) => queue.addBulk(Array.from({ length: some }, () => ({ name: 'noop', data: {} }))))
}

function openWorker(): Worker {
  const worker = new bullmq.Worker(QUEUE, async () => null, { connection, concurrency: CONCURRENCY, autorun: false })
  worker.on('error', (error) => {
    throw error
  })
  return worker
}

async function drain({ tasks, warmup }: Drain): Promise<Cost> {
  const worker = openWorker()
  let done = -warmup
  let stop = stopwatch()
  const finished = new Promise<Cost>((resolve) => {
    worker.on('completed', () => {
      done++
      if (done === 0) stop = stopwatch()
      if (done === tasks) resolve(stop(tasks))
    })
  })
  await worker.waitUntilReady()
  const running = worker.run()
  const cost = await finished
  await worker.close()
  await running
  return cost
}

async function work(say: (message: unknown) => void): Promise<void> {
  const worker = openWorker()
  await worker.waitUntilReady()
  const running = worker.run()
  const gone = once(process, 'disconnect')
  say('ready')
  await gone
  await worker.close()
  await running
}

async function ask(queue: Queue, order: Ask): Promise<number[]> {
  // From the first event on: one that comes before it reads for the first time would be lost, and the call never end.
  const events = new bullmq.QueueEvents(QUEUE, { connection, lastEventId: '0-0' })
  await events.waitUntilReady()
  const call = async (): Promise<unknown> => (await queue.add('noop', {})).waitUntilFinished(events, 30_000)
  const roundTrips = await roundTripsOf(call, order)
  await events.close()
  return roundTrips
}

function version(): string {
  const of = (name: string): string => {
    const text = readFileSync(join(installed, name, 'package.json'), 'utf8')
    return `${name} ${(JSON.parse(text) as { version: string }).version}`
  }
  return `${of('bullmq')} on ${of('ioredis')}`
}

async function main(): Promise<void> {
  const say = (message: unknown): void => void process.send?.(message)
  const queue = new bullmq.Queue(QUEUE, { connection })
  if (order.role === 'version') say(version())
  else if (order.role === 'enqueue') say(await enqueue(queue, order))
  else if (order.role === 'fill') say(await fill(queue, order.tasks).then(() => 'filled'))
  else if (order.role === 'drain') say(await drain(order))
  else if (order.role === 'ask') say(await ask(queue, order))
  else await work(say)
  await queue.close()
}

await main()
if (process.connected) process.disconnect()
