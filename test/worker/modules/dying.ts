/* A task whose first run never ends, whose second throws, and whose third succeeds; `dying.ts work` runs it until it is killed. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask } from '../../../src/tasks/current.ts'
import { Worker } from '../../../src/worker/worker.ts'

const { CELERIAC_TEST_STORE: broker, CELERIAC_TEST_BACKEND: backend } = process.env
export const app: App = new App({ broker, backend, lease: '1s', logger: createLogger('silent') })
export const fragile = app.task(
  'fragile',
  async () => {
    const ctx = currentTask()
    if (!ctx) throw new Error('expected to run as a task')
    await ctx.progress({ attempt: ctx.attempt })
    if (!ctx.redelivered && ctx.retries === 0) return new Promise(() => undefined)
    if (ctx.retries === 0) throw new Error('once more')
    return { attempt: ctx.attempt, retries: ctx.retries }
  },
  { retry: { max: 1, delay: '300ms', jitter: 'none' } },
)

if (process.argv[2] === 'work') {
  await new Worker(app, { hostname: `dying@${process.pid}` }).start()
  process.send?.('ready')
}
