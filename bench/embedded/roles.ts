/* The entry of one child process: does what its order says and sends the figures to its parent. */
import { once } from 'node:events'
import { type App, Celeriac, createLogger } from 'celeriac'
import { Worker } from 'celeriac/worker'
import { callMany, roundTripsOf, sendMany } from '../calls.ts'
import { type Cost, stopwatch } from './stopwatch.ts'

/** What a child process is asked to do. `store` is the path of the SQLite file. */
export type Order =
  | { readonly role: 'enqueue'; readonly store: string; readonly tasks: number; readonly inFlight: number }
  | { readonly role: 'fill'; readonly store: string; readonly tasks: number }
  | { readonly role: 'drain'; readonly store: string; readonly tasks: number; readonly warmup: number }
  | { readonly role: 'worker'; readonly store: string }
  | { readonly role: 'ask'; readonly store: string; readonly tasks: number; readonly pause: number }

/** A sample of a worker's memory: tasks done so far, resident bytes. */
export type RssSample = readonly [done: number, bytes: number]

export interface Drained extends Cost {
  readonly rss: readonly RssSample[]
}

/** Round trips, sorted, ms. */
export interface Asked {
  readonly roundTrips: readonly number[]
}

const SAMPLE_EVERY = 250

function open(store: string) {
  const app = new Celeriac({ broker: `sqlite:${store}`, logger: createLogger('error') })
  const noop = app.task('bench.noop', () => null)
  app.on('worker:error', ({ error }) => {
    throw error
  })
  return { app, noop }
}

type Noop = ReturnType<typeof open>['noop']

async function enqueue(app: App, noop: Noop, tasks: number, inFlight: number): Promise<Cost> {
  await app.connect()
  const stop = stopwatch()
  await callMany(tasks, inFlight, () => noop.delay())
  return stop(tasks)
}

async function fill(noop: Noop, tasks: number): Promise<Cost> {
  const stop = stopwatch()
  await sendMany(tasks, (some) => noop.delayMany(Array.from({ length: some }, () => [] as [])))
  return stop(tasks)
}

/** From the worker's ready signal, or the end of the warm-up, to the last stored result. */
async function drain(app: App, tasks: number, warmup: number): Promise<Drained> {
  const worker = new Worker(app, { pool: 'inline', concurrency: 100 })
  const rss: RssSample[] = []
  let done = -warmup
  let stop = stopwatch()
  const start = (): void => {
    stop = stopwatch()
    sample()
  }
  const sample = (): void => void rss.push([done, process.memoryUsage.rss()])
  if (warmup === 0) app.on('worker:ready', start)
  const finished = new Promise<Cost>((resolve) => {
    app.on('task:success', () => {
      done++
      if (done === 0) start()
      if (done === tasks) resolve(stop(tasks))
    })
  })
  await worker.start()
  const sampling = setInterval(sample, SAMPLE_EVERY)
  const cost = await finished
  clearInterval(sampling)
  sample()
  await worker.stop()
  return { ...cost, rss: rss.filter(([at]) => at >= 0) }
}

async function ask(noop: Noop, tasks: number, pause: number): Promise<Asked> {
  return { roundTrips: await roundTripsOf(() => noop.delay().get({ timeout: '30s' }), { tasks, pause }) }
}

/** A worker that runs until its parent lets go. */
async function work(app: App, say: (message: unknown) => void): Promise<void> {
  const worker = new Worker(app, { pool: 'inline', concurrency: 100 })
  await worker.start()
  const gone = once(process, 'disconnect')
  say('ready')
  await gone
  await worker.stop()
}

async function main(order: Order): Promise<void> {
  const { app, noop } = open(order.store)
  const say = (message: unknown): void => void process.send?.(message)
  if (order.role === 'enqueue') say(await enqueue(app, noop, order.tasks, order.inFlight))
  else if (order.role === 'fill') say(await fill(noop, order.tasks))
  else if (order.role === 'drain') say(await drain(app, order.tasks, order.warmup))
  else if (order.role === 'ask') say(await ask(noop, order.tasks, order.pause))
  else await work(app, say)
  await app.close()
}

await main(JSON.parse(process.argv[2] ?? '') as Order)
