/* Tasks for pools that change their size. */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'

export function defineScaling(app: App): App {
  /** Waits for this file; uses no processor meanwhile. */
  app.task(
    'gated',
    async (gate: string) => {
      while (!existsSync(gate)) await sleep(20)
      return process.pid
    },
    { rejectOnWorkerLost: true },
  )
  return app
}

export const app: App = defineScaling(new App({ broker: 'memory:', logger: createLogger('silent') }))
