import { type Context, Hono } from 'hono'
import type { App } from '../app/app.ts'
import {
  NotUniqueError,
  PayloadError,
  PayloadTooLargeError,
  QueueFullError,
  StoreUnavailableError,
} from '../std/errors.ts'
import { metricsOf } from '../telemetry/metrics/metrics.ts'
import { addGate } from './access/admission.ts'
import { addRequestContext } from './adapters/context.ts'
import type { HttpScope } from './apiContext.ts'
import type { Pages } from './dashboard/pages.ts'
import { addAudit, addFleetRoutes, addFlowerMetrics } from './fleet/fleet.ts'
import { addWebhookMark } from './input/webhook.ts'
import { countRequests } from './metrics.ts'
import { type HttpOptions, parseHttpOptions } from './options.ts'
import { methodNotAllowed } from './output/method.ts'
import { loggedPath } from './output/path.ts'
import { type Problem, respondProblem } from './output/problem.ts'
import { addBatchRoutes } from './routes/batches.ts'
import { addEventRoute } from './routes/events.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addJobRoutes } from './routes/jobs.ts'
import { addLimitRoutes } from './routes/limits.ts'
import { addListRoute } from './routes/list.ts'
import { addMetricsRoute } from './routes/metrics.ts'
import { addDocumentRoute } from './routes/openapi.ts'
import { addDeadRoutes, addRecordRoute } from './routes/records.ts'
import { addResultRoute } from './routes/result.ts'
import { addRetryRoute } from './routes/retry.ts'
import { addTaskRoutes } from './routes/tasks.ts'
import { addTreeRoute } from './routes/tree.ts'
import { addWaitRoute } from './routes/waits.ts'
import { addWorkflowRoute } from './routes/workflows.ts'
import { openDirectly } from './server/fastPath.ts'

export type { ApiInfo } from './openapi/info.ts'
export type { HttpOptions, ScopedTask } from './options.ts'

/** Seconds after which a client may try again when the store is unavailable. */
const STORE_RETRY_AFTER_S = '5'

/**
 * The REST API of an app as a Hono app: serve it by `serve`, or mount it by `route` in a larger one.
 * Throws ArgumentError for wrong options. The contract is `docs/http.md`.
 */
export function createHttp(app: App, options: HttpOptions): Hono {
  const { base, scope, gate, docs, dashboard, info, fleet } = parseHttpOptions(app, options)
  const api = new Hono()
  const counts = scope.metrics && metricsOf(app)
  if (scope.metrics) countRequests(api, scope.metrics)
  if (scope.recording) recordFromNow(api, scope.recording)
  if (counts && fleet?.flowerMetrics) addFlowerMetrics(app, counts)
  // Before the gate: health probes need no identity.
  addHealthRoutes(api, scope)
  if (counts && !gate.authorize) addMetricsRoute(api, counts)
  if (docs) addPage(api, 'docs', base)
  if (dashboard) addPage(api, 'dashboard', base)
  // Before the gate, so that it sees who is refused.
  if (fleet) addAudit(api, base, scope)
  addGate(api, gate)
  if (counts && gate.authorize) addMetricsRoute(api, counts)
  addRequestContext(api, base, app)
  addWebhookMark(api, base, scope)
  // Before the paths of jobs, of which /jobs/retry could be one.
  if (fleet) addFleetRoutes(api, base, { ...scope, readOnly: gate.readOnly })
  addTaskRoutes(api, base, scope)
  addListRoute(api, base, scope)
  addJobRoutes(api, base, scope)
  addResultRoute(api, base, scope)
  addEventRoute(api, base, scope)
  addDocumentRoute(api, base, scope, gate, info)
  addBatchRoutes(api, base, scope)
  addWorkflowRoute(api, base, scope)
  addTreeRoute(api, base, scope)
  addRetryRoute(api, base, scope)
  addRecordRoute(api, base, scope)
  addDeadRoutes(api, base, scope)
  addWaitRoute(api, base, scope)
  if (app.config.payloads?.secrets.length) addUploadRoutes(api, base, scope)
  if (gate.authorize || fleet) addLimitRoutes(api, base, scope)
  api.notFound((c) => respondProblem({ kind: 'not-found', detail: `nothing is at ${c.req.path}` }, c.req.path))
  api.onError((error, c) => respondError(app, error, c.req.method, c.req.path))
  if (!gate.authorize && !gate.limiter && !gate.cors && !gate.readOnly) {
    const { load } = gate
    const failed = (error: unknown, method: string, path: string): Response => respondError(app, error, method, path)
    openDirectly(api, { base, scope, load, respondError: failed })
  }
  return api
}

/** With the first request, whatever it is: an app that is only loaded, by a command, records nothing. */
function recordFromNow(api: Hono, recording: NonNullable<HttpScope['recording']>): void {
  api.use('*', (_c, next) => {
    // What it cannot open, the first question about the fleet answers.
    recording().catch(() => undefined)
    return next()
  })
}

/** A page for people: the code that serves it is loaded with the first request. */
function addPage(api: Hono, name: 'dashboard' | 'docs', base: string): void {
  let loading: Promise<Pages> | undefined
  const answer = async (c: Context): Promise<Response> => {
    loading ??= import('./dashboard/pages.ts').then(({ Pages }) => new Pages(name, base))
    return (await loading).answer(c)
  }
  for (const path of [`/${name}`, `/${name}/`, `/${name}/:file`]) {
    api.get(path, answer)
    api.all(path, methodNotAllowed('GET, HEAD'))
  }
}

/** Loaded with the first of them. */
function addUploadRoutes(api: Hono, base: string, scope: HttpScope): void {
  api.post(`${base}/payloads`, async (c) => (await import('./routes/payloads/uploads.ts')).openUpload(c, scope))
  api.all(`${base}/payloads`, methodNotAllowed('POST'))
  api.put(`${base}/payloads/:token`, async (c) => (await import('./routes/payloads/uploads.ts')).putUpload(c, scope))
  api.all(`${base}/payloads/:token`, methodNotAllowed('PUT'))
}

function notUnique({ message, id }: NotUniqueError): Problem {
  return { kind: 'not-unique', detail: message, members: { job: id } }
}

function respondError(app: App, error: unknown, method: string, path: string): Response {
  if (error instanceof StoreUnavailableError) {
    app.config.logger.warn({ err: error, method, path: loggedPath(path) }, 'the store does not answer')
    return respondProblem(
      { kind: 'store-unavailable', detail: 'try again later', headers: { 'retry-after': STORE_RETRY_AFTER_S } },
      path,
    )
  }
  if (error instanceof QueueFullError && error.neverFits && error.option === 'maxQueueBytes')
    return respondProblem({ kind: 'body-too-large', detail: error.message }, path)
  // Not 429, which is for one client that sends too much: the queue is full for all, and the server is not at fault.
  if (error instanceof QueueFullError)
    return respondProblem(
      { kind: 'queue-full', detail: 'try again later', headers: { 'retry-after': STORE_RETRY_AFTER_S } },
      path,
    )
  if (error instanceof PayloadTooLargeError)
    return respondProblem({ kind: 'body-too-large', detail: error.message }, path)
  if (error instanceof PayloadError)
    return respondProblem({ kind: 'job-unreadable', detail: error.message, members: { code: error.code } }, path)
  if (error instanceof NotUniqueError) return respondProblem(notUnique(error), path)
  app.config.logger.error({ err: error, method, path: loggedPath(path) }, 'a request failed')
  return respondProblem({ kind: 'internal-error', detail: "internal error; see the server's log" }, path)
}
