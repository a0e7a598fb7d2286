/* The entry of one child process that works with celeriac: does what its order says and sends the figures to its parent. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type App, Celeriac, createLogger } from 'celeriac'
import { Worker } from 'celeriac/worker'
import { callMany, roundTripsOf, sendMany } from '../calls.ts'
import { type Cost, stopwatch } from '../embedded/stopwatch.ts'
import { CONCURRENCY, type Drain, type Enqueue, type Order } from './order.ts'

function open({ url, backend = url }: Order) {
  const app = new Celeriac({ broker: url, backend, logger: createLogger('error') })
  const noop = app.task('bench.noop', () => null)
  app.on('worker:error', ({ error }) => {
    throw error
  })
  return { app, noop }
}

type Noop = ReturnType<typeof open>['noop']

async function enqueue(noop: Noop, { tasks, inFlight }: Enqueue): Promise<Cost> {
  await noop.delay()
  const stop = stopwatch()
  await callMany(tasks - 1, inFlight, () => noop.delay())
  return stop(tasks)
}

async function fill(noop: Noop, tasks: number): Promise<void> {
  await sendMany(tasks, (some) => noop.delayMany(Array.from({ length: some }, () => [] as [])))
}

async function drain(app: App, { tasks, warmup }: Drain): Promise<Cost> {
  const worker = new Worker(app, { pool: 'inline', concurrency: CONCURRENCY })
  let done = -warmup
  let stop = stopwatch()
  const finished = new Promise<Cost>((resolve) => {
    app.on('task:success', () => {
      done++
      if (done === 0) stop = stopwatch()
      if (done === tasks) resolve(stop(tasks))
    })
  })
  await worker.start()
  const cost = await finished
  await worker.stop()
  return cost
}

async function work(app: App, say: (message: unknown) => void): Promise<void> {
  const worker = new Worker(app, { pool: 'inline', concurrency: CONCURRENCY })
  await worker.start()
  const gone = once(process, 'disconnect')
  say('ready')
  await gone
  await worker.stop()
}

function version(): string {
  const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return `${name} ${version}`
}

async function main(order: Order): Promise<void> {
  const { app, noop } = open(order)
  const say = (message: unknown): void => void process.send?.(message)
  if (order.role === 'version') say(version())
  else if (order.role === 'enqueue') say(await enqueue(noop, order))
  else if (order.role === 'fill') say(await fill(noop, order.tasks).then(() => 'filled'))
  else if (order.role === 'drain') say(await drain(app, order))
  else if (order.role === 'ask') say(await roundTripsOf(() => noop.delay().get({ timeout: '30s' }), order))
  else await work(app, say)
  // Whoever closes in order takes the queue of its replies with it.
  if (order.role === 'fill' && order.backend === 'rpc://') {
    await once(process, 'disconnect')
    process.exit()
  }
  await app.close()
}

await main(JSON.parse(process.argv[2] ?? '') as Order)
if (process.connected) process.disconnect()
