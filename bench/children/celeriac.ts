/* The entry of one child process that works with celeriac, on any store. */
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { CONCURRENCY, type Order } from '../harness/order.ts'
import { callEach, sendInBulk } from './calls.ts'
import { celeriacFlow } from './celeriacFlow.ts'
import { loadCeleriac } from './load.ts'
import { type Roles, runProgram } from './program.ts'
import { countCalls } from './statements.ts'
import type { Telemetry } from './telemetry.ts'

/** `keys`: each task has a rate and a concurrency limit by one of so many keys, which hold up none. */
type Given = Order & { readonly telemetry?: Telemetry; readonly taskEvents?: boolean; readonly keys?: number }

/** Options of a task with limits by key. */
function limitsBy(keys: number): object {
  const key = (task: number): string => String(task % keys)
  return { rateLimit: { limit: '1000000/s', burst: 10_000, key }, concurrency: { limit: 100, key } }
}

await runProgram(
  async ({ url, backend, root, telemetry, taskEvents = false, keys, ...order }: Given): Promise<Roles> => {
    const { role } = order
    const celeriac = await loadCeleriac(root)
    const { Celeriac, createLogger, Worker } = celeriac
    const operations = url.startsWith('sqlite:')
      ? countCalls([
          [DatabaseSync.prototype, ['exec']],
          [StatementSync.prototype, ['run', 'get', 'all', 'iterate']],
        ])
      : undefined
    const app = new Celeriac({ broker: url, backend, logger: createLogger('error') })
    if (telemetry !== undefined) await (await import('./telemetry.ts')).observe(app, root, telemetry)
    let onRun: (task: number) => void = () => undefined
    const run = (task: number): null => {
      onRun(task)
      return null
    }
    const noop = app.task('bench.noop', run, keys === undefined ? {} : limitsBy(keys))
    const flow = role === 'flow' || role === 'work' ? celeriacFlow(app, celeriac, (task) => onRun(task)) : undefined
    app.on('worker:error', ({ error }) => {
      throw error
    })
    if (role === 'enqueue') await app.connect()
    const submit = (task: number) => noop.delay(task)
    const enqueueMany = (tasks: readonly number[]): Promise<unknown> => noop.delayMany(tasks.map((task) => [task]))
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
