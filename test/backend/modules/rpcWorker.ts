/* A worker in a process of its own: `rpcWorker.ts BROKER`; says 'ready' to its parent, stops when it is told to. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { define } from './rpcTasks.ts'

const app = new App({ broker: process.argv[2], backend: 'rpc://', logger: createLogger('silent') })
define(app)
const worker = new Worker(app, { hostname: `rpc@${process.pid}` })
await worker.start()
process.send?.('ready')
process.once('message', () => void end())

async function end(): Promise<void> {
  await worker.stop({ grace: 0 })
  await app.close()
  process.disconnect()
}
