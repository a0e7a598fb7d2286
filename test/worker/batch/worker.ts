/* A worker in a process of its own: `worker.ts BROKER BACKEND [stuck]`. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { defineBatches } from './tasks.ts'

const [, , broker, backend] = process.argv
const app = new App({ broker, backend: backend || undefined, lease: '1s', logger: createLogger('silent') })
const worker = new Worker(defineBatches(app), { hostname: `other@${process.pid}`, concurrency: 1 })
await worker.start()
setInterval(() => process.send?.(worker.busy), 10)
