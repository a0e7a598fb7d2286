import { type Celeriac, every } from '../../../src/index.ts'
import { Reject } from '../../../src/std/errors.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { until } from '../../app/lab.ts'
import type { House } from '../house.ts'
import { PEOPLE } from './people.ts'

/** What a row needs: jobs, dead letters and so on of `ann`, each of which one request may change. */
export class Subjects {
  readonly #house: House
  readonly #letters: string[] = []

  constructor(house: House) {
    this.#house = house
  }

  /** Most rows need none of them, so they die in one go. */
  async fill(letters: number): Promise<void> {
    for (let count = 0; count < letters; count++)
      this.#letters.push((await this.#house.post('/v1/tasks/reject', [1], PEOPLE.owner)).json.id)
    const worker = new Worker(this.#house.app, { logger: false })
    await worker.start()
    await until(async () => (await this.#house.app.deadLetters.count()).celery === letters)
    await worker.stop()
  }

  /** A job that waits. */
  async waiting(): Promise<string> {
    return (await this.#house.post('/v1/tasks/add', [1, 2], PEOPLE.owner)).json.id
  }

  /** A job that has ended. */
  async ended(): Promise<string> {
    const id = await this.waiting()
    await this.#house.ask('DELETE', `/v1/jobs/${id}`, { headers: PEOPLE.owner })
    return id
  }

  async batch(): Promise<string> {
    return (await this.#house.post('/v1/batches', BATCH, PEOPLE.owner)).json.id
  }

  /** The path of an entry of the schedule. */
  async schedule(): Promise<string> {
    const { schedules } = this.#house.app
    if (!(await schedules.find('nightly'))) await schedules.add('nightly', every('1d'), { task: 'add', args: [1, 2] })
    return '/v1/schedules/nightly'
  }

  letter(): string {
    const id = this.#letters.pop()
    if (id === undefined) throw new Error('the dead letters are used up: fill more')
    return id
  }
}

export function defineTasks(app: Celeriac) {
  const add = app.task('add', (x: number, y: number) => x + y)
  const reject = app.task('reject', (_: number) => {
    throw new Reject('rejected')
  })
  return [add, reject]
}

/** Statuses for: another without a role, the owner, a viewer, an operator, an admin. */
export type Expected = readonly [number, number, number, number, number]

/** One request. Who sends no identity, or a forged one, gets 401 by all of them. */
export interface Row {
  /** Method and path of the route, as Hono has it. */
  readonly route: string
  /** What is asked where there are several rows of a route. */
  readonly what?: string
  /** The path that is asked; absent: that of the route. */
  readonly path?: (subjects: Subjects) => string | Promise<string>
  readonly body?: unknown
  /** Ask by HEAD: the answer to GET has no end. */
  readonly head?: true
  readonly expected: Expected
}

const BATCH = { jobs: [{ task: 'add', input: [1, 2] }] }
const ALL: Expected = [200, 200, 200, 200, 200]
/** What is of the fleet, and of no owner. */
const SEEN: Expected = [403, 403, 200, 200, 200]
/** A task that is not exposed. */
const HIDDEN: Expected = [400, 400, 200, 200, 200]
/** Of a worker with a pool of its own thread. */
const ACTIONS: Readonly<Record<string, { readonly body?: unknown; readonly expected?: Expected }>> = {
  quiet: {},
  resume: {},
  'pool-grow': {},
  'pool-shrink': {},
  'pool-restart': { expected: [403, 403, 403, 409, 409] },
  autoscale: { body: { max: 2, min: 1 }, expected: [403, 403, 403, 409, 409] },
  'add-consumer': { body: { queue: 'q2' } },
  'cancel-consumer': { body: { queue: 'q2' } },
  'rate-limit': { body: { task: 'add', rate: '100/s' } },
  'time-limit': { body: { task: 'add', hard: 60 } },
  'enable-events': {},
  'disable-events': {},
  heartbeat: {},
}
const LATER = '2099-01-01T00:00:00Z'

/** Every route of an API with a fleet. A route without a row fails the test. */
export const ROWS: readonly Row[] = [
  { route: 'GET /openapi.json', expected: ALL },
  { route: 'GET /metrics', expected: [403, 403, 403, 403, 200] },
  { route: 'POST /v1/tasks/:name', path: () => '/v1/tasks/add', body: [1, 2], expected: [202, 202, 403, 202, 202] },
  { route: 'GET /v1/jobs', expected: ALL },
  { route: 'DELETE /v1/jobs', path: () => '/v1/jobs?task=add&dryRun=1', expected: [403, 403, 403, 200, 200] },
  {
    route: 'GET /v1/jobs/:id',
    path: async (s) => `/v1/jobs/${await s.waiting()}`,
    expected: [404, 200, 200, 200, 200],
  },
  {
    route: 'DELETE /v1/jobs/:id',
    path: async (s) => `/v1/jobs/${await s.waiting()}`,
    expected: [404, 200, 403, 200, 200],
  },
  {
    route: 'PATCH /v1/jobs/:id',
    path: async (s) => `/v1/jobs/${await s.waiting()}`,
    body: { eta: LATER },
    expected: [404, 200, 403, 200, 200],
  },
  {
    route: 'PATCH /v1/jobs/:id',
    what: 'input',
    path: async (s) => `/v1/jobs/${await s.waiting()}`,
    body: { input: [3, 4] },
    expected: [404, 403, 403, 403, 200],
  },
  {
    route: 'PATCH /v1/jobs/:id',
    what: 'queue',
    path: async (s) => `/v1/jobs/${await s.waiting()}`,
    body: { queue: 'other' },
    expected: [404, 403, 403, 403, 200],
  },
  {
    route: 'GET /v1/jobs/:id/result',
    path: async (s) => `/v1/jobs/${await s.waiting()}/result`,
    expected: [404, 202, 202, 202, 202],
  },
  {
    route: 'GET /v1/jobs/:id/events',
    path: async (s) => `/v1/jobs/${await s.ended()}/events`,
    expected: [404, 200, 200, 200, 200],
  },
  { route: 'POST /v1/batches', body: BATCH, expected: [202, 202, 403, 202, 202] },
  {
    route: 'GET /v1/batches/:id',
    path: async (s) => `/v1/batches/${await s.batch()}`,
    expected: [404, 200, 200, 200, 200],
  },
  { route: 'POST /v1/workflows', body: { task: 'add', args: [1, 2] }, expected: [202, 202, 403, 202, 202] },
  {
    route: 'GET /v1/jobs/:id/workflow',
    path: async (s) => `/v1/jobs/${await s.waiting()}/workflow`,
    expected: [404, 200, 200, 200, 200],
  },
  {
    route: 'POST /v1/jobs/:id/retry',
    path: async (s) => `/v1/jobs/${await s.ended()}/retry`,
    expected: [404, 202, 403, 202, 202],
  },
  {
    route: 'POST /v1/jobs/:id/retry',
    what: 'another input',
    path: async (s) => `/v1/jobs/${await s.ended()}/retry`,
    body: [5, 6],
    expected: [404, 403, 403, 403, 202],
  },
  { route: 'DELETE /v1/records', path: () => '/v1/records?owner=ann&dryRun=1', expected: [403, 200, 403, 403, 200] },
  { route: 'GET /v1/dead', expected: ALL },
  { route: 'GET /v1/dead', what: 'of ann', path: () => '/v1/dead?owner=ann', expected: [403, 200, 200, 200, 200] },
  { route: 'DELETE /v1/dead', path: () => '/v1/dead?owner=ann&dryRun=1', expected: [403, 200, 403, 403, 200] },
  {
    route: 'POST /v1/dead/redrive',
    path: () => '/v1/dead/redrive?owner=ann&dryRun=1',
    expected: [403, 200, 403, 200, 200],
  },
  { route: 'GET /v1/dead/:id', path: (s) => `/v1/dead/${s.letter()}`, expected: [404, 200, 200, 200, 200] },
  {
    route: 'PATCH /v1/dead/:id',
    path: (s) => `/v1/dead/${s.letter()}`,
    body: { input: [2] },
    expected: [404, 403, 403, 403, 200],
  },
  { route: 'DELETE /v1/dead/:id', path: (s) => `/v1/dead/${s.letter()}`, expected: [404, 204, 403, 403, 204] },
  {
    route: 'POST /v1/dead/:id/redrive',
    path: (s) => `/v1/dead/${s.letter()}/redrive`,
    expected: [404, 200, 403, 200, 200],
  },
  // The token is the right to answer, also where the job is another's.
  { route: 'POST /v1/waits/:token', path: () => '/v1/waits/x', body: 1, expected: [404, 404, 403, 404, 404] },
  { route: 'GET /v1/jobs', what: 'recorded', path: () => '/v1/jobs?recorded=1', expected: ALL },
  {
    route: 'GET /v1/jobs',
    what: 'recorded, of ann',
    path: () => '/v1/jobs?owner=ann',
    expected: [403, 200, 200, 200, 200],
  },
  { route: 'GET /v1/jobs', what: 'recorded, hidden', path: () => '/v1/jobs?recorded=1&task=hidden', expected: HIDDEN },
  {
    route: 'GET /v1/jobs/:id/input',
    path: async (s) => `/v1/jobs/${await s.ended()}/input`,
    expected: [404, 200, 403, 403, 200],
  },
  {
    route: 'GET /v1/jobs/:id/history',
    path: async (s) => `/v1/jobs/${await s.ended()}/history`,
    expected: [404, 200, 200, 200, 200],
  },
  {
    route: 'POST /v1/jobs/retry',
    path: () => '/v1/jobs/retry?task=add&dryRun=1',
    expected: [200, 200, 403, 200, 200],
  },
  {
    route: 'POST /v1/jobs/retry',
    what: 'of ann',
    path: () => '/v1/jobs/retry?owner=ann&dryRun=1',
    expected: [403, 200, 403, 200, 200],
  },
  {
    route: 'POST /v1/jobs/revoke',
    path: () => '/v1/jobs/revoke?task=add&dryRun=1',
    expected: [200, 200, 403, 200, 200],
  },
  {
    route: 'POST /v1/jobs/revoke',
    what: 'of ann',
    path: () => '/v1/jobs/revoke?owner=ann&dryRun=1',
    expected: [403, 200, 403, 200, 200],
  },
  { route: 'GET /v1/stats', expected: ALL },
  { route: 'GET /v1/stats', what: 'of all', path: () => '/v1/stats?by=all', expected: SEEN },
  { route: 'GET /v1/stats', what: 'of ann', path: () => '/v1/stats?owner=ann', expected: [403, 200, 200, 200, 200] },
  { route: 'GET /v1/stats', what: 'of a hidden task', path: () => '/v1/stats?task=hidden', expected: HIDDEN },
  { route: 'GET /v1/failures', expected: ALL },
  {
    route: 'GET /v1/failures',
    what: 'of ann',
    path: () => '/v1/failures?owner=ann',
    expected: [403, 200, 200, 200, 200],
  },
  { route: 'GET /v1/failures/:fingerprint', path: () => '/v1/failures/none', expected: [404, 404, 404, 404, 404] },
  {
    route: 'POST /v1/failures/:fingerprint/retry',
    path: () => '/v1/failures/none/retry?dryRun=1',
    expected: [404, 404, 403, 404, 404],
  },
  { route: 'GET /v1/alerts', expected: SEEN },
  { route: 'GET /v1/me', expected: ALL },
  { route: 'GET /v1/tasks', expected: ALL },
  { route: 'GET /v1/workflows', expected: ALL },
  {
    route: 'GET /v1/workflows',
    what: 'of ann',
    path: () => '/v1/workflows?owner=ann',
    expected: [403, 200, 200, 200, 200],
  },
  { route: 'GET /v1/workflows', what: 'hidden', path: () => '/v1/workflows?task=hidden', expected: HIDDEN },
  { route: 'GET /v1/live', head: true, path: () => '/v1/live?watch=jobs,stats,failures', expected: ALL },
  { route: 'GET /v1/live', what: 'queues', head: true, path: () => '/v1/live?watch=queues', expected: SEEN },
  { route: 'GET /v1/live', what: 'workers', head: true, path: () => '/v1/live?watch=jobs,workers', expected: SEEN },
  {
    route: 'GET /v1/live',
    what: 'of ann',
    head: true,
    path: () => '/v1/live?watch=jobs&owner=ann',
    expected: [403, 200, 200, 200, 200],
  },
  {
    route: 'GET /v1/live',
    what: 'by queue',
    head: true,
    path: () => '/v1/live?watch=stats&by=queue',
    expected: SEEN,
  },
  { route: 'GET /v1/events', head: true, expected: ALL },
  {
    route: 'GET /v1/events',
    what: 'of ann',
    head: true,
    path: () => '/v1/events?owner=ann',
    expected: [403, 200, 200, 200, 200],
  },
  { route: 'GET /v1/audit', expected: [403, 403, 403, 403, 200] },
  { route: 'GET /v1/queues', expected: SEEN },
  { route: 'GET /v1/queues/:name', path: () => '/v1/queues/celery', expected: SEEN },
  { route: 'POST /v1/queues/:name/pause', path: () => '/v1/queues/q/pause', expected: [403, 403, 403, 204, 204] },
  { route: 'POST /v1/queues/:name/resume', path: () => '/v1/queues/q/resume', expected: [403, 403, 403, 204, 204] },
  {
    route: 'GET /v1/queues/:name/messages',
    path: () => '/v1/queues/q/messages',
    expected: [403, 403, 403, 200, 200],
  },
  {
    route: 'GET /v1/queues/:name/messages',
    what: 'content',
    path: () => '/v1/queues/q/messages?content=1',
    expected: [403, 403, 403, 403, 200],
  },
  {
    route: 'DELETE /v1/queues/:name/messages',
    path: () => '/v1/queues/q/messages',
    expected: [403, 403, 403, 403, 200],
  },
  { route: 'GET /v1/workers', expected: SEEN },
  { route: 'GET /v1/workers/:name', path: () => '/v1/workers/w@live', expected: SEEN },
  {
    route: 'GET /v1/workers/:name/stack',
    path: () => '/v1/workers/w@live/stack',
    expected: [403, 403, 403, 200, 200],
  },
  {
    route: 'POST /v1/workers/:name/profile',
    path: () => '/v1/workers/w@live/profile',
    body: { seconds: 1 },
    expected: [403, 403, 403, 200, 200],
  },
  ...Object.entries(ACTIONS).map(
    ([action, { body, expected }]): Row => ({
      route: `POST /v1/workers/:name/${action}`,
      path: () => `/v1/workers/w@live/${action}`,
      body,
      expected: expected ?? [403, 403, 403, 200, 200],
    }),
  ),
  {
    route: 'POST /v1/workers/:name/shutdown',
    path: () => '/v1/workers/w@live/shutdown',
    expected: [403, 403, 403, 403, 202],
  },
  { route: 'GET /v1/doctor', expected: SEEN },
  { route: 'GET /v1/doctor/jobs/:id', path: () => '/v1/doctor/jobs/x', expected: SEEN },
  {
    route: 'GET /v1/moments',
    path: () => `/v1/moments?schedule=${encodeURIComponent('{"kind":"every","interval":"1h"}')}`,
    expected: SEEN,
  },
  { route: 'GET /v1/schedules', expected: SEEN },
  {
    route: 'POST /v1/schedules',
    body: { name: 'of rows', schedule: { kind: 'every', interval: '1h' }, task: 'add', input: [1, 2] },
    expected: [403, 403, 403, 403, 201],
  },
  { route: 'GET /v1/schedules/:name', path: (s) => s.schedule(), expected: SEEN },
  {
    route: 'PATCH /v1/schedules/:name',
    path: (s) => s.schedule(),
    body: { jitter: '1s' },
    expected: [403, 403, 403, 403, 200],
  },
  {
    route: 'POST /v1/schedules/:name/pause',
    path: async (s) => `${await s.schedule()}/pause`,
    expected: [403, 403, 403, 204, 204],
  },
  {
    route: 'POST /v1/schedules/:name/resume',
    path: async (s) => `${await s.schedule()}/resume`,
    expected: [403, 403, 403, 204, 204],
  },
  {
    route: 'POST /v1/schedules/:name/run',
    path: async (s) => `${await s.schedule()}/run`,
    expected: [403, 403, 403, 202, 202],
  },
  { route: 'DELETE /v1/schedules/:name', path: (s) => s.schedule(), expected: [403, 403, 403, 403, 204] },
  { route: 'GET /v1/limits', expected: [403, 403, 200, 200, 200] },
  { route: 'PUT /v1/pauses/:kind/:name', path: () => '/v1/pauses/queue/q', expected: [403, 403, 403, 204, 204] },
  { route: 'DELETE /v1/pauses/:kind/:name', path: () => '/v1/pauses/queue/q', expected: [403, 403, 403, 204, 204] },
]

/** How many dead letters the rows use up: each of those with one in its path asks for two more than there are people. */
export const LETTERS_USED = ROWS.filter(({ route }) => route.includes('/dead/:id')).length * 10
