/* The entry of one child process that works with graphile-worker, with the batches that its documentation on performance has. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { CONCURRENCY, type Order } from '../harness/order.ts'
import { callEach, sendInBulk } from './calls.ts'
import { type Roles, runProgram } from './program.ts'

interface Payload {
  readonly n: number
}
interface Utils {
  migrate(): Promise<void>
  addJob(task: string, payload: Payload): Promise<unknown>
  addJobs(jobs: readonly { readonly identifier: string; readonly payload: Payload }[]): Promise<unknown>
  release(): Promise<void>
}
interface Runner {
  readonly events: { on(event: 'job:complete', listener: () => void): void }
  stop(): Promise<void>
}
/** What is used of graphile-worker. */
interface GraphileWorker {
  readonly Logger: new (factory: () => () => void) => object
  makeWorkerUtils(options: object): Promise<Utils>
  run(options: object): Promise<Runner>
}

const TASK = 'noop'
/** Jobs that are locked at once, and ms until completions are sent together. */
const LOCAL_QUEUE = 500
const COMPLETE_AFTER_MS = 0

await runProgram(async ({ url, folder }: Order): Promise<Roles> => {
  const graphile = createRequire(join(folder, 'package.json'))('graphile-worker') as GraphileWorker
  const logger = new graphile.Logger(() => () => undefined)
  const utils = await graphile.makeWorkerUtils({ connectionString: url, logger })
  await utils.migrate()
  const submit = (n: number): Promise<unknown> => utils.addJob(TASK, { n })
  const enqueueMany = (tasks: readonly number[]): Promise<unknown> =>
    utils.addJobs(tasks.map((n) => ({ identifier: TASK, payload: { n } })))
  return {
    fill: (tasks) => sendInBulk(tasks, enqueueMany),
    enqueue: (pace, inFlight) => callEach(pace, inFlight, submit),
    enqueueMany,
    submit,
    async work(run, done) {
      const runner = await graphile.run({
        logger,
        noHandleSignals: true,
        taskList: { [TASK]: async ({ n }: Payload) => run(n) },
        preset: {
          worker: {
            connectionString: url,
            concurrentJobs: CONCURRENCY,
            localQueue: { size: LOCAL_QUEUE },
            completeJobBatchDelay: COMPLETE_AFTER_MS,
            failJobBatchDelay: COMPLETE_AFTER_MS,
          },
        },
      })
      runner.events.on('job:complete', () => done())
      return runner
    },
    close: () => utils.release(),
  }
})
