import type { Telemetry } from '../children/telemetry.ts'
import { startNode } from '../harness/performer.ts'
import { askVersion, type Side } from '../harness/side.ts'
import { installPeers } from '../packages.ts'
import type { SqliteStore } from '../stores/sqlite.ts'
import { versionIn } from '../versions.ts'

/** The same for all: the write-ahead log with `synchronous = NORMAL`. */
const DURABLE = 'from its commit: a crash loses nothing, a power cut may lose the last moments'

export const celeriac: Side<SqliteStore> = {
  name: 'celeriac',
  semantics: {
    ack: 'late, under a lease that is renewed',
    result: 'stored and readable, in one transaction with the ack',
    durable: DURABLE,
    events: 'state changes, by the version of the record',
  },
  inFlight: 1000,
  rate: 40_000,
  version: async ({ root }) => versionIn(root),
  start: startNode('celeriac.ts'),
  messages: async (store) => store.rows('message'),
  results: async (store) => store.rows('result', "state = 'SUCCESS'"),
}

/** The same, with a task that gets a list of calls. */
export const batched: Side<SqliteStore> = {
  ...celeriac,
  name: 'batch 100',
  start: startNode('celeriac.ts', { batch: 100 }),
}

/** The same, observed. */
export const observed: readonly Side<SqliteStore>[] = (
  [
    ['no SDK', 'api'],
    ['SDK 1%', 0.01],
    ['SDK', 1],
    ['metrics', 'metrics'],
  ] satisfies [string, Telemetry][]
).map(([name, telemetry]) => ({ ...celeriac, name, start: startNode('celeriac.ts', { telemetry }) }))

export const plainjob: Side<SqliteStore> = {
  name: 'plainjob',
  semantics: {
    ack: 'late; a job of a dead worker is requeued after a time-out',
    result: 'none: a mark that the job is done; one transaction per call, one job at a time',
    durable: DURABLE,
    events: 'none',
  },
  inFlight: 1,
  rate: 15_000,
  install: () => installPeers('plainjob'),
  // Its driver has a native part, which may not work here.
  version: async ({ root }) => askVersion(startNode('plainjob.ts'), root, await installPeers('plainjob')),
  start: startNode('plainjob.ts'),
  messages: async (store) => store.rows('plainjob_jobs', 'status IN (0, 1)'),
  results: async (store) => store.rows('plainjob_jobs', 'status = 2'),
}

export const bare: Side<SqliteStore> = {
  name: 'bare',
  semantics: {
    ack: 'late, without a lease',
    result: 'a row of the same length; 100 tasks per transaction',
    durable: DURABLE,
    events: 'none',
  },
  inFlight: 1,
  rate: 90_000,
  version: async () => `node:sqlite ${process.versions.sqlite}`,
  start: startNode('bareSqlite.ts'),
  messages: async (store) => store.rows('message'),
  results: async (store) => store.rows('result', "state = 'SUCCESS'"),
}

/** Each commit waits for the disk. */
export const durable: Side<SqliteStore> = {
  ...celeriac,
  name: "durability 'full'",
  semantics: { ...celeriac.semantics, durable: 'from its commit: a crash or a power cut loses nothing' },
  start: startNode('celeriac.ts', { durability: 'full' }),
}

/** With a rate and a concurrency limit by 1,000 keys, of all workers, which hold up no task. */
export const limited: Side<SqliteStore> = {
  ...celeriac,
  name: 'celeriac, limits',
  start: startNode('celeriac.ts', { keys: 1000 }),
}
