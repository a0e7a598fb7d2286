import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker as Thread } from 'node:worker_threads'
import { Hono } from 'hono'
import type { App } from '../../src/app/app.ts'
import { internalsOf } from '../../src/app/internals.ts'
import { Beat } from '../../src/beat/beat.ts'
import { schedulesOf } from '../../src/beat/schedules.ts'
import { every } from '../../src/beat/when/every.ts'
import type { Broker, Consumer } from '../../src/broker/broker.ts'
import { Control } from '../../src/control/control.ts'
import { NodeServer } from '../../src/http/server/nodeServer.ts'
import { createLogger } from '../../src/std/log.ts'
import { Lifecycle, type Service } from '../../src/std/service.ts'
import { Stop } from '../../src/std/stopSignal.ts'
import { ControlListener } from '../../src/worker/control/listener.ts'
import { openPool, type PoolOptions } from '../../src/worker/pool/open.ts'
import type { Pool } from '../../src/worker/pool/pool.ts'
import { WorkerState } from '../../src/worker/state.ts'
import { Worker } from '../../src/worker/worker.ts'
import type { Lab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

/** Writes every line, to nowhere: a service that logs listens to signals. */
const logger = createLogger('info', { write: () => undefined })

/** The error of a start that a test makes fail. */
export class Injected extends Error {}

/** A service, and what a test must know of it. */
export interface Subject {
  readonly service: Service
  /** From now on starts fail, or succeed. */
  fail(fails: boolean): void
  /** Parts that it has open: above 0 while it runs, unless it opens none. */
  open(): number | Promise<number>
  readonly opensNone?: boolean
  /** Rejects unless it does what it is for. */
  use(): Promise<unknown>
}

/** Counts the consumers of a broker, and refuses new ones on demand: each, or but the first of a start. */
class Consumers {
  fails = false
  open = 0
  #asked = 0

  constructor(broker: Broker) {
    const consume = broker.consume.bind(broker)
    broker.consume = async (queues, options) => {
      // Of the two consumers of a worker, now the first is refused and now the second.
      if (this.fails && this.#asked++ % 3 !== 0) throw new Injected('no consumer')
      return this.#counted(await consume(queues, options))
    }
  }

  #counted(consumer: Consumer): Consumer {
    const release = consumer.release.bind(consumer)
    let released = false
    this.open++
    consumer.release = async () => {
      if (!released) this.open--
      released = true
      await release()
    }
    return consumer
  }
}

export async function workerSubject(lab: Lab): Promise<Subject> {
  const app = lab.app({ logger })
  const add = app.task('add', (x: number, y: number) => x + y)
  const consumers = new Consumers((await storesOf(app)).broker)
  const worker = new Worker(app, { grace: 100 })
  return {
    service: worker,
    fail(fails) {
      consumers.fails = fails
    },
    open: () => consumers.open + worker.busy + listeners(app),
    use: async () => {
      if ((await add.delay(1, 2).get({ timeout: 20_000 })) !== 3) throw new Error('a wrong sum')
    },
  }
}

/** Listeners that a log of the app has: none is left when all have stopped. */
function listeners(app: App): number {
  return Number(app.signals.has('worker:ready')) + Number(app.signals.has('beat:ready'))
}

export async function listenerSubject(lab: Lab): Promise<Subject> {
  const app = lab.app()
  const { broker } = await storesOf(app)
  const consumers = new Consumers(broker)
  const internals = internalsOf(app)
  app.on('worker:error', ({ error }) => {
    throw error
  })
  const service = new ControlListener({
    worker: new Worker(app, { hostname: 'celeriac@subject', logger: false }),
    app: { ...internals, stores: async () => ({ ...(await internals.stores()), broker }) },
    allowed: true,
    state: new WorkerState(),
    turns: () => undefined,
    timeLimits: {},
    profileFolder: undefined,
    revokeGrace: 0,
    intake: () => undefined,
    retract: () => undefined,
  })
  return {
    service,
    fail(fails) {
      consumers.fails = fails
    },
    open: () => consumers.open,
    use: async () => {
      const answers = await new Control(app).ping({ destination: ['celeriac@subject'], timeout: '20s' })
      if (answers.length !== 1) throw new Error('no answer')
    },
  }
}

export async function consumerSubject(lab: Lab): Promise<Subject> {
  const app = lab.app()
  const { broker } = await storesOf(app)
  const consumers = new Consumers(broker)
  let consumer: Consumer | undefined
  const service = new Lifecycle(async (run) => {
    consumer = await broker.consume([{ name: 'celery' }], { prefetch: 1, name: 'subject' })
    run.defer(consumer.release.bind(consumer))
    // Each twice, and at once: both are idempotent.
    run.defer(() => Promise.all([consumer?.close(), consumer?.close(), consumer?.release()]))
  })
  return {
    service,
    fail(fails) {
      consumers.fails = fails
    },
    open: () => consumers.open,
    use: async () => {
      await app.send('any')
      for await (const delivery of consumer as Consumer) {
        await delivery.ack()
        return
      }
      throw new Error('it has ended')
    },
  }
}

export async function beatSubject(lab: Lab): Promise<Subject> {
  const app = lab.app({ logger })
  const tick = app.task('tick', () => 'tock')
  const schedules = schedulesOf(app)
  schedules.define('often', every('100ms'), tick)
  const store = await schedules.store()
  const onChange = store.onChange.bind(store)
  const list = store.list.bind(store)
  let fails = false
  let open = 0
  let asked = 0
  store.list = async () => {
    if (fails && asked++ % 2 === 0) throw new Injected('no list')
    return list()
  }
  store.onChange = async (listener) => {
    if (fails) throw new Injected('no subscription')
    const end = await onChange(listener)
    open++
    return async () => {
      open--
      await end()
    }
  }
  return {
    service: new Beat(app),
    fail(on) {
      fails = on
    },
    open: () => open + listeners(app),
    use: () => new Promise<void>((resolve) => app.on('beat:sent', () => resolve())),
  }
}

export async function serverSubject(): Promise<Subject> {
  const api = new Hono()
  api.get('/', (c) => c.text('here'))
  const options = { host: '127.0.0.1', port: 0, hosts: undefined, accessLog: undefined, requestTimeout: 60_000 }
  const service = new NodeServer(api, options)
  return {
    service,
    fail(fails) {
      options.port = fails ? 65_536 : 0
    },
    open: () => answers(service.url).then(Number, () => 0),
    use: async () => {
      if (!(await answers(service.url))) throw new Error('a wrong answer')
    },
  }
}

/** Rejects where nothing listens. */
async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { headers: { connection: 'close' } })
  return (await response.text()) === 'here'
}

function poolSubject(app: App, options: PoolOptions, fail: Subject['fail'], open: () => number): Subject {
  const pool = openPool(internalsOf(app), options)
  return { service: pool, fail, open: () => pool.busy + open(), use: () => runOne(pool) }
}

async function runOne(pool: Pool): Promise<void> {
  const job = {
    id: 'job',
    task: 'add',
    args: [1, 2],
    kwargs: {},
    retries: 0,
    queue: '',
    redelivered: false,
    lost: 0,
    headers: {},
    parentId: undefined,
    rootId: 'job',
    hostname: 'subject',
  }
  const outcome = await pool.run(job, { signal: new Stop(), kill: new Stop(), report: () => undefined })
  if (outcome.kind !== 'success') throw new Error(`it ended with ${JSON.stringify(outcome)}`)
}

export async function inlineSubject(lab: Lab): Promise<Subject> {
  const app = lab.app()
  app.task('add', (x: number, y: number) => x + y)
  const subject = poolSubject(
    app,
    { pool: 'inline' },
    () => undefined,
    () => 0,
  )
  return { ...subject, opensNone: true }
}

/** Threads whose module throws while a file says so. */
export async function threadsSubject(lab: Lab): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'lifecycle-'))
  lab.after(() => rmSync(folder, { recursive: true }))
  const module = join(folder, 'tasks.ts')
  const source = new URL('../../src/app/app.ts', import.meta.url).href
  const text = (fails: boolean): string => `import { App } from '${source}'
    if (${fails}) throw new RangeError('broken on purpose')
    export const app = new App({ broker: 'memory:' })
    app.task('add', (x: number, y: number) => x + y)`
  const write = (fails: boolean): void => writeFileSync(module, text(fails))
  write(false)
  let threads = 0
  const count = (thread: Thread): void => {
    threads++
    thread.once('exit', () => threads--)
  }
  process.on('worker', count)
  lab.after(() => process.off('worker', count))
  return poolSubject(lab.app(), { pool: 'threads', concurrency: 2, module }, write, () => threads)
}
