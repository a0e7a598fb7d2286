/* A worker in a process of its own: `process.ts URL`; says 'ready' to its parent, stops when it is told to. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { define } from './tasks.ts'

const app = define(new App({ broker: process.argv[2], lease: '1s', logger: createLogger('silent') }))
const worker = new Worker(app, { hostname: `other@${process.pid}` })
await worker.start()
process.send?.('ready')
process.once('message', () => void end())

async function end(): Promise<void> {
  await worker.stop({ grace: 0 })
  await app.close()
  process.disconnect()
}
