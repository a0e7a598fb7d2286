import type { App } from '../app/app.ts'
import type { ProbedWorker } from '../http/routes/worker.ts'
import { serveHttp } from './httpService.ts'

export interface HealthOptions {
  /** Port of the probes and metrics; undefined: none. */
  healthPort?: number
  healthHost: string
}

type Probed = Pick<ProbedWorker, 'health' | 'pools'>

/** What answers probes, from before the worker or beat is there. */
export interface HealthService {
  /** From now on the probes are of this one. */
  watch(probed: Probed): void
  close(): Promise<void>
}

/** A server that has the probes and the metrics of a worker or beat and nothing else. Says where it is. */
export async function startHealth(
  app: App,
  to: { readonly port: number; readonly host: string },
): Promise<HealthService> {
  let watched: Probed | undefined
  const worker = {
    app,
    get health(): Probed['health'] {
      return watched?.health ?? { ready: false, live: true, reason: 'it starts' }
    },
    get pools(): NonNullable<Probed['pools']> {
      return watched?.pools ?? []
    },
  }
  const { createWorkerHttp } = await import('../http/routes/worker.ts')
  const server = await serveHttp(createWorkerHttp(worker), to)
  process.stdout.write(`health at ${server.url}/readyz, metrics at ${server.url}/metrics\n`)
  return {
    watch: (probed) => {
      watched = probed
    },
    close: () => server.close(),
  }
}
