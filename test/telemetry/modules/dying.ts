/* Tasks that end the thread or process in which they run. */
import { isMainThread } from 'node:worker_threads'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'

export function defineDying<Own extends App>(app: Own): Own {
  app.task(
    'dies',
    () => {
      if (isMainThread) process.kill(process.pid, 'SIGKILL')
      else process.exit(1)
    },
    { rejectOnWorkerLost: true },
  )
  app.task(
    'spins',
    () => {
      for (;;);
    },
    { timeLimit: '200ms' },
  )
  return app
}

export const app = defineDying(new App({ broker: 'memory:', logger: createLogger('silent') }))
