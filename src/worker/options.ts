import { DEFAULT_AHEAD } from '../broker/broker.ts'
import type { TaskPool } from '../config/taskValues.ts'
import { allowedCommands, type ControlAllowed } from '../protocol/controlCommands.ts'
import type { Duration } from '../std/duration.ts'
import { type LogOption, requireLog } from '../std/log.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import {
  type Autoscale,
  parseAutoscale,
  parseTaskPools,
  parseWeights,
  requireQueues,
  requireShare,
} from './poolOptions.ts'

/**
 * Where tasks run: in this thread, many at once or one at a time, or each in a thread or a process of its own.
 * `prefork` is Celery's word for `processes`.
 */
export type PoolKind = 'inline' | 'threads' | 'processes' | 'prefork' | 'solo'

/** What a worker takes, and how it runs it. */
export interface WorkerOptions {
  // <WORKER_OPTIONS> written by `npm run docs:api` from the table below
  /**
   * Where tasks run. `'inline'`: many at once in this thread, for work that waits. `'threads'`: each in a thread of its
   * own, which can be ended by force, for work that computes. `'processes'` (or `'prefork'`): each in a process of its
   * own, for native code that may crash. `'solo'`: one at a time, in this thread. Default `'inline'`.
   */
  pool?: PoolKind | undefined
  /**
   * Tasks at once, and how many messages it holds. Default: 100 inline, one per core in threads and processes; solo is
   * always 1.
   */
  concurrency?: number | undefined
  /**
   * Most and fewest tasks at once: threads and processes grow and shrink by their load, from `min` on. Of its own pool,
   * in place of `concurrency`: `{ max: 10, min: 2 }`. Default: none.
   */
  autoscale?: Autoscale | undefined
  /**
   * Most messages that are taken ahead for each slot; `0`: no such limit. Only of short tasks; on Redis and RabbitMQ.
   * Default `4`.
   */
  prefetchMultiplier?: number | undefined
  /**
   * Also take from a queue of its own, `workerDirect(hostname)`, to which calls for this worker alone are sent. Default
   * `false`.
   */
  workerDirect?: boolean | undefined
  /** Take a message only when a slot is free. Default `false`. */
  disablePrefetch?: boolean | undefined
  /**
   * Tasks at once in pools beside its own, which tasks ask for by their option `pool`: `{ threads: 2 }`. Default: `{
   * inline: 100 }`, one per core in threads and processes.
   */
  taskPools?: Partial<Record<TaskPool, number>> | undefined
  /** Queues to take from, or their weights, as `{ fast: 3, slow: 1 }`. Default: the app's queue. */
  queues?: readonly string[] | Readonly<Record<string, number>> | undefined
  /** Queues not to take from: of `queues` or, without these, of all queues of the app and its tasks. Default: none. */
  excludeQueues?: readonly string[] | undefined
  /** Name for people and remote control; each running worker needs its own. Default: `celeriac@<host>`. */
  hostname?: string | undefined
  /**
   * Path or file URL (text or `URL`) of the module with the app: needed by threads and processes, which load it once
   * each. Default: none.
   */
  module?: string | URL | undefined
  /**
   * How many tasks it runs before it stops by itself. It then waits for those that run, however long they take.
   * Default: no limit.
   */
  maxTasks?: number | undefined
  /**
   * How many tasks a thread or process of the pool runs before another takes its place. Its successor is started before
   * it ends. Default: no limit.
   */
  maxTasksPerChild?: number | undefined
  /**
   * A thread or process that uses more memory than this after a task is replaced. Of a process all of its memory (RSS)
   * counts, of a thread its JavaScript heap and its buffers. In kilobytes of 1024 bytes, as with Celery. Default: no
   * limit.
   */
  maxMemoryPerChild?: number | undefined
  /**
   * Largest JavaScript heap of a thread or process of the pool. A task that needs more ends its thread or process. In
   * megabytes, as `--max-old-space-size` of Node. Default: Node's.
   */
  childHeap?: number | undefined
  /**
   * While the event loop of its thread is busy for a larger share of the time, it takes one task at a time, as `0.95`.
   * Default: no limit.
   */
  maxEventLoopUtilization?: number | undefined
  /**
   * While it uses more memory than this, it takes one task at a time. The RSS of its process and, on Linux, of all
   * processes that it and its tasks have started. In kilobytes of 1024 bytes. Default: no limit.
   */
  maxMemory?: number | undefined
  /** Time limit of tasks where neither call nor task has one; `0`: none. Default: the app's. */
  timeLimit?: Duration | undefined
  /** The same for the soft time limit. Default: the app's. */
  softTimeLimit?: Duration | undefined
  /**
   * After so many runs that ended with their workers a task is given up. From the second on it runs in a process of its
   * own, where the worker has a `module`. Default `10`.
   */
  maxWorkerLosses?: number | undefined
  /** After so many threads or processes that died with it a task is given up. Default `3`. */
  maxChildLosses?: number | undefined
  /**
   * How long running tasks may go on when it stops. Then the rest is aborted, ended by force, and goes back to its
   * queue. Default `'25s'`.
   */
  grace?: Duration | undefined
  /**
   * How long its broker may be unavailable before `health.live` is false, and `/livez` 503. It recovers by itself when
   * the broker is back; a supervisor may start it again after this time. Default `'5m'`.
   */
  maxOutage?: Duration | undefined
  /** How long a running task that is revoked with `terminate` may take to stop by itself. Default `'5s'`. */
  revokeGrace?: Duration | undefined
  /**
   * Commands of remote control that it obeys: all, none (`false`), or those that are named; `'inspect'` names all that
   * only ask. Without `revoke` it learns of revoked tasks only from the store, when it starts. Default `true`.
   */
  control?: boolean | readonly string[] | undefined
  /** Where CPU profiles are written. Default: the temporary folder of the system. */
  profileFolder?: string | undefined
  /** Send the events of its tasks from the start. Default: the app's. */
  taskEvents?: boolean | undefined
  /**
   * Pause between its heartbeats; `0`: none. Default: `'2s'` on Redis and RabbitMQ; elsewhere none until events are
   * asked for, then `'2s'`.
   */
  heartbeatInterval?: Duration | undefined
  /**
   * Where its log goes: a line when it is ready, for each task received, succeeded, failed, retried …, and when it
   * stops; `false`: nowhere. Workers of one app share one log. Default: the app's `logger`.
   */
  logger?: LogOption | undefined
  // </WORKER_OPTIONS>
}

/** Parsed: times in ms. What the pool needs is checked where it is opened. */
export interface ParsedWorkerOptions
  extends Pick<
    WorkerOptions,
    | 'concurrency'
    | 'module'
    | 'maxTasksPerChild'
    | 'maxMemoryPerChild'
    | 'childHeap'
    | 'maxEventLoopUtilization'
    | 'maxMemory'
    | 'taskEvents'
    | 'logger'
    | 'profileFolder'
  > {
  readonly pool: PoolKind
  readonly prefetchMultiplier: number
  readonly disablePrefetch: boolean
  readonly workerDirect: boolean
  readonly autoscale: Autoscale | undefined
  readonly taskPools: Partial<Record<TaskPool, number>>
  /** By their names, with their weights. */
  readonly queues: ReadonlyMap<string, number> | undefined
  readonly excludeQueues: readonly string[] | undefined
  readonly maxTasks: number | undefined
  readonly hostname: string | undefined
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  readonly maxWorkerLosses: number
  readonly maxChildLosses: number
  readonly grace: number
  readonly maxOutage: number
  readonly revokeGrace: number
  readonly control: ControlAllowed
  readonly heartbeatInterval: number | undefined
}

export const POOLS: readonly PoolKind[] = ['inline', 'threads', 'processes', 'prefork', 'solo']
export const DEFAULT_POOL: PoolKind = 'inline'
/** Tasks at once in the pool `inline`. */
export const DEFAULT_CONCURRENCY = 100

/** Any worker uses more: a smaller limit was meant in another unit. */
const MIN_MEMORY_KB = 32_768

export const WORKER_OPTIONS: OptionTable<WorkerOptions, ParsedWorkerOptions> = {
  pool: {
    kind: 'value',
    type: 'PoolKind',
    default: DEFAULT_POOL,
    doc: 'where tasks run',
    more: "`'inline'`: many at once in this thread, for work that waits. `'threads'`: each in a thread of its own, which can be ended by force, for work that computes. `'processes'` (or `'prefork'`): each in a process of its own, for native code that may crash. `'solo'`: one at a time, in this thread.",
    celery: 'worker_pool',
  },
  concurrency: {
    kind: 'value',
    type: 'number',
    absent: `${DEFAULT_CONCURRENCY} inline, one per core in threads and processes; solo is always 1`,
    doc: 'tasks at once, and how many messages it holds',
    celery: 'worker_concurrency',
  },
  autoscale: {
    kind: 'value',
    type: 'Autoscale',
    parse: parseAutoscale,
    absent: 'none',
    doc: 'most and fewest tasks at once: threads and processes [grow and shrink by their load](how-to/choose-a-pool.md#autoscale), from `min` on',
    more: 'Of its own pool, in place of `concurrency`: `{ max: 10, min: 2 }`.',
    celery: '--autoscale',
  },
  prefetchMultiplier: {
    kind: 'count',
    min: 0,
    default: DEFAULT_AHEAD,
    doc: 'most messages that are [taken ahead](how-to/choose-a-pool.md#messages-taken-ahead) for each slot; `0`: no such limit',
    more: 'Only of short tasks; on Redis and RabbitMQ.',
    celery: 'worker_prefetch_multiplier',
  },
  workerDirect: {
    kind: 'flag',
    default: false,
    doc: 'also take from a queue of its own, [`workerDirect(hostname)`](reference.md#exchanges), to which calls for this worker alone are sent',
    celery: 'worker_direct',
  },
  disablePrefetch: {
    kind: 'flag',
    default: false,
    doc: 'take a message only when a slot is free',
    celery: 'worker_disable_prefetch',
  },
  taskPools: {
    kind: 'value',
    type: 'Partial<Record<TaskPool, number>>',
    parse: parseTaskPools,
    default: {},
    absent: '`{ inline: 100 }`, one per core in threads and processes',
    doc: 'tasks at once in pools beside its own, which tasks ask for by their option `pool`: `{ threads: 2 }`',
  },
  queues: {
    kind: 'value',
    type: 'readonly string[] | Readonly<Record<string, number>>',
    parse: parseWeights,
    absent: "the app's queue",
    doc: 'queues to take from, or [their weights](how-to/tune-a-worker.md#weights-of-queues), as `{ fast: 3, slow: 1 }`',
    celery: '--queues',
  },
  excludeQueues: {
    kind: 'value',
    type: 'readonly string[]',
    check: requireQueues,
    absent: 'none',
    doc: 'queues not to take from: of `queues` or, without these, of all queues of the app and its tasks',
    celery: '--exclude-queues',
  },
  hostname: {
    kind: 'text',
    absent: '`celeriac@<host>`',
    doc: 'name for people and remote control; each running worker needs its own',
    celery: '--hostname',
  },
  module: {
    kind: 'value',
    type: 'string | URL',
    absent: 'none',
    doc: 'path or file URL (text or `URL`) of the module with the app: needed by threads and processes, which load it once each',
  },
  maxTasks: {
    kind: 'count',
    min: 1,
    absent: 'no limit',
    doc: 'how many tasks it runs before it stops by itself',
    more: 'It then waits for those that run, however long they take.',
  },
  maxTasksPerChild: {
    kind: 'count',
    min: 1,
    absent: 'no limit',
    doc: 'how many tasks a thread or process of the pool runs before another takes its place',
    more: 'Its successor is started before it ends.',
    celery: 'worker_max_tasks_per_child',
  },
  maxMemoryPerChild: {
    kind: 'count',
    min: 1,
    unit: 'kilobytes',
    absent: 'no limit',
    doc: 'a thread or process that uses more memory than this after a task is replaced',
    more: 'Of a process all of its memory (RSS) counts, of a thread its JavaScript heap and its buffers. In kilobytes of 1024 bytes, as with Celery.',
    celery: 'worker_max_memory_per_child',
  },
  childHeap: {
    kind: 'count',
    min: 8,
    unit: 'megabytes',
    absent: "Node's",
    doc: 'largest JavaScript heap of a thread or process of the pool',
    more: 'A task that needs more ends its thread or process. In megabytes, as `--max-old-space-size` of Node.',
  },
  maxEventLoopUtilization: {
    kind: 'value',
    type: 'number',
    check: requireShare,
    absent: 'no limit',
    doc: 'while the event loop of its thread is busy for a larger share of the time, it [takes one task at a time](how-to/choose-a-pool.md#back-pressure), as `0.95`',
  },
  maxMemory: {
    kind: 'count',
    min: MIN_MEMORY_KB,
    unit: 'kilobytes',
    absent: 'no limit',
    doc: 'while it uses more memory than this, it [takes one task at a time](how-to/choose-a-pool.md#back-pressure)',
    more: 'The RSS of its process and, on Linux, of all processes that it and its tasks have started. In kilobytes of 1024 bytes.',
  },
  timeLimit: {
    kind: 'duration',
    absent: "the app's",
    doc: '[time limit](reference.md#time-limits) of tasks where neither call nor task has one; `0`: none',
    celery: '--time-limit',
  },
  softTimeLimit: {
    kind: 'duration',
    absent: "the app's",
    doc: 'the same for the [soft time limit](reference.md#time-limits)',
    celery: '--soft-time-limit',
  },
  maxWorkerLosses: {
    kind: 'count',
    min: 1,
    default: 10,
    doc: 'after so many runs that ended with their workers a task is [given up](guarantees.md#lost-workers-and-children)',
    more: 'From the second on it runs in a process of its own, where the worker has a `module`.',
  },
  maxChildLosses: {
    kind: 'count',
    min: 1,
    default: 3,
    doc: 'after so many threads or processes that died with it a task is [given up](guarantees.md#lost-workers-and-children)',
  },
  grace: {
    kind: 'duration',
    default: '25s',
    doc: 'how long running tasks may go on when it stops',
    more: 'Then the rest is aborted, ended by force, and goes back to its queue.',
  },
  maxOutage: {
    kind: 'duration',
    default: '5m',
    doc: 'how long its broker may be unavailable before `health.live` is false, and `/livez` 503',
    more: 'It recovers by itself when the broker is back; a supervisor may start it again after this time.',
  },
  revokeGrace: {
    kind: 'duration',
    default: '5s',
    doc: 'how long a running task that is revoked with `terminate` may take to stop by itself',
  },
  control: {
    kind: 'value',
    type: 'boolean | readonly string[]',
    parse: allowedCommands,
    default: true,
    doc: "commands of [remote control](how-to/what-is-my-worker-doing.md) that it obeys: all, none (`false`), or those that are named; `'inspect'` names all that only ask",
    more: 'Without `revoke` it learns of revoked tasks only from the store, when it starts.',
    celery: 'worker_enable_remote_control',
  },
  profileFolder: {
    kind: 'text',
    absent: 'the temporary folder of the system',
    doc: 'where [CPU profiles](how-to/what-is-my-worker-doing.md#cpu-profiles) are written',
  },
  taskEvents: {
    kind: 'flag',
    absent: "the app's",
    doc: 'send the [events of its tasks](how-to/watch-a-fleet.md#events) from the start',
    celery: '--task-events',
  },
  heartbeatInterval: {
    kind: 'duration',
    absent: "`'2s'` on Redis and RabbitMQ; elsewhere none until events are asked for, then `'2s'`",
    doc: 'pause between its [heartbeats](how-to/watch-a-fleet.md#heartbeats); `0`: none',
    celery: '--heartbeat-interval',
  },
  logger: {
    kind: 'value',
    type: 'LogOption',
    check: requireLog,
    absent: "the app's `logger`",
    doc: 'where its log goes: a line when it is ready, for each task received, succeeded, failed, retried …, and when it stops; `false`: nowhere',
    more: 'Workers of one app share one log.',
  },
}

/** Throws ArgumentError. */
export function parseWorkerOptions(options: WorkerOptions): ParsedWorkerOptions {
  return readOptions(WORKER_OPTIONS, options, 'Worker', '')
}
