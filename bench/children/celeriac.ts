/* The entry of one child process that works with celeriac, on any store. */
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { CONCURRENCY, type Order } from '../harness/order.ts'
import { callEach, sendInBulk } from './calls.ts'
import { celeriacFlow } from './celeriacFlow.ts'
import { loadCeleriac } from './load.ts'
import { defineNoop } from './noop.ts'
import { type Roles, runProgram } from './program.ts'
import { countCalls } from './statements.ts'
import type { Telemetry } from './telemetry.ts'

interface More {
  readonly telemetry?: Telemetry
  readonly taskEvents?: boolean
  /** Most calls in one run of the task. */
  readonly batch?: number
  /** The task has a rate and a concurrency limit by one of so many keys, which hold up none. */
  readonly keys?: number
  /** Of the app. */
  readonly durability?: 'full'
}

await runProgram(
  async ({
    url,
    backend,
    root,
    telemetry,
    taskEvents = false,
    batch,
    keys,
    durability,
    ...order
  }: Order & More): Promise<Roles> => {
    const { role } = order
    const celeriac = await loadCeleriac(root)
    const { Celeriac, createLogger, Worker } = celeriac
    const operations = url.startsWith('sqlite:')
      ? countCalls([
          [DatabaseSync.prototype, ['exec']],
          [StatementSync.prototype, ['run', 'get', 'all', 'iterate']],
        ])
      : undefined
    const app = new Celeriac({ broker: url, backend, durability, logger: createLogger('error') })
    if (telemetry !== undefined) await (await import('./telemetry.ts')).observe(app, root, telemetry)
    let onRun: (task: number) => void = () => undefined
    const { submit, submitMany: enqueueMany } = defineNoop(app, (task) => onRun(task), { batch, keys })
    const flow = role === 'flow' || role === 'work' ? celeriacFlow(app, celeriac, (task) => onRun(task)) : undefined
    app.on('worker:error', ({ error }) => {
      throw error
    })
    if (role === 'enqueue') await app.connect()
    return {
      fill: (tasks) => sendInBulk(tasks, enqueueMany),
      enqueue: (pace, inFlight) => callEach(pace, inFlight, submit),
      enqueueMany,
      submit: async (task) => void (await submit(task)),
      ask: (task) => submit(task).get({ timeout: '30s' }),
      ...(flow && { flow }),
      async work(run, done) {
        onRun = run
        app.on('task:success', () => done())
        const concurrency = (order.role === 'work' && order.concurrency) || CONCURRENCY
        const worker = new Worker(app, { pool: 'inline', concurrency, taskEvents })
        await worker.start()
        return worker
      },
      ...(operations && { operations }),
      async close() {
        // An app that closes takes the queue of its replies with it.
        if (role === 'fill' && backend === 'rpc://') process.exit()
        await app.close()
      },
    }
  },
)
