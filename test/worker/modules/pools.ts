/* Tasks that ask for pools; `PLACE` tells where one ran. */
import { existsSync } from 'node:fs'
import { isMainThread, threadId } from 'node:worker_threads'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'

/** Process and thread: `123/0` is the main thread of process 123. */
function place(): string {
  return `${process.pid}/${isMainThread ? 0 : threadId}`
}

/** Hold up this thread, ms. */
function hold(time: number): string {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time)
  return place()
}

export function definePools(app: App): App {
  app.task('plain', place)
  app.task('waits', place, { pool: 'inline' })
  app.task('computes', hold, { pool: 'threads' })
  /** Holds up its thread until this file exists. */
  app.task(
    'gated',
    (gate: string) => {
      while (!existsSync(gate)) hold(20)
      return place()
    },
    { pool: 'threads' },
  )
  app.task('crashes', hold, { pool: 'processes' })
  app.task('limited', hold, { pool: 'threads', timeLimit: '2s' })
  return app
}

export const app: App = definePools(new App({ broker: 'memory:', logger: createLogger('silent') }))
