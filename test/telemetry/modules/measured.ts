/* A task that submits another one, in a thread whose metrics go to the file METERS. */
import { appendFileSync } from 'node:fs'
import { metrics as metricsApi } from '@opentelemetry/api'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { metrics } from '../../../src/telemetry/opentelemetry.ts'
import { seriesOf, startMeters } from '../meters.ts'

const { provider, read } = startMeters()
metricsApi.setGlobalMeterProvider(provider)

export function defineNested<Own extends App>(app: Own): Own {
  const leaf = app.task('leaf', () => 'leaf')
  app.task('nested', async () => (await leaf.delay()).id)
  return app
}

const { METERS_BROKER: broker, METERS = '' } = process.env
export const app = defineNested(new App({ broker, logger: createLogger('silent') }))
metrics(app)
app.onChildShutdown(async () => appendFileSync(METERS, JSON.stringify(seriesOf(await read()))))
