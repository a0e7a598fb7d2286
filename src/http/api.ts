import { Hono } from 'hono'
import type { App } from '../app/app.ts'
import { refuseUnknown } from '../app/options.ts'
import type { AnyTask } from '../app/task.ts'
import { ArgumentError, StoreUnavailableError } from '../std/errors.ts'
import { respondProblem } from './problem.ts'
import { addDocumentRoute } from './routes/document.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addJobRoutes } from './routes/jobs.ts'
import { addListRoute } from './routes/list.ts'
import { addResultRoute } from './routes/result.ts'
import { addTaskRoutes } from './routes/tasks.ts'
import type { HttpScope } from './scope.ts'

/** How an app shows itself over HTTP. */
export interface HttpOptions {
  /**
   * The tasks that may be called and whose jobs may be seen: tasks of this app, or names, also of tasks whose code lives elsewhere.
   * Nothing else exists for the outside.
   */
  expose: readonly (AnyTask | string)[]
  /** Path before `/tasks` and `/jobs`. Default `/v1`. */
  basePath?: string
  /** Longest request body in bytes. Default 1 MiB. */
  maxBody?: number
}

const KNOWN = new Set(['expose', 'basePath', 'maxBody'])
const DEFAULT_MAX_BODY = 1024 * 1024
/** Seconds after which a client may try again when the store was away. */
const STORE_RETRY_AFTER = '5'

/**
 * The REST API of an app as a Hono app: serve it by `serve`, or mount it by `route` in a larger one.
 * Throws ArgumentError for wrong options. The contract is `docs/http.md`.
 */
export function createHttp(app: App, options: HttpOptions): Hono {
  const { base, scope } = parseOptions(app, options)
  const api = new Hono()
  addTaskRoutes(api, base, scope)
  addListRoute(api, base, scope)
  addJobRoutes(api, base, scope)
  addResultRoute(api, base, scope)
  addDocumentRoute(api, base, scope)
  addHealthRoutes(api, scope)
  api.notFound((c) => respondProblem({ kind: 'not-found', detail: `nothing is at ${c.req.path}` }, c.req.path))
  api.onError((error, c) => respondError(app, error, c.req.method, c.req.path))
  return api
}

function respondError(app: App, error: unknown, method: string, path: string): Response {
  if (error instanceof StoreUnavailableError) {
    app.config.logger.warn({ err: error, method, path }, 'the store does not answer')
    return respondProblem(
      { kind: 'store-unavailable', detail: 'try again later', headers: { 'retry-after': STORE_RETRY_AFTER } },
      path,
    )
  }
  app.config.logger.error({ err: error, method, path }, 'a request failed')
  return respondProblem({ kind: 'internal-error', detail: 'the log of the server says more' }, path)
}

function parseOptions(app: App, options: HttpOptions): { base: string; scope: HttpScope } {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`http: expected an object of options, got ${String(options)}`)
  refuseUnknown(options, KNOWN, 'http')
  const { expose, basePath = '/v1', maxBody = DEFAULT_MAX_BODY } = options
  if (!Array.isArray(expose))
    throw new ArgumentError(`http: expose: expected an array of tasks or their names, got ${typeof expose}`)
  if (typeof basePath !== 'string' || !/^(?:\/[\w.~-]+)*$/.test(basePath)) {
    throw new ArgumentError(`http: basePath: expected a path such as '/v1', or '', got ${JSON.stringify(basePath)}`)
  }
  if (!Number.isSafeInteger(maxBody) || maxBody < 1) {
    throw new ArgumentError(`http: maxBody: expected a whole number of bytes, got ${String(maxBody)}`)
  }
  return { base: basePath, scope: { app, exposed: new Set(expose.map((task) => exposedName(app, task))), maxBody } }
}

function exposedName(app: App, task: AnyTask | string): string {
  if (typeof task === 'string' && task !== '') return task
  if (typeof task === 'function' && app.tasks.get(task.name) === task) return task.name
  const got = typeof task === 'function' ? `the task ${task.name} of another app` : JSON.stringify(task)
  throw new ArgumentError(`http: expose: expected a task of this app or a name, got ${got}`)
}
