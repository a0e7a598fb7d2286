/* A worker in a process of its own: `process.ts URL`. */
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { define } from './tasks.ts'
import { work } from './work.ts'

const app = define(new App({ broker: process.argv[2], lease: '1s', logger: createLogger('silent') }))
await work(app, `other@${process.pid}`)
