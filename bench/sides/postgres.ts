import { startNode } from '../harness/performer.ts'
import type { Side } from '../harness/side.ts'
import { installPeers } from '../packages.ts'
import type { PostgresStore } from '../stores/postgres.ts'
import { versionIn, versionsOf } from '../versions.ts'

/** The same for all: the server's defaults, fsync and synchronous_commit on. */
const DURABLE = 'from its commit: a crash or a power cut loses nothing'

export const celeriac: Side<PostgresStore> = {
  name: 'celeriac',
  semantics: {
    ack: 'late, under a lease that is renewed, fenced',
    result: 'stored until it expires, and readable, in one transaction with the ack',
    durable: DURABLE,
    events: 'state changes, notified to subscribers',
  },
  inFlight: 200,
  rate: 25_000,
  version: async ({ root }) => versionIn(root),
  start: startNode('celeriac.ts'),
  messages: (store) => store.rows('celeriac.message'),
  results: (store) => store.rows('celeriac.result', 'final'),
}

export const graphileWorker: Side<PostgresStore> = {
  name: 'graphile-worker',
  semantics: {
    ack: 'late, under a lock that is never renewed and ends after 4 hours; 500 locked at once, completed together',
    result: 'none: the job is deleted',
    durable: DURABLE,
    events: 'none',
  },
  inFlight: 200,
  rate: 20_000,
  install: () => installPeers('graphileWorker'),
  version: async () => versionsOf(await installPeers('graphileWorker'), ['graphile-worker', 'pg']),
  start: startNode('graphileWorker.ts'),
  messages: (store) => store.rows('graphile_worker._private_jobs'),
}

export const pgBoss: Side<PostgresStore> = {
  name: 'pg-boss',
  semantics: {
    ack: 'late; an active job expires after 15 minutes; four workers, 200 in each batch',
    result: 'one value for the whole batch, kept with each job for 7 days, in one statement with the ack; not awaited',
    durable: DURABLE,
    events: 'none',
  },
  inFlight: 200,
  rate: 15_000,
  install: () => installPeers('pgBoss'),
  version: async () => versionsOf(await installPeers('pgBoss'), ['pg-boss', 'pg']),
  start: startNode('pgBoss.ts'),
  messages: (store) => store.rows('pgboss.job', "state < 'completed' AND name = 'bench'"),
  results: (store) => store.rows('pgboss.job', "state = 'completed' AND name = 'bench'"),
}

/** Larger batches are faster, and fail as a whole. */
export const pgBossInLargeBatches: Side<PostgresStore> = {
  ...pgBoss,
  name: 'pg-boss 1000',
  semantics: { ...pgBoss.semantics, ack: 'as pg-boss, 1,000 in each batch' },
  start: startNode('pgBoss.ts', { batch: 1000 }),
}

export const bullmq: Side<PostgresStore> = {
  name: 'BullMQ',
  semantics: {
    ack: 'late, under a lock that is renewed',
    result: 'the return value stays in the job for ever, in one step with the ack',
    durable: DURABLE,
    events: 'a table with the events of each job',
  },
  inFlight: 200,
  rate: 1200,
  install: () => installPeers('bullmqPostgres'),
  version: async () => versionsOf(await installPeers('bullmqPostgres'), ['bullmq', 'pg']),
  start: startNode('bullmq.ts'),
  messages: (store) => store.rows('bullmq.job', "state NOT IN ('completed', 'failed')"),
  results: (store) => store.rows('bullmq.job', "state = 'completed'"),
}

export const bare: Side<PostgresStore> = {
  name: 'bare',
  semantics: {
    ack: 'late, under a lease that is not renewed, and from which nothing is rescued; 200 in each transaction',
    result: 'a row of the same length, in one transaction with the ack; its caller is notified and reads it',
    durable: DURABLE,
    events: 'one notification for each transaction',
  },
  inFlight: 200,
  rate: 30_000,
  version: async ({ root }) => versionsOf(root, ['pg']),
  start: startNode('barePostgres.ts'),
  messages: (store) => store.rows('message'),
  results: (store) => store.rows('result'),
}

/** With a rate and a concurrency limit by 1,000 keys, of all workers, which hold up no task. */
export const limited: Side<PostgresStore> = {
  ...celeriac,
  name: 'celeriac, limits',
  start: startNode('celeriac.ts', { keys: 1000 }),
}
