import type { App } from '../app/app.ts'
import type { HttpServer } from '../http/server/serve.ts'
import { serveHttp } from './httpService.ts'

export interface MetricsOptions {
  /** Port of the metrics; undefined: none. */
  metricsPort?: number
  metricsHost: string
}

/** A server that has the metrics of a worker and nothing else, where one is wanted. Says where it is. */
export async function startMetrics(
  app: App,
  { metricsPort: port, metricsHost: host }: MetricsOptions,
): Promise<HttpServer | undefined> {
  if (port === undefined) return undefined
  const { createMetricsHttp } = await import('../http/routes/metrics.ts')
  const server = await serveHttp(createMetricsHttp(app), { host, port })
  process.stdout.write(`metrics at ${server.url}/metrics\n`)
  return server
}
