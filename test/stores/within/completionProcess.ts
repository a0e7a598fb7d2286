/* A worker of the tasks that complete in their transactions, in this process: its pool runs one at a time. */
import { fileURLToPath } from 'node:url'
import type { PoolKind } from '../../../src/worker/options.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { app } from './completionTasks.ts'

const [pool = 'solo'] = process.argv.slice(2)
const module = fileURLToPath(new URL('completionTasks.ts', import.meta.url))
const worker = new Worker(app, {
  pool: pool as PoolKind,
  concurrency: pool === 'solo' ? 1 : 2,
  module,
  queues: ['kill'],
})
await worker.start()
process.send?.('ready')
process.once('SIGTERM', async () => {
  await worker.stop()
  await app.close()
})
