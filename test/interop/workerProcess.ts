import { Redis } from 'ioredis'
import { App } from '../../src/app/app.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { defineTasks, surroundingsOf } from './tasks.ts'

/** What the process is told, by the variable INTEROP. */
export interface Settings {
  readonly broker: string
  readonly backend: string
  /** Redis: where tasks wait for gates and note their effects. */
  readonly store: string
  readonly queue: string
  readonly concurrency: number
  /** Of Redis, ms. */
  readonly lease?: number
  /** Of Redis, ms. */
  readonly visibilityTimeout?: number
}

const { store, concurrency, ...options } = JSON.parse(process.env.INTEROP ?? '') as Settings
const app = new App({ unknownTaskTimeout: 0, ...options, logger: createLogger('error') })
defineTasks(app, surroundingsOf(new Redis(store)))
await new Worker(app, { concurrency, hostname: 'ts@fork' }).start()
process.send?.('ready')
// Nobody to work for any more.
process.once('disconnect', () => process.exit())
