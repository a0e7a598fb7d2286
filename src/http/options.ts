import type { Alerts } from '../alerts/alerts.ts'
import type { App } from '../app/app.ts'
import { JobStore } from '../app/jobStore.ts'
import type { AnyTask } from '../calls/task.ts'
import type { Recording } from '../recorder/recording.ts'
import type { Duration } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { refuseUnknown, requireFlag, shown } from '../std/validate.ts'
import { metricsOf } from '../telemetry/metrics/metrics.ts'
import { type GateOptions, Load } from './access/admission.ts'
import type { Authorize } from './access/auth.ts'
import { type CorsOptions, parseCors } from './access/crossOrigin.ts'
import { type RateLimit, RateLimiter } from './access/rateLimit.ts'
import type { HttpScope } from './apiContext.ts'
import { type FleetOptions, type ParsedFleetOptions, parseFleet } from './fleet/options.ts'
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
  // <HTTP_OPTIONS> written by `npm run docs:api` from the table below
  /**
   * The tasks that may be called and whose jobs may be seen: tasks of this app, or names; each may ask for scopes. A
   * name may also be that of a task whose code lives elsewhere (a Python worker): its calls are sent without a check.
   * Nothing else exists for the outside.
   */
  expose: readonly (AnyTask | string | ScopedTask)[]
  /** Path before `/tasks` and `/jobs`. Default `'/v1'`. */
  basePath?: string | undefined
  /** Time between two signs of life on a stream of events; shorter than any proxy waits. Default `'15s'`. */
  heartbeat?: Duration | undefined
  /** Longest request body. Default `1048576` bytes. */
  maxBody?: number | undefined
  /**
   * Requests that are worked on at once (streams that have begun are not counted); more get **503**. Default `10000`
   * requests.
   */
  maxConcurrent?: number | undefined
  /** Most calls of tasks in one workflow, links and items of `celery.map` counted. Default `1000` tasks. */
  maxWorkflowTasks?: number | undefined
  /** Deepest nesting of workflows and links in each other. Default `10` levels. */
  maxWorkflowDepth?: number | undefined
  /** Keep each job's input with its record, for retry by `POST /jobs/{id}/retry`. Default `true`. */
  keepInput?: boolean | undefined
  /** Title, version, description, license and contact of the API in its OpenAPI document. Default: none. */
  info?: ApiInfo | undefined
  /**
   * Who may ask: `bearer(tokens)`, `basic(users)`, or a function. Jobs are then seen by their owner only, and by
   * admins. Default: every client.
   */
  authorize?: Authorize | undefined
  /** How often an identity, or an address, may ask: `{ requests, per, by? }`, see Limits. Default: none. */
  rateLimit?: RateLimit | undefined
  /** Pages of other origins that may call it from a browser: `{ origins, credentials? }`. Default: none. */
  cors?: CorsOptions | undefined
  /** A page for people at `/docs`, which shows the tasks and can call them. Default `true`. */
  docs?: boolean | undefined
  /**
   * Count requests and tasks, and report them to Prometheus at `/metrics`. With `authorize` only to those with the
   * scope `metrics`. Default `true`.
   */
  metrics?: boolean | undefined
  /** Resources about all that runs, waits and fails, by role: queues, workers, schedules. Default: none. */
  fleet?: boolean | FleetOptions | undefined
  /** The pages of the fleet at `/dashboard`; needs `fleet`. Default `false`. */
  dashboard?: boolean | undefined
  /** Refuse every request that would change something. Default `false`. */
  readOnly?: boolean | undefined
  // </HTTP_OPTIONS>
}

/** Each option by itself: times in ms. */
interface ParsedOptions extends Pick<HttpOptions, 'expose' | 'authorize' | 'rateLimit' | 'info' | 'cors' | 'fleet'> {
  readonly basePath: string
  readonly maxBody: number
  readonly maxConcurrent: number
  readonly maxWorkflowTasks: number
  readonly maxWorkflowDepth: number
  readonly keepInput: boolean
  readonly heartbeat: number
  readonly docs: boolean
  readonly metrics: boolean
  readonly dashboard: boolean
  readonly readOnly: boolean
}

const MIN_HEARTBEAT_MS = 10

export const HTTP_OPTIONS: OptionTable<HttpOptions, ParsedOptions> = {
  expose: {
    kind: 'value',
    type: 'readonly (AnyTask | string | ScopedTask)[]',
    required: true,
    doc: 'the tasks that may be called and whose jobs may be seen: tasks of this app, or names; each may ask for scopes',
    more: 'A name may also be that of a task whose code lives elsewhere (a Python worker): its calls are sent without a check. Nothing else exists for the outside.',
  },
  basePath: {
    kind: 'value',
    type: 'string',
    check: requirePath,
    default: '/v1',
    doc: 'path before `/tasks` and `/jobs`',
  },
  heartbeat: {
    kind: 'duration',
    check: requireHeartbeat,
    default: '15s',
    doc: 'time between two signs of life on a stream of [events](http.md#events); shorter than any proxy waits',
  },
  maxBody: {
    kind: 'count',
    min: 1,
    unit: 'bytes',
    default: 1024 * 1024,
    doc: 'longest request body',
  },
  maxConcurrent: {
    kind: 'count',
    min: 1,
    unit: 'requests',
    default: 10_000,
    doc: 'requests that are worked on at once (streams that have begun are not counted); more get **503**',
  },
  maxWorkflowTasks: {
    kind: 'count',
    min: 1,
    unit: 'tasks',
    default: 1000,
    doc: 'most calls of tasks in one [workflow](http.md#workflows), links and items of `celery.map` counted',
  },
  maxWorkflowDepth: {
    kind: 'count',
    min: 1,
    unit: 'levels',
    default: 10,
    doc: 'deepest nesting of workflows and links in each other',
  },
  keepInput: {
    kind: 'flag',
    default: true,
    doc: "keep each job's input with its record, for [retry](http.md#retry) by `POST /jobs/{id}/retry`",
  },
  info: {
    kind: 'value',
    type: 'ApiInfo',
    absent: 'none',
    doc: 'title, version, description, license and contact of the API in its [OpenAPI document](http.md#described-by-itself)',
  },
  authorize: {
    kind: 'value',
    type: 'Authorize',
    check: requireAuthorize,
    absent: 'every client',
    doc: '[who may ask](http.md#who-may-ask): `bearer(tokens)`, `basic(users)`, or a function',
    more: 'Jobs are then seen by their owner only, and by admins.',
  },
  rateLimit: {
    kind: 'value',
    type: 'RateLimit',
    absent: 'none',
    doc: 'how often an identity, or an address, may ask: `{ requests, per, by? }`, see [Limits](http.md#limits)',
  },
  cors: {
    kind: 'value',
    type: 'CorsOptions',
    absent: 'none',
    doc: '[pages of other origins](http.md#pages-of-other-origins) that may call it from a browser: `{ origins, credentials? }`',
  },
  docs: {
    kind: 'flag',
    check: requireFlag,
    default: true,
    doc: 'a [page](http.md#the-page) for people at `/docs`, which shows the tasks and can call them',
  },
  metrics: {
    kind: 'flag',
    check: requireFlag,
    default: true,
    doc: 'count requests and tasks, and report them to Prometheus at [`/metrics`](http.md#metrics)',
    more: 'With `authorize` only to those with the scope `metrics`.',
  },
  fleet: {
    kind: 'value',
    type: 'boolean | FleetOptions',
    absent: 'none',
    doc: 'resources about all that runs, waits and fails, by role: queues, workers, schedules',
  },
  dashboard: {
    kind: 'flag',
    check: requireFlag,
    default: false,
    doc: 'the [pages](dashboard.md) of the fleet at `/dashboard`; needs `fleet`',
  },
  readOnly: {
    kind: 'flag',
    check: requireFlag,
    default: false,
    doc: 'refuse every request that would change something',
  },
}

/** An API's options, parsed once. */
export interface ParsedHttpOptions {
  readonly base: string
  readonly scope: HttpScope
  readonly gate: GateOptions
  readonly docs: boolean
  readonly dashboard: boolean
  readonly info: ApiInfo
  readonly fleet: ParsedFleetOptions | undefined
}

/** Throws ArgumentError for whatever is wrong, also in JavaScript. */
export function parseHttpOptions(app: App, options: HttpOptions): ParsedHttpOptions {
  if (typeof options === 'object' && options !== null) requireList(options.expose)
  const { expose, basePath, authorize, rateLimit, ...parsed } = readOptions(HTTP_OPTIONS, options, 'http')
  const tasks = new Map(expose.map((entry) => exposedTask(app, entry)))
  if (!authorize && [...tasks.values()].some((scopes) => scopes.length > 0))
    throw new ArgumentError('http: expose: scopes need `authorize`, which says who has them')
  const fleet = parseFleet(parsed.fleet, authorize !== undefined)
  if (parsed.dashboard && !fleet)
    throw new ArgumentError('http: dashboard: expected the option `fleet`, which has what its pages show')
  return {
    base: basePath,
    scope: {
      app,
      jobs: new JobStore(app),
      exposed: new Set(tasks.keys()),
      scopesOf: tasks,
      maxBody: parsed.maxBody,
      workflows: { maxTasks: parsed.maxWorkflowTasks, maxDepth: parsed.maxWorkflowDepth },
      keepInput: parsed.keepInput,
      accepting: new Set(),
      durations: new Durations(() => app.config.clock),
      metrics: parsed.metrics ? counted(app, tasks.keys()) : undefined,
      heartbeat: parsed.heartbeat,
      fleet,
      recording: fleet && recordingOf(app, fleet.alerts),
    },
    gate: {
      authorize,
      limiter: rateLimit && new RateLimiter(rateLimit),
      cors: parseCors(parsed.cors),
      load: new Load(parsed.maxConcurrent),
      readOnly: parsed.readOnly,
      roles: fleet !== undefined,
    },
    fleet,
    docs: parsed.docs,
    dashboard: parsed.dashboard,
    info: parseInfo(parsed.info),
  }
}

/** What is recorded of the app's fleet: recording, and its alerts, begin with the first question. */
function recordingOf(app: App, alerts: Alerts | undefined): HttpScope['recording'] {
  let opening: Promise<Recording> | undefined
  const open = async (): Promise<Recording> => {
    try {
      const { recorderOf, recordWhileOpen } = await import('../recorder/recorder.ts')
      await recordWhileOpen(app)
      await alerts?.start()
      return await recorderOf(app)
    } catch (error) {
      // The next question tries again.
      opening = undefined
      throw error
    }
  }
  return async () => {
    if (app.config.recorder.mode === 'off') return undefined
    opening ??= open()
    return opening
  }
}

/** Who counts for the app's APIs. */
function counted(app: App, tasks: Iterable<string>): HttpMetrics {
  metricsOf(app).tasks.know(tasks)
  return httpMetricsOf(app)
}

function requirePath(path: unknown, where: string): void {
  if (typeof path !== 'string' || !/^(?:\/[\w.~-]+)*$/.test(path))
    throw new ArgumentError(`${where}: expected a path such as '/v1', or '', got ${shown(path)}`)
}

function requireAuthorize(authorize: unknown, where: string): void {
  if (typeof authorize !== 'function') throw new ArgumentError(`${where}: expected a function, got ${typeof authorize}`)
}

function requireHeartbeat(ms: number, where: string): void {
  if (ms < MIN_HEARTBEAT_MS) throw new ArgumentError(`${where}: expected at least ${MIN_HEARTBEAT_MS} ms, got ${ms}`)
}

function requireList(expose: unknown): void {
  if (Array.isArray(expose)) return
  throw new ArgumentError(`http: expose: expected an array of tasks or their names, got ${typeof expose}`)
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
