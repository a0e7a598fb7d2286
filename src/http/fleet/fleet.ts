import type { Context, Hono } from 'hono'
import type { App } from '../../app/app.ts'
import { ConfigError } from '../../std/errors.ts'
import type { MetricSource, Metrics } from '../../telemetry/metrics/metrics.ts'
import { SAFE_METHODS } from '../access/crossOrigin.ts'
import type { HttpScope } from '../apiContext.ts'
import { methodNotAllowed } from '../output/method.ts'
import { RoutePatterns } from '../output/path.ts'
import type { WorkerAction } from './live/workerActions.ts'

type Answer = (c: Context, scope: HttpScope) => Response | Promise<Response>

/** One resource: its path below the base, and what answers each method. Its code is loaded by the first request. */
export interface FleetRoute {
  readonly path: string
  readonly answers: Readonly<Partial<Record<'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', Answer>>>
}

/** Each of them a resource of a worker. */
const WORKER_ACTIONS: readonly WorkerAction[] = [
  'quiet',
  'resume',
  'shutdown',
  'pool-grow',
  'pool-shrink',
  'pool-restart',
  'autoscale',
  'add-consumer',
  'cancel-consumer',
  'rate-limit',
  'time-limit',
  'enable-events',
  'disable-events',
  'heartbeat',
]

/** Every resource of the fleet. Where two fit a path, the first one answers. */
export const FLEET_ROUTES: readonly FleetRoute[] = [
  { path: '/jobs/retry', answers: { POST: async (...asked) => (await import('./jobs.ts')).retryMany(...asked) } },
  {
    path: '/jobs/revoke',
    answers: { POST: async (...asked) => (await import('./revokeMany.ts')).revokeMany(...asked) },
  },
  { path: '/jobs/:id/history', answers: { GET: async (...asked) => (await import('./jobs.ts')).history(...asked) } },
  {
    path: '/jobs/:id/input',
    answers: { GET: async (...asked) => (await import('./jobInput.ts')).showInput(...asked) },
  },
  { path: '/stats', answers: { GET: async (...asked) => (await import('./stats.ts')).stats(...asked) } },
  { path: '/failures', answers: { GET: async (...asked) => (await import('./failures.ts')).listFailures(...asked) } },
  {
    path: '/failures/:fingerprint',
    answers: { GET: async (...asked) => (await import('./failures.ts')).showFailure(...asked) },
  },
  {
    path: '/failures/:fingerprint/retry',
    answers: { POST: async (...asked) => (await import('./failures.ts')).retryFailure(...asked) },
  },
  { path: '/alerts', answers: { GET: async (...asked) => (await import('./alerts.ts')).listAlerts(...asked) } },
  { path: '/events', answers: { GET: async (...asked) => (await import('./events.ts')).fleetEvents(...asked) } },
  { path: '/me', answers: { GET: async (...asked) => (await import('./me.ts')).me(...asked) } },
  { path: '/tasks', answers: { GET: async (...asked) => (await import('./knownTasks.ts')).listTasks(...asked) } },
  { path: '/live', answers: { GET: async (...asked) => (await import('./changes/changes.ts')).liveChanges(...asked) } },
  { path: '/queues', answers: { GET: async (...asked) => (await import('./live/queues.ts')).listQueues(...asked) } },
  {
    path: '/queues/:name',
    answers: { GET: async (...asked) => (await import('./live/queues.ts')).showQueue(...asked) },
  },
  {
    path: '/queues/:name/pause',
    answers: { POST: async (...asked) => (await import('./live/queues.ts')).pauseQueue(...asked) },
  },
  {
    path: '/queues/:name/resume',
    answers: { POST: async (...asked) => (await import('./live/queues.ts')).resumeQueue(...asked) },
  },
  {
    path: '/queues/:name/messages',
    answers: {
      GET: async (...asked) => (await import('./live/queues.ts')).peekMessages(...asked),
      DELETE: async (...asked) => (await import('./live/queues.ts')).purgeMessages(...asked),
    },
  },
  { path: '/workers', answers: { GET: async (...asked) => (await import('./live/workers.ts')).listWorkers(...asked) } },
  {
    path: '/workers/:name',
    answers: { GET: async (...asked) => (await import('./live/workers.ts')).showWorker(...asked) },
  },
  {
    path: '/workers/:name/stack',
    answers: { GET: async (...asked) => (await import('./live/workers.ts')).showStack(...asked) },
  },
  {
    path: '/workers/:name/profile',
    answers: { POST: async (...asked) => (await import('./live/workers.ts')).profileWorker(...asked) },
  },
  ...WORKER_ACTIONS.map(
    (action): FleetRoute => ({
      path: `/workers/:name/${action}`,
      answers: { POST: async (...asked) => (await import('./live/workers.ts')).actOnWorker(...asked, action) },
    }),
  ),
  { path: '/doctor', answers: { GET: async (...asked) => (await import('./doctor.ts')).examine(...asked) } },
  {
    path: '/doctor/jobs/:id',
    answers: { GET: async (...asked) => (await import('./doctor.ts')).examineJob(...asked) },
  },
  { path: '/moments', answers: { GET: async (...asked) => (await import('./schedules.ts')).moments(...asked) } },
  {
    path: '/schedules',
    answers: {
      GET: async (...asked) => (await import('./schedules.ts')).list(...asked),
      POST: async (...asked) => (await import('./schedules.ts')).create(...asked),
    },
  },
  {
    path: '/schedules/:name',
    answers: {
      GET: async (...asked) => (await import('./schedules.ts')).show(...asked),
      PATCH: async (...asked) => (await import('./schedules.ts')).change(...asked),
      DELETE: async (...asked) => (await import('./schedules.ts')).remove(...asked),
    },
  },
  {
    path: '/schedules/:name/pause',
    answers: { POST: async (...asked) => (await import('./schedules.ts')).pause(...asked) },
  },
  {
    path: '/schedules/:name/resume',
    answers: { POST: async (...asked) => (await import('./schedules.ts')).resume(...asked) },
  },
  {
    path: '/schedules/:name/run',
    answers: { POST: async (...asked) => (await import('./schedules.ts')).run(...asked) },
  },
  { path: '/audit', answers: { GET: async (...asked) => (await import('./audit/entries.ts')).listAudit(...asked) } },
]

/** Put before every route and the gate: what would change something, or was refused, is an entry of the audit log. */
export function addAudit(api: Hono, base: string, { app }: HttpScope): void {
  const patterns = new RoutePatterns(api)
  const load = () => Promise.all([import('./audit/audit.ts'), import('./audit/auditor.ts')])
  let loading: ReturnType<typeof load> | undefined
  api.use('*', async (c, next) => {
    if (SAFE_METHODS.has(c.req.method)) return next()
    const pattern = patterns.of(c, c.req.routeIndex)
    loading ??= load()
    const [{ audited }, { auditorOf }] = await loading
    return audited(c, next, { pattern, base }, auditorOf(app))
  })
}

/** The resources of a fleet: what runs, waits and fails in all processes on the stores of the app, exposed or not. */
export function addFleetRoutes(api: Hono, base: string, scope: HttpScope): void {
  for (const { path, answers } of FLEET_ROUTES) {
    const methods = Object.entries(answers)
    for (const [method, answer] of methods) api.on(method, `${base}${path}`, (c) => answer(c, scope))
    const allowed = methods.flatMap(([method]) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    api.all(`${base}${path}`, methodNotAllowed(allowed.join(', ')))
  }
}

/**
 * Report the fleet under Flower's names, too. It is counted from the first scrape on, or from an earlier
 * `startFlowerMetrics`. Throws ConfigError where several processes answer for one: each would count every event.
 */
export function addFlowerMetrics(app: App, metrics: Metrics): void {
  if (metrics.peers)
    throw new ConfigError(
      'http: fleet: flowerMetrics: expected one process, got serve --workers: celeriac dashboard has them',
    )
  let source: Pick<MetricSource, 'families'> | undefined
  const begin = async (): Promise<void> => {
    try {
      source = await (await import('../../telemetry/metrics/flower.ts')).startFlowerMetrics(app)
    } catch (error) {
      app.config.logger.warn({ err: error }, `the metrics of Flower are not counted: ${(error as Error).message}`)
    }
  }
  metrics.add({
    timings: [],
    families: () => {
      if (!source) void begin()
      return source?.families() ?? []
    },
  })
}
