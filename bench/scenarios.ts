import type { Conditions, Entrant, Figures, Scenario } from './harness/scenario.ts'
import { entrantsOf } from './harness/side.ts'
import type { WorkflowKind } from './harness/workflows.ts'
import { SIDES } from './http/sides.ts'
import { backlog, requireRoom } from './measures/backlog.ts'
import { beatEntrant } from './measures/beat.ts'
import { bloat } from './measures/bloat.ts'
import { drain } from './measures/drain.ts'
import { enqueue } from './measures/enqueue.ts'
import { heldXmin } from './measures/heldXmin.ts'
import { httpEntrants, status, submit } from './measures/http.ts'
import { idle } from './measures/idle.ts'
import { latency } from './measures/latency.ts'
import { children, mix, recycling, slots } from './measures/pools.ts'
import { recorderEvents, recorderSearch } from './measures/recorder.ts'
import { roundTrip } from './measures/roundTrip.ts'
import { start } from './measures/start.ts'
import { bigChord, workflow } from './measures/workflow.ts'
import { POOL_SIDES, type PoolSide } from './sides/pools.ts'
import * as postgres from './sides/postgres.ts'
import * as rabbitmq from './sides/rabbitmq.ts'
import * as redis from './sides/redis.ts'
import * as sqlite from './sides/sqlite.ts'
import type { RedisStore } from './stores/redis.ts'

const onSqlite = async ({ servers }: Conditions) => servers.sqlite
const onRedis = ({ servers }: Conditions) => servers.redis()
const onPostgres = ({ servers }: Conditions) => servers.postgres()
const onRabbitmq = ({ servers }: Conditions) => servers.rabbitmq()
const onRabbitmqAndRedis = ({ servers }: Conditions) => servers.rabbitmqAndRedis()

const ENQUEUE = 'calls, 1,000 unanswered at a time (Celery and plainjob: one); no worker runs'
const NO_WORKER = 'no worker runs'
const DRAIN = 'no-op tasks of another process, worked off by one worker, concurrency 100'
const LIMITS =
  'without limits, and with a rate and a concurrency limit by 1,000 keys (BullMQ: its limiter, one for all), none of which is reached'
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
  {
    name: 'sqlite/limits',
    title: `${DRAIN}; ${LIMITS}`,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, sqlite.limited], drain),
  },
  {
    name: 'sqlite/durability-enqueue',
    title: ENQUEUE,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, sqlite.durable], enqueue),
  },
  {
    name: 'sqlite/durability-drain',
    title: DRAIN,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, sqlite.durable], drain),
  },
  {
    name: 'sqlite/durability-round-trip',
    title: ROUND_TRIP,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, sqlite.durable], roundTrip),
  },
  { name: 'sqlite/beat', title: BEAT, repeats: 1, entrants: [beatEntrant(onSqlite)] },
  {
    name: 'sqlite/batches',
    title: `${DRAIN}: one call in a run, and up to 100`,
    entrants: entrantsOf(onSqlite, [sqlite.celeriac, sqlite.batched], drain),
  },
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
  {
    name: 'redis/limits',
    title: `${DRAIN}; ${LIMITS}`,
    entrants: entrantsOf(onRedis, [redis.celeriac, redis.limited, redis.bullmq, redis.limitedBullmq], drain),
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

const POSTGRES_SIDES = [postgres.celeriac, postgres.graphileWorker, postgres.pgBoss, postgres.bullmq, postgres.bare]
const POSTGRES: readonly Scenario[] = [
  {
    name: 'postgres/enqueue',
    title: `calls, 200 unanswered at a time; ${NO_WORKER}`,
    entrants: entrantsOf(onPostgres, POSTGRES_SIDES, enqueue),
  },
  {
    name: 'postgres/enqueue-one',
    title: `calls, one after the other; ${NO_WORKER}`,
    entrants: entrantsOf(onPostgres, POSTGRES_SIDES, (...on) => enqueue(...on, { inFlight: 1 })),
  },
  ...[1000, 10_000].map((bulk) => ({
    name: `postgres/bulk-${bulk}`,
    title: `calls of ${bulk.toLocaleString('en')} tasks each, one after the other; ${NO_WORKER}`,
    entrants: entrantsOf(onPostgres, POSTGRES_SIDES, (...on) => enqueue(...on, { bulk })),
  })),
  {
    name: 'postgres/drain',
    title: DRAIN,
    entrants: entrantsOf(onPostgres, [...POSTGRES_SIDES, postgres.pgBossInLargeBatches], drain),
  },
  {
    name: 'postgres/limits',
    title: `${DRAIN}; ${LIMITS}`,
    entrants: entrantsOf(onPostgres, [postgres.celeriac, postgres.limited], drain),
  },
  {
    name: 'postgres/round-trip',
    title: ROUND_TRIP,
    entrants: entrantsOf(onPostgres, [postgres.celeriac, postgres.bullmq, postgres.bare], roundTrip),
  },
  {
    name: 'postgres/start',
    title: 'from a call to the start of its task, one at a time, across two idle processes',
    entrants: entrantsOf(onPostgres, POSTGRES_SIDES, start),
  },
  { name: 'postgres/idle', title: IDLE, repeats: 1, entrants: entrantsOf(onPostgres, POSTGRES_SIDES, idle) },
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

const RECORDER: readonly Scenario[] = [
  {
    name: 'recorder/events-sqlite',
    title: 'a recorder gets 5,000 events a second, from SQLite',
    repeats: 1,
    entrants: [recorderEvents(onSqlite)],
  },
  {
    name: 'recorder/events-redis',
    title: 'the same, from Redis',
    repeats: 1,
    entrants: [recorderEvents(onRedis)],
  },
  {
    name: 'recorder/search',
    title: 'searches of 13 kinds in the record of 1,000,000 jobs',
    repeats: 1,
    entrants: [recorderSearch()],
  },
]

export const SCENARIOS: readonly Scenario[] = [...SQLITE, ...REDIS, ...POSTGRES, ...RABBITMQ, ...HTTP, ...RECORDER]

/** A short backlog, to compare with. */
const SHORT = 10_000

/** Tasks that are worked off while a stranger's transaction keeps all dead rows: more of them show no more. */
const HELD = 500_000
/** With those alone that can drain so much in minutes. */
const FAST_ON_POSTGRES = [postgres.celeriac, postgres.graphileWorker, postgres.pgBoss, postgres.bare]

/** Long backlogs, each beside a short one, by celeriac alone, and on PostgreSQL beside the bare loop. */
export function hugeScenarios(tasks: number): Scenario[] {
  const stores: readonly (readonly [store: string, entrants: (tasks: number) => Entrant[]])[] = [
    ['sqlite', (count) => entrantsOf(onSqlite, [sqlite.celeriac], (...on) => backlog(...on, count))],
    ['redis', (count) => entrantsOf(onRedis, [redis.celeriac], (...on) => backlog(...on, count))],
    [
      'postgres',
      (count) => entrantsOf(onPostgres, [postgres.celeriac, postgres.bare], (...on) => backlog(...on, count)),
    ],
    ['rabbitmq', (count) => entrantsOf(onRabbitmqAndRedis, [rabbitmq.celeriac], (...on) => backlog(...on, count))],
  ]
  const backlogs = stores.flatMap(([store, entrants]) =>
    [SHORT, tasks].map((count) => ({
      name: `${store}/backlog-${count}`,
      title: `a backlog of ${count.toLocaleString('en')} tasks, all of it, by a warm worker`,
      repeats: count === SHORT ? 3 : 1,
      entrants: entrants(count).map((entrant) => roomy(entrant, count)),
    })),
  )
  return [...backlogs, ...longOnPostgres(tasks)]
}

/** What many tasks do to a table. */
function longOnPostgres(tasks: number): Scenario[] {
  const held = Math.min(tasks, HELD)
  return [
    {
      name: 'postgres/held-xmin',
      title: `${held.toLocaleString('en')} tasks while a transaction that is idle holds xmin, and 60,000 before and after`,
      repeats: 1,
      entrants: entrantsOf(onPostgres, FAST_ON_POSTGRES, (...on) => heldXmin(...on, held)),
    },
    {
      name: 'postgres/bloat',
      title: `${tasks.toLocaleString('en')} tasks in rounds, under the server's own vacuum`,
      repeats: 1,
      entrants: entrantsOf(onPostgres, FAST_ON_POSTGRES, (...on) => bloat(...on, tasks)),
    },
  ]
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
