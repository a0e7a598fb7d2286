/* A worker in a process of its own: `rpcWorker.ts BROKER`. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { work } from '../../worker/modules/work.ts'
import { define } from './rpcTasks.ts'

const app = new App({
  broker: process.argv[2],
  backend: 'rpc://',
  logger: createLogger('silent'),
  unknownTaskTimeout: 0,
})
define(app)
await work(app, `rpc@${process.pid}`)
