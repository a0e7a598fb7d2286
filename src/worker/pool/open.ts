import { availableParallelism } from 'node:os'
import type { TaskPool } from '../../config/taskValues.ts'
import { ConfigError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import { DEFAULT_CONCURRENCY, DEFAULT_POOL, type ParsedWorkerOptions, POOLS } from '../options.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { ChildKind } from './child/host.ts'
import { ChildPool } from './child/pool.ts'
import { InlinePool } from './inline.ts'
import type { Pool } from './pool.ts'
import { processes } from './processes/process.ts'
import { threads } from './threads/thread.ts'

/** The options of a worker that its pool needs. */
export type PoolOptions = Partial<
  Pick<
    ParsedWorkerOptions,
    | 'pool'
    | 'concurrency'
    | 'autoscale'
    | 'taskPools'
    | 'module'
    | 'maxTasksPerChild'
    | 'maxMemoryPerChild'
    | 'childHeap'
  >
>

type PoolApp = Pick<WorkerApp, 'config' | 'runJob' | 'tasks' | 'hooks'>

const BYTES_PER_KILOBYTE = 1024
/** Options for the children of a pool. */
const OF_CHILDREN = ['maxTasksPerChild', 'maxMemoryPerChild', 'childHeap'] as const

/**
 * A pool, not yet started. Throws ConfigError for an unknown kind, a concurrency below 1, threads and processes without
 * a module, and options of children for a pool that has none.
 */
export function openPool(app: PoolApp, options: PoolOptions): Pool {
  const { pool = DEFAULT_POOL, concurrency, autoscale } = options
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1)) {
    throw new ConfigError(`concurrency: expected a whole number >= 1, got ${JSON.stringify(concurrency)}`)
  }
  if (autoscale && (pool === 'inline' || pool === 'solo'))
    throw new ConfigError(`autoscale: expected pool threads or processes, got ${pool}`)
  if (autoscale && concurrency !== undefined)
    throw new ConfigError(`concurrency: expected none beside autoscale, which begins with its min, got ${concurrency}`)
  switch (pool) {
    case 'inline':
      refuseOfChildren(app, pool, options)
      return new InlinePool(app, concurrency ?? DEFAULT_CONCURRENCY)
    case 'solo':
      refuseOfChildren(app, pool, options)
      if (concurrency !== undefined && concurrency !== 1) {
        throw new ConfigError(`concurrency: expected 1 with pool solo, got ${concurrency}`)
      }
      return new InlinePool(app, 1, 'solo')
    case 'threads':
    case 'processes':
      return childPool(app, pool, options, autoscale?.min ?? concurrency)
    case 'prefork':
      return childPool(app, 'processes', options, autoscale?.min ?? concurrency)
    default:
      throw new ConfigError(`pool: expected one of ${POOLS.join(', ')}, got ${JSON.stringify(pool satisfies never)}`)
  }
}

/** A pool beside the worker's own, for tasks that ask for it. Threads and processes need the option `module`. */
export function openTaskPool(app: PoolApp, kind: TaskPool, options: PoolOptions): Pool {
  const concurrency = options.taskPools?.[kind]
  if (kind === 'inline') return new InlinePool(app, concurrency ?? DEFAULT_CONCURRENCY)
  return childPool(app, kind, options, concurrency)
}

/** They are for the children of the pools that tasks ask for, where there are such tasks. */
function refuseOfChildren({ tasks }: Pick<PoolApp, 'tasks'>, pool: 'inline' | 'solo', options: PoolOptions): void {
  const children = [...tasks.values()].map(({ definition }) => definition.options.pool)
  if (pool === 'inline' && children.some((kind) => kind === 'threads' || kind === 'processes')) return
  const given = OF_CHILDREN.find((name) => options[name] !== undefined)
  if (given !== undefined) throw new ConfigError(`${given}: expected pool threads or processes, got ${pool}`)
}

function childPool(
  app: PoolApp,
  kind: ChildKind['pool'],
  options: PoolOptions,
  size: number = availableParallelism(),
): Pool {
  const { module, maxTasksPerChild: maxTasks, maxMemoryPerChild } = options
  if (module === undefined)
    throw new ConfigError(`module: pool ${kind} needs the path or file URL of the task module, got none`)
  const maxMemory = maxMemoryPerChild === undefined ? undefined : maxMemoryPerChild * BYTES_PER_KILOBYTE
  return new ChildPool(app, childrenOf(kind, options), {
    size,
    module: moduleText(module),
    maxTasks,
    maxMemory,
  })
}

function childrenOf(kind: ChildKind['pool'], { childHeap: heap }: PoolOptions): ChildKind {
  if (kind === 'processes') return processes({ heap })
  return threads(heap === undefined ? undefined : { maxOldGenerationSizeMb: heap })
}

function moduleText(module: unknown): string {
  if (module instanceof URL && module.protocol === 'file:') return module.href
  if (typeof module === 'string' && module !== '') return module
  throw new ConfigError(
    `module: expected the path or file URL of the task module, got ${module instanceof URL ? module.protocol : shown(module)}`,
  )
}
