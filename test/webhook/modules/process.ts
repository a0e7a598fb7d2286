/* A worker in a process of its own: `process.ts URL`; says 'ready' to its parent and runs until it is killed. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { define, webhooks } from './app.ts'

const broker = process.argv[2]
const app = define(new App({ broker, lease: '1s', logger: createLogger('silent'), webhooks }))
await new Worker(app, { hostname: `other@${process.pid}` }).start()
process.send?.('ready')
