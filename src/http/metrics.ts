import type { Hono } from 'hono'
import type { App } from '../app/app.ts'
import { type Count, Counts, gauge, type Timing, Timings } from '../telemetry/metrics/counters.ts'
import { metricsOf } from '../telemetry/metrics/metrics.ts'
import { RoutePatterns } from './output/path.ts'

/** Bounds of the buckets of requests, s: to the longest wait that is granted. */
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** Those that have a name of their own: clients may send any. */
const NAMED_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const OTHER_METHOD = 'other'
/** The route of what is at no path of the API. */
const NO_ROUTE = 'none'

/** Requests of one method to one route. */
export class RouteCount {
  readonly #labels: { readonly method: string; readonly route: string }
  readonly #requests: Counts
  readonly #timing: Timing
  readonly #byStatus = new Map<number, Count>()

  constructor(labels: { readonly method: string; readonly route: string }, requests: Counts, durations: Timings) {
    this.#labels = labels
    this.#requests = requests
    this.#timing = durations.timing(labels)
  }

  /** One was answered; `start`: when it came, by `performance.now`. */
  answered(status: number, start: number): void {
    const count = this.#byStatus.get(status) ?? this.#first(status)
    count.value++
    this.#timing.observe((performance.now() - start) / 1000)
  }

  #first(status: number): Count {
    const count = this.#requests.count({ ...this.#labels, status: `${status}` })
    this.#byStatus.set(status, count)
    return count
  }
}

/** What is counted of the requests to an app's APIs. */
export class HttpMetrics {
  /** Streams of events that are open. */
  streams = 0
  readonly #requests = new Counts({
    name: 'celeriac_http_requests_total',
    help: 'HTTP requests, by method, pattern of the path, and status.',
  })
  readonly #durations = new Timings(
    {
      name: 'celeriac_http_request_duration_seconds',
      help: 'Time from an HTTP request to the beginning of its answer.',
    },
    DURATION_BUCKETS_S,
  )
  readonly #routes = new Map<string, Map<string, RouteCount>>()

  constructor(app: App) {
    const streams = { name: 'celeriac_event_streams', help: 'Streams of events that clients follow now.' }
    metricsOf(app).add({
      families: () => [
        this.#requests.family(),
        this.#durations.family(),
        gauge(streams, [{ labels: {}, value: this.streams }]),
      ],
      timings: [this.#durations],
    })
  }

  /** Who counts the requests to a route: its pattern, never a path, of which there are any number. */
  route(method: string, route: string): RouteCount {
    const methods = this.#routes.get(route) ?? new Map<string, RouteCount>()
    this.#routes.set(route, methods)
    const known = methods.get(method)
    if (known) return known
    const label = NAMED_METHODS.has(method) ? method : OTHER_METHOD
    const count = methods.get(label) ?? new RouteCount({ method: label, route }, this.#requests, this.#durations)
    methods.set(label, count)
    return count
  }
}

const counting = new WeakMap<App, HttpMetrics>()

/** What is counted of an app's requests: all its APIs together. */
export function httpMetricsOf(app: App): HttpMetrics {
  const known = counting.get(app) ?? new HttpMetrics(app)
  counting.set(app, known)
  return known
}

/** Added before every route, so that each answer is counted, also where a request is refused. */
export function countRequests(api: Hono, metrics: HttpMetrics): void {
  const patterns = new RoutePatterns(api)
  api.use('*', async (c, next) => {
    const start = performance.now()
    const at = c.req.routeIndex
    let status = 500
    try {
      await next()
      status = c.finalized ? c.res.status : 404
    } finally {
      metrics.route(c.req.method, patterns.of(c, at) ?? NO_ROUTE).answered(status, start)
    }
  })
}
