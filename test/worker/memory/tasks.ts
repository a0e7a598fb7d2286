/* Tasks that say how much memory their process uses; `tasks.ts work POOL` runs them. Node needs `--expose-gc`. */
import { threadId } from 'node:worker_threads'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { type PoolKind, Worker } from '../../../src/worker/worker.ts'

/** What a process uses after its garbage was collected, bytes. */
export interface Usage {
  readonly pid: number
  readonly thread: number
  readonly rss: number
  readonly heap: number
}

function usage(): Usage {
  globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  return { pid: process.pid, thread: threadId, rss, heap: heapUsed }
}

const { CELERIAC_TEST_STORE: broker = 'memory:' } = process.env
export const app: App = new App({ broker, lease: '10s', logger: createLogger('error') })
app.task('nothing', (value: number) => value)
app.task('usage', usage)

const leaked: Buffer[] = []
/** Keeps so many MB for ever. */
app.task('leak', (megabytes: number) => {
  leaked.push(Buffer.alloc(megabytes * 1024 * 1024, 1))
  return process.pid
})

if (process.argv[2] === 'work') {
  const pool = process.argv[3] as PoolKind
  const isInThread = pool === 'inline' || pool === 'solo'
  const worker = new Worker(app, {
    pool,
    module: isInThread ? undefined : import.meta.url,
    concurrency: isInThread ? undefined : 1,
  })
  await worker.start()
  process.on('message', () => process.send?.(usage()))
  process.send?.('ready')
}
