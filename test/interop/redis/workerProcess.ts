import { Redis } from 'ioredis'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { defineTasks, surroundingsOf } from './tasks.ts'

/** What the process is told, by the variable INTEROP. */
export interface Settings {
  readonly url: string
  readonly queue: string
  readonly concurrency: number
  /** ms */
  readonly lease: number
  /** ms */
  readonly visibilityTimeout: number
}

const { url, queue, concurrency, lease, visibilityTimeout } = JSON.parse(process.env.INTEROP ?? '') as Settings
const app = new App({ broker: url, queue, lease, visibilityTimeout, logger: createLogger('error') })
defineTasks(app, surroundingsOf(new Redis(url)))
await new Worker(app, { concurrency, hostname: 'ts@fork' }).start()
process.send?.('ready')
// Nobody to work for any more.
process.once('disconnect', () => process.exit())
