import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { definePoolTasks } from '../../../src/testing/suites/pool/poolTasks.ts'

export const app = definePoolTasks(new App({ broker: 'memory:', logger: createLogger('silent') }))
