import type { App } from '../app/app.ts'
import type { HttpServer } from '../http/server/serve.ts'
import type { Worker } from '../worker/worker.ts'
import { serveHttp } from './httpService.ts'

export interface HealthOptions {
  /** Port of the probes and metrics; undefined: none. */
  healthPort?: number
  healthHost: string
}

/** What answers probes, from before the worker is there. */
export interface HealthService {
  /** From now on the probes are of this worker. */
  watch(worker: Worker): void
  close(): Promise<void>
}

/** A server that has the probes and the metrics of a worker and nothing else, where one is wanted. Says where it is. */
export async function startHealth(app: App, options: HealthOptions): Promise<HealthService> {
  let watched: Worker | undefined
  const health = (): Worker['health'] => watched?.health ?? { ready: false, live: true, reason: 'it starts' }
  const server = await serveHealth(app, health, options)
  return {
    watch: (worker) => {
      watched = worker
    },
    close: async () => server?.close(),
  }
}

async function serveHealth(
  app: App,
  health: () => Worker['health'],
  { healthPort: port, healthHost: host }: HealthOptions,
): Promise<HttpServer | undefined> {
  if (port === undefined) return undefined
  const { createWorkerHttp } = await import('../http/routes/worker.ts')
  const worker = {
    app,
    get health() {
      return health()
    },
  }
  const server = await serveHttp(createWorkerHttp(worker), { host, port })
  process.stdout.write(`health at ${server.url}/readyz, metrics at ${server.url}/metrics\n`)
  return server
}
