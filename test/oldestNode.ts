/* Runs tasks on the store of a URL, and prints the version of Node and what came of them: see oldestNode.full.test.ts. */
import { App, type AsyncResult, currentTask } from '../src/index.ts'
import { createLogger } from '../src/std/log.ts'
import { Worker } from '../src/worker/worker.ts'

const [, , url = ''] = process.argv
const backend = url.startsWith('amqp:') ? 'rpc://' : undefined
const app = new App({ broker: url, backend, logger: createLogger('error') })
const add = app.task('add', async (a: number, b: number) => {
  await currentTask()?.progress(0.5)
  return a + b
})
const twice = app.task(
  'twice',
  () => {
    if (currentTask()?.attempt === 1) throw new Error('not yet')
    return 'once more'
  },
  { retry: { max: 1, delay: 1, jitter: 'none' } },
)
const fail = app.task('fail', () => {
  throw new TypeError('as it must')
})

async function states(handle: AsyncResult): Promise<string[]> {
  const seen: string[] = []
  for await (const { state } of handle.events({ after: 0 })) seen.push(state)
  return [...new Set(seen)]
}

const worker = new Worker(app, { logger: false })
await worker.start()
const sum = await add.delay(20, 22)
const value = await sum.get({ timeout: '20s' })
const error = await fail
  .delay()
  .get({ timeout: '20s' })
  .catch((reason: { type?: string }) => reason.type)
const retried = await twice.delay().get({ timeout: '20s' })
const seen = await states(sum)
await worker.stop()
const late = await add.applyAsync([1, 2], { countdown: '1h' })
await late.revoke()
await new Promise((resolve) => setTimeout(resolve, 300))
console.log(JSON.stringify([process.version, value, retried, error, seen, await late.state()]))
await app.close()
