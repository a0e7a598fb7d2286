/* An app as users write it, for workers with threads: each loads this module. */
import { Celeriac } from '../../../src/index.ts'
import { createLogger } from '../../../src/std/log.ts'
import { webhooks } from './app.ts'

const broker = process.env.CELERIAC_TEST_STORE
export const app: Celeriac = new Celeriac({ broker, logger: createLogger('silent'), webhooks })
export const add = app.task('add', (x: number, y: number) => x + y)
