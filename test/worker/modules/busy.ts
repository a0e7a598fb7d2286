/* Tasks that keep their thread busy, or wait. */
import { setTimeout as sleep } from 'node:timers/promises'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'

export function defineBusy(app: App): App {
  app.task('busy', function turnForEver() {
    for (let turn = 0; ; turn = (turn + 1) % 7) if (turn > 7) return turn
  })
  app.task('waiting', async function waitForLong() {
    await sleep(60_000)
  })
  return app
}

export const app: App = defineBusy(new App({ broker: 'memory:', logger: createLogger('silent') }))
