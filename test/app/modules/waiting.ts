/* A task that waits for an answer: for threads, which load this module, and in a process of its own, `waiting.ts work`, until it is killed. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask } from '../../../src/tasks/current.ts'
import { Worker } from '../../../src/worker/worker.ts'

const { CELERIAC_TEST_STORE: broker, CELERIAC_TEST_BACKEND: backend, CELERIAC_TEST_LEASE: lease } = process.env
export const app: App = new App({ broker, backend, lease, logger: createLogger('silent') })
export const ask = app.task('ask', async () => {
  const ctx = currentTask()
  const notify = (token: string): Promise<void> => ctx?.updateState('TOKEN', token) ?? Promise.resolve()
  return [ctx?.redelivered, await ctx?.waitFor('approval', { timeout: '1h', notify })]
})

if (process.argv[2] === 'work') {
  await new Worker(app, { hostname: `other@${process.pid}` }).start()
  process.send?.('ready')
}
