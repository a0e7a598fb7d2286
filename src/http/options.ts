import type { App } from '../app/app.ts'
import type { AnyTask } from '../calls/task.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { refuseUnknown } from '../std/validate.ts'
import { metricsOf } from '../telemetry/metrics/metrics.ts'
import { type GateOptions, Load } from './access/admission.ts'
import type { Authorize } from './access/auth.ts'
import { type CorsOptions, parseCors } from './access/crossOrigin.ts'
import { type RateLimit, RateLimiter } from './access/rateLimit.ts'
import type { HttpScope } from './apiContext.ts'
import { type HttpMetrics, httpMetricsOf } from './metrics.ts'
import { type ApiInfo, parseInfo } from './openapi/info.ts'
import { Durations } from './output/retryAfter.ts'

/** A task that only those with all of these scopes may call. */
export interface ScopedTask {
  readonly task: AnyTask | string
  readonly scopes: readonly string[]
}

/** How an app shows itself over HTTP. */
export interface HttpOptions {
  /**
   * The tasks that may be called and whose jobs may be seen: tasks of this app, or names, also of tasks whose code
   * lives elsewhere; each may ask for scopes. Nothing else exists for the outside.
   */
  expose: readonly (AnyTask | string | ScopedTask)[]
  /** Path before `/tasks` and `/jobs`. Default `/v1`. */
  basePath?: string | undefined
  /** Longest request body in bytes. Default 1 MiB. */
  maxBody?: number | undefined
  /**
   * Requests that are worked on at once, streams that were begun not counted; more are answered with 503. Default
   * 10,000.
   */
  maxConcurrent?: number | undefined
  /**
   * Keep each job's input with its record, so that it can be submitted again by `POST /jobs/{id}/retry`. Default true.
   */
  keepInput?: boolean | undefined
  /**
   * Who may ask: `bearer(tokens)`, `basic(users)`, or a function. Jobs are then seen by their owner only, and by
   * admins. Default: no authentication.
   */
  authorize?: Authorize | undefined
  /** How often an identity, or an address, may ask. Default: as often as it likes. */
  rateLimit?: RateLimit | undefined
  /** Time between two signs of life on a stream of events; shorter than any proxy waits. Default 15 s. */
  heartbeat?: Duration | undefined
  /** A page for people at `/docs`, that shows the tasks and can call them. Default true. */
  docs?: boolean | undefined
  /**
   * Count requests and tasks, and serve the counts to Prometheus at `/metrics`; with `authorize` only to those with the
   * scope `metrics`. Default true.
   */
  metrics?: boolean | undefined
  /** What `/openapi.json` says of the API as a whole: its title, version, license and the like. */
  info?: ApiInfo | undefined
  /** Pages of other origins that may call this from a browser. Default: none. */
  cors?: CorsOptions | undefined
}

const KNOWN_OPTIONS = new Set([
  'expose',
  'basePath',
  'maxBody',
  'maxConcurrent',
  'keepInput',
  'authorize',
  'rateLimit',
  'heartbeat',
  'docs',
  'metrics',
  'info',
  'cors',
])
const DEFAULT_MAX_BODY_BYTES = 1024 * 1024
const DEFAULT_MAX_CONCURRENT = 10_000

/** An API's options, parsed once. */
export interface ParsedHttpOptions {
  readonly base: string
  readonly scope: HttpScope
  readonly gate: GateOptions
  readonly docs: boolean
  readonly info: ApiInfo
}

/** Throws ArgumentError for whatever is wrong, also in JavaScript. */
export function parseHttpOptions(app: App, options: HttpOptions): ParsedHttpOptions {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`http: expected an object of options, got ${String(options)}`)
  refuseUnknown(options, KNOWN_OPTIONS, 'http')
  const { expose, basePath = '/v1', authorize, rateLimit, keepInput = true } = options
  if (!Array.isArray(expose))
    throw new ArgumentError(`http: expose: expected an array of tasks or their names, got ${typeof expose}`)
  if (typeof basePath !== 'string' || !/^(?:\/[\w.~-]+)*$/.test(basePath)) {
    throw new ArgumentError(`http: basePath: expected a path such as '/v1', or '', got ${JSON.stringify(basePath)}`)
  }
  if (authorize !== undefined && typeof authorize !== 'function')
    throw new ArgumentError(`http: authorize: expected a function, got ${typeof authorize}`)
  const tasks = new Map(expose.map((entry) => exposedTask(app, entry)))
  if (!authorize && [...tasks.values()].some((scopes) => scopes.length > 0))
    throw new ArgumentError('http: expose: scopes need `authorize`, which says who has them')
  const maxBody = wholeNumber(options.maxBody ?? DEFAULT_MAX_BODY_BYTES, 'maxBody', 'bytes')
  const maxConcurrent = wholeNumber(options.maxConcurrent ?? DEFAULT_MAX_CONCURRENT, 'maxConcurrent', 'requests')
  return {
    base: basePath,
    scope: {
      app,
      exposed: new Set(tasks.keys()),
      scopesOf: tasks,
      maxBody,
      keepInput,
      accepting: new Set(),
      durations: new Durations(),
      metrics: flag(options.metrics ?? true, 'metrics') ? counted(app, tasks.keys()) : undefined,
      heartbeat: heartbeatOf(options),
    },
    gate: {
      authorize,
      limiter: rateLimit && new RateLimiter(rateLimit),
      cors: parseCors(options.cors),
      load: new Load(maxConcurrent),
    },
    docs: flag(options.docs ?? true, 'docs'),
    info: parseInfo(options.info),
  }
}

/** Who counts for the app's APIs. */
function counted(app: App, tasks: Iterable<string>): HttpMetrics {
  metricsOf(app).tasks.know(tasks)
  return httpMetricsOf(app)
}

function heartbeatOf({ heartbeat = '15s' }: HttpOptions): number {
  const ms = milliseconds(heartbeat, 'http: heartbeat')
  if (ms >= 10) return ms
  throw new ArgumentError(`http: heartbeat: expected at least 10 ms, got ${ms}`)
}

function flag(value: boolean, name: string): boolean {
  if (typeof value === 'boolean') return value
  throw new ArgumentError(`http: ${name}: expected true or false, got ${String(value)}`)
}

function wholeNumber(value: number, name: string, unit: string): number {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new ArgumentError(`http: ${name}: expected a whole number of ${unit}, got ${String(value)}`)
}

function exposedTask(app: App, entry: AnyTask | string | ScopedTask): [name: string, scopes: readonly string[]] {
  if (typeof entry !== 'object' || entry === null) return [exposedName(app, entry), []]
  refuseUnknown(entry, new Set(['task', 'scopes']), 'http: expose')
  const name = exposedName(app, entry.task)
  const { scopes } = entry
  if (Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string' && scope !== '')) return [name, scopes]
  throw new ArgumentError(`http: expose: ${name}: scopes: expected an array of names, got ${JSON.stringify(scopes)}`)
}

function exposedName(app: App, task: AnyTask | string): string {
  if (typeof task === 'string' && task !== '') return task
  if (typeof task === 'function' && app.tasks.get(task.name) === task) return task.name
  const got = typeof task === 'function' ? `the task ${task.name} of another app` : JSON.stringify(task)
  throw new ArgumentError(`http: expose: expected a task of this app or a name, got ${got}`)
}
