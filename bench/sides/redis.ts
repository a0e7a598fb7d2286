import { startNode, startPython } from '../harness/performer.ts'
import { askVersion, type Side } from '../harness/side.ts'
import { installPeers } from '../packages.ts'
import type { RedisStore } from '../stores/redis.ts'
import { versionIn, versionsOf } from '../versions.ts'

/** The same for all: one server that writes nothing to disk. */
const DURABLE = "in the server's memory: a crash of a client loses nothing, one of the server everything"

/** As kombu and Celery lay them out. */
const CELERY = {
  messages: (store: RedisStore) => store.sum('LLEN celery', 'HLEN unacked'),
  results: (store: RedisStore) => store.matching('celery-task-meta-*', 'SUCCESS'),
}

export const celeriac: Side<RedisStore> = {
  name: 'celeriac',
  semantics: {
    ack: 'late, under a lease that is renewed, fenced',
    result: 'stored until it expires, and readable, in one step with the ack',
    durable: DURABLE,
    events: 'the result is published to its subscribers',
  },
  inFlight: 1000,
  rate: 40_000,
  version: async ({ root }) => versionIn(root),
  start: startNode('celeriac.ts'),
  ...CELERY,
}

export const bullmq: Side<RedisStore> = {
  name: 'BullMQ',
  semantics: {
    ack: 'late, under a lock that is renewed',
    result: 'the return value stays in the job for ever, in one step with the ack',
    durable: DURABLE,
    events: 'a stream with four events of each job',
  },
  inFlight: 1000,
  rate: 22_000,
  install: () => installPeers('bullmq'),
  version: async () => versionsOf(await installPeers('bullmq'), ['bullmq', 'ioredis']),
  start: startNode('bullmq.ts'),
  messages: (store) => store.sum('LLEN bull:bench:wait', 'LLEN bull:bench:active'),
  results: (store) => store.sum('ZCARD bull:bench:completed'),
}

export const celery: Side<RedisStore> = {
  name: 'Celery',
  semantics: {
    ack: 'late, under a visibility timeout; prefork -c 2, calls one at a time',
    result: 'stored until it expires, and readable, before the ack',
    durable: DURABLE,
    events: 'the result is published to its subscribers; worker events are off, as by default',
  },
  inFlight: 1,
  rate: 1500,
  version: ({ root }) => askVersion(startPython, root, ''),
  start: startPython,
  ...CELERY,
}

/** Both with the events of tasks, as Celery's tools receive them. */
export const eventful: readonly Side<RedisStore>[] = [
  { ...celeriac, name: 'celeriac -E', start: startNode('celeriac.ts', { taskEvents: true }) },
  { ...celery, name: 'Celery -E', start: (order) => startPython(order, { taskEvents: true }) },
]

export const bare: Side<RedisStore> = {
  name: 'bare',
  semantics: {
    ack: 'early: what a worker has taken is lost when it dies',
    result: 'the same bytes stored until they expire, and published; 100 tasks per pipeline',
    durable: DURABLE,
    events: 'the result is published',
  },
  inFlight: 1000,
  rate: 100_000,
  version: async ({ root }) => versionsOf(root, ['ioredis']),
  start: startNode('bareRedis.ts'),
  ...CELERY,
}

/** With a rate and a concurrency limit by 1,000 keys, of all workers, which hold up no task. */
export const limited: Side<RedisStore> = {
  ...celeriac,
  name: 'celeriac, limits',
  start: startNode('celeriac.ts', { keys: 1000 }),
}

/** With its limiter, which has no keys, and holds up no task. */
export const limitedBullmq: Side<RedisStore> = {
  ...bullmq,
  name: 'BullMQ, limiter',
  start: startNode('bullmq.ts', { limiter: { max: 1_000_000, duration: 1000 } }),
}
