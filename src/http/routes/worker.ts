import { Hono } from 'hono'
import type { App } from '../../app/app.ts'
import { gauge } from '../../telemetry/metrics/counters.ts'
import type { Family } from '../../telemetry/metrics/family.ts'
import { metricsOf } from '../../telemetry/metrics/metrics.ts'
import { methodNotAllowed } from '../output/method.ts'
import { respondProblem } from '../output/problem.ts'
import { addMetricsRoute } from './metrics.ts'

/** A `Worker`, as far as probes and scrapes ask for it. */
export interface ProbedWorker {
  readonly app: App
  readonly health: { readonly ready: boolean; readonly live: boolean; readonly reason?: string | undefined }
  /** How many tasks each of its pools may run at once. Absent: not among the metrics. */
  readonly pools?: readonly { readonly kind: string; readonly size: number }[]
}

const SLOTS = { name: 'celeriac_worker_slots', help: 'Tasks that the pools of the worker may run at once now.' }

/**
 * What a supervisor asks of a worker: `GET /livez`, `GET /readyz` (200, or 503 with the reason) and `GET /metrics`, for
 * `serve`. There is no authentication: serve it at an address that only supervisors reach.
 */
export function createWorkerHttp(worker: ProbedWorker): Hono {
  const { app } = worker
  const api = new Hono()
  api.get('/livez', () => answer(worker.health.live, worker))
  api.get('/readyz', () => answer(worker.health.ready, worker))
  api.all('/livez', methodNotAllowed('GET, HEAD'))
  api.all('/readyz', methodNotAllowed('GET, HEAD'))
  const metrics = metricsOf(app)
  metrics.add({ families: () => slotsOf(worker), timings: [] })
  addMetricsRoute(api, metrics)
  api.notFound((c) => respondProblem({ kind: 'not-found', detail: `nothing is at ${c.req.path}` }, c.req.path))
  api.onError((error, c) => {
    app.config.logger.error({ err: error }, `a request for ${c.req.path} failed`)
    return respondProblem({ kind: 'internal-error', detail: "see the worker's log" }, c.req.path)
  })
  return api
}

function slotsOf({ pools = [] }: ProbedWorker): Family[] {
  if (pools.length === 0) return []
  return [
    gauge(
      SLOTS,
      pools.map(({ kind, size }) => ({ labels: { pool: kind }, value: size })),
    ),
  ]
}

function answer(isWell: boolean, { health: { reason } }: ProbedWorker): Response {
  const body = isWell ? { status: 'ok' } : { status: 'unavailable', reason }
  return new Response(JSON.stringify(body), {
    status: isWell ? 200 : 503,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}
