import type { Conditions, Entrant, Figures, Scenario } from './harness/scenario.ts'
import { entrantsOf } from './harness/side.ts'
import type { WorkflowKind } from './harness/workflows.ts'
import { SIDES } from './http/sides.ts'
import { backlog, requireRoom } from './measures/backlog.ts'
import { beatEntrant } from './measures/beat.ts'
import { drain } from './measures/drain.ts'
import { enqueue } from './measures/enqueue.ts'
import { httpEntrants, status, submit } from './measures/http.ts'
import { idle } from './measures/idle.ts'
import { latency } from './measures/latency.ts'
import { children, mix, recycling, slots } from './measures/pools.ts'
import { roundTrip } from './measures/roundTrip.ts'
import { bigChord, workflow } from './measures/workflow.ts'
import { POOL_SIDES, type PoolSide } from './sides/pools.ts'
import * as rabbitmq from './sides/rabbitmq.ts'
import * as redis from './sides/redis.ts'
import * as sqlite from './sides/sqlite.ts'
import type { RedisStore } from './stores/redis.ts'

const onSqlite = async ({ servers }: Conditions) => servers.sqlite
const onRedis = ({ servers }: Conditions) => servers.redis()
const onRabbitmq = ({ servers }: Conditions) => servers.rabbitmq()
const onRabbitmqAndRedis = ({ servers }: Conditions) => servers.rabbitmqAndRedis()

const ENQUEUE = 'calls, 1,000 unanswered at a time (Celery and plainjob: one); no worker runs'
const DRAIN = 'no-op tasks of another process, worked off by one worker, concurrency 100'
const EVENTS = 'with the events of tasks (-E: three of each, which no one receives) and without'
const ROUND_TRIP = 'from a call to its result, one at a time, across two idle processes'
const IDLE = 'a worker without work'
const BEAT = 'a schedule of 10,000 entries: nothing due, then 1,000 at once'

const OBSERVED =
  'without telemetry, with tracing() and no SDK, with an SDK that samples 1 % of the traces and one that samples all, whose exporter drops the spans, and with metrics()'

const CHORD = 'until the body starts, beside as many independent tasks; one after the other, worker concurrency 50'

/** Workflows on Redis, by all that have them. */
function onePerKind(kind: WorkflowKind, members: number, title: string): Scenario {
  return {
    name: `redis/${kind}`,
    title: `${title}, until the caller has the result; one at a time, worker concurrency 50 (Celery: prefork -c 2)`,
    entrants: entrantsOf(onRedis, [redis.celeriac, redis.bullmq, redis.celery], (...on) =>
      workflow(...on, kind, members),
    ),
  }
}

/** Pools of threads and processes on Redis, by all that have one. */
function ofPools(
  name: string,
  title: string,
  measure: (conditions: Conditions, store: RedisStore, pool: PoolSide) => Promise<Figures>,
): Scenario {
  const entrants = POOL_SIDES.flatMap((pool) =>
    entrantsOf(onRedis, [pool.with({ slots: 1 })], (conditions, store) => measure(conditions, store, pool)),
  )
  return { name: `redis/${name}`, title, entrants }
}

const SQLITE: readonly Scenario[] = [
  {
    name: 'sqlite/enqueue',
    title: ENQUEUE,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, sqlite.plainjob, sqlite.bare], enqueue),
  },
  {
    name: 'sqlite/drain',
    title: DRAIN,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, sqlite.plainjob, sqlite.bare], drain),
  },
  { name: 'sqlite/round-trip', title: ROUND_TRIP, entrants: entrantsOf(onSqlite, [sqlite.celeriac], roundTrip) },
  {
    name: 'sqlite/idle',
    title: IDLE,
    repeats: 1,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, sqlite.plainjob], idle),
  },
  {
    name: 'sqlite/chord-10k',
    title: `a chord of 10,000, ${CHORD}`,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac], (...on) => bigChord(...on, 10_000)),
  },
  { name: 'sqlite/beat', title: BEAT, repeats: 1, entrants: [beatEntrant(onSqlite)] },
  {
    name: 'sqlite/observed-enqueue',
    title: `${OBSERVED}: enqueue`,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, ...sqlite.observed], enqueue),
  },
  {
    name: 'sqlite/observed-drain',
    title: `${OBSERVED}: drain`,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, ...sqlite.observed], drain),
  },
]

const REDIS: readonly Scenario[] = [
  {
    name: 'redis/enqueue',
    title: ENQUEUE,
    entrants: entrantsOf(onRedis, [redis.celeriac, redis.bullmq, redis.celery, redis.bare], enqueue),
  },
  {
    name: 'redis/drain',
    title: DRAIN,
    entrants: entrantsOf(onRedis, [redis.celeriac, redis.bullmq, redis.celery, redis.bare], drain),
  },
  {
    name: 'redis/round-trip',
    title: ROUND_TRIP,
    entrants: entrantsOf(onRedis, [redis.celeriac, redis.bullmq, redis.celery, redis.bare], roundTrip),
  },
  {
    name: 'redis/latency',
    title: 'as drain, with 1 ms more to the server and back, by a proxy',
    repeats: 3,
    entrants: entrantsOf(onRedis, [redis.celeriac, redis.bullmq, redis.celery], latency),
  },
  {
    name: 'redis/idle',
    title: IDLE,
    repeats: 1,
    entrants: entrantsOf(onRedis, [redis.celeriac, redis.bullmq, redis.celery], idle),
  },
  {
    name: 'redis/events',
    title: `${DRAIN}; ${EVENTS}`,
    entrants: entrantsOf(onRedis, [redis.celeriac, redis.celery, ...redis.eventful], drain),
  },
  onePerKind('group', 1000, 'a group of 1,000 no-op tasks'),
  onePerKind('chord', 1000, 'a chord of 1,000 no-op tasks with the sum of their results'),
  onePerKind('chain', 100, 'a chain of 100 steps'),
  {
    name: 'redis/chord-10k',
    title: `a chord of 10,000, ${CHORD}`,
    entrants: entrantsOf(onRedis, [redis.celeriac], (...on) => bigChord(...on, 10_000)),
  },
  {
    name: 'redis/chord-100k',
    title: `a chord of 100,000, ${CHORD}`,
    repeats: 1,
    entrants: entrantsOf(onRedis, [redis.celeriac], (...on) => bigChord(...on, 100_000)),
  },
  ofPools('children', 'no-op tasks through a pool of two children', children),
  ofPools('slots', 'tasks of 20 ms of processor time, by one child and by two', slots),
  ofPools('recycling', 'the same by two children, which stay, or are replaced after 50 tasks', recycling),
  ofPools('mix', 'tasks of 1 ms, from the call to the result, while three of four children have a task of 5 s', mix),
  { name: 'redis/beat', title: BEAT, repeats: 1, entrants: [beatEntrant(onRedis)] },
]

const RABBITMQ_SIDES = [rabbitmq.celeriac, rabbitmq.celery, rabbitmq.bare, rabbitmq.plain]
const RABBITMQ: readonly Scenario[] = [
  { name: 'rabbitmq/enqueue', title: ENQUEUE, entrants: entrantsOf(onRabbitmq, RABBITMQ_SIDES, enqueue) },
  {
    name: 'rabbitmq/drain',
    title: `${DRAIN}; results by rpc:// (bare, plain: none)`,
    entrants: entrantsOf(onRabbitmq, RABBITMQ_SIDES, drain),
  },
  {
    name: 'rabbitmq/drain-redis',
    title: `${DRAIN}; results in Redis`,
    entrants: entrantsOf(onRabbitmqAndRedis, [rabbitmq.celeriac, rabbitmq.celery], drain),
  },
  {
    name: 'rabbitmq/events',
    title: `${DRAIN}; ${EVENTS}`,
    entrants: entrantsOf(onRabbitmqAndRedis, [rabbitmq.celeriac, rabbitmq.celery, ...rabbitmq.eventful], drain),
  },
  {
    name: 'rabbitmq/round-trip',
    title: `${ROUND_TRIP}; results by rpc://`,
    entrants: entrantsOf(onRabbitmq, RABBITMQ_SIDES, roundTrip),
  },
  {
    name: 'rabbitmq/idle',
    title: IDLE,
    repeats: 1,
    entrants: entrantsOf(onRabbitmq, [rabbitmq.celeriac, rabbitmq.celery], idle),
  },
]

const HTTP: readonly Scenario[] = [
  { name: 'http/submit', title: 'POST, answered by 202; no worker runs', entrants: httpEntrants(SIDES, submit) },
  { name: 'http/status-pending', title: 'GET of 200 jobs that wait', entrants: httpEntrants(SIDES, status(false)) },
  { name: 'http/status-ended', title: 'GET of 200 jobs that have ended', entrants: httpEntrants(SIDES, status(true)) },
]

export const SCENARIOS: readonly Scenario[] = [...SQLITE, ...REDIS, ...RABBITMQ, ...HTTP]

/** A short backlog, to compare with. */
const SHORT = 10_000

/** Long backlogs, each beside a short one, by celeriac alone. */
export function hugeScenarios(tasks: number): Scenario[] {
  const stores: readonly (readonly [store: string, entrants: (tasks: number) => Entrant[]])[] = [
    ['sqlite', (count) => entrantsOf(onSqlite, [sqlite.celeriac], (...on) => backlog(...on, count))],
    ['redis', (count) => entrantsOf(onRedis, [redis.celeriac], (...on) => backlog(...on, count))],
    ['rabbitmq', (count) => entrantsOf(onRabbitmqAndRedis, [rabbitmq.celeriac], (...on) => backlog(...on, count))],
  ]
  return stores.flatMap(([store, entrants]) =>
    [SHORT, tasks].map((count) => ({
      name: `${store}/backlog-${count}`,
      title: `a backlog of ${count.toLocaleString('en')} tasks, all of it, by a warm worker`,
      repeats: count === SHORT ? 3 : 1,
      entrants: entrants(count).map((entrant) => roomy(entrant, count)),
    })),
  )
}

/** The entrant, where there is room for its backlog. */
function roomy(entrant: Entrant, tasks: number): Entrant {
  return {
    ...entrant,
    async prepare(conditions) {
      requireRoom(conditions, tasks)
      return entrant.prepare(conditions)
    },
  }
}
