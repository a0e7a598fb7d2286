/* Traced tasks, as a task module: what loads it registers the SDK in its own thread. */

import { isMainThread } from 'node:worker_threads'
import { context, propagation } from '@opentelemetry/api'
import { App } from '../../../src/app/app.ts'
import { Fatal } from '../../../src/std/errors.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask } from '../../../src/tasks/current.ts'
import { tracing } from '../../../src/telemetry/opentelemetry.ts'
import { writeSpans } from '../spans.ts'

export function defineTraced<Own extends App>(app: Own): Own {
  app.use(tracing({ baggage: ['tenant'] }))
  /** An HTTP call, with the headers that an instrumented client sends. */
  const inner = app.task('inner', async (url: string) => {
    const headers: Record<string, string> = {}
    propagation.inject(context.active(), headers)
    await (await fetch(url, { headers })).arrayBuffer()
    return headers
  })
  /** At its second attempt it calls the other one. */
  app.task(
    'outer',
    async (url: string) => {
      if (currentTask()?.attempt === 1) throw new RangeError('not yet')
      return (await inner.delay(url)).id
    },
    { retry: { max: 1, delay: 0 } },
  )
  app.task('fails', (secret: string) => {
    throw new Fatal(`no: ${secret.length}`)
  })
  app.task('expected', () => Promise.reject(new RangeError('known')), { throws: [RangeError] })
  app.task('exits', () => process.exit(3))
  return app
}

if (process.env.TRACED_PLACE !== undefined) {
  const place = isMainThread ? `process ${process.pid}` : 'thread'
  writeSpans(place)
}

export const app = defineTraced(new App({ broker: 'memory:', logger: createLogger('silent') }))
