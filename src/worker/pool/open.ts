import { availableParallelism } from 'node:os'
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
  Pick<ParsedWorkerOptions, 'pool' | 'concurrency' | 'module' | 'maxTasksPerChild' | 'maxMemoryPerChild' | 'childHeap'>
>

const BYTES_PER_KILOBYTE = 1024
/** Options for the children of a pool. */
const OF_CHILDREN = ['maxTasksPerChild', 'maxMemoryPerChild', 'childHeap'] as const

/**
 * A pool, not yet started. Throws ConfigError for an unknown kind, a concurrency below 1, threads and processes without
 * a module, and options of children for a pool that has none.
 */
export function openPool(app: Pick<WorkerApp, 'config' | 'runJob' | 'hooks'>, options: PoolOptions): Pool {
  const { pool = DEFAULT_POOL, concurrency, childHeap } = options
  const limits = childHeap === undefined ? undefined : { maxOldGenerationSizeMb: childHeap }
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1)) {
    throw new ConfigError(`concurrency: expected a whole number >= 1, got ${JSON.stringify(concurrency)}`)
  }
  switch (pool) {
    case 'inline':
      refuseOfChildren(pool, options)
      return new InlinePool(app, concurrency ?? DEFAULT_CONCURRENCY)
    case 'solo':
      refuseOfChildren(pool, options)
      if (concurrency !== undefined && concurrency !== 1) {
        throw new ConfigError(`concurrency: expected 1 with pool solo, got ${concurrency}`)
      }
      return new InlinePool(app, 1, 'solo')
    case 'threads':
      return childPool(app, threads(limits), options)
    case 'processes':
    case 'prefork':
      return childPool(app, processes({ heap: childHeap }), options)
    default:
      throw new ConfigError(`pool: expected one of ${POOLS.join(', ')}, got ${JSON.stringify(pool satisfies never)}`)
  }
}

function refuseOfChildren(pool: string, options: PoolOptions): void {
  const given = OF_CHILDREN.find((name) => options[name] !== undefined)
  if (given !== undefined) throw new ConfigError(`${given}: expected pool threads or processes, got ${pool}`)
}

function childPool(app: Pick<WorkerApp, 'config'>, children: ChildKind, options: PoolOptions): Pool {
  const { concurrency = availableParallelism(), module, maxTasksPerChild: maxTasks, maxMemoryPerChild } = options
  if (module === undefined) {
    const where = `module: pool ${children.pool}`
    throw new ConfigError(`${where} needs the path or file URL of the task module, got none`)
  }
  const maxMemory = maxMemoryPerChild === undefined ? undefined : maxMemoryPerChild * BYTES_PER_KILOBYTE
  return new ChildPool(app, children, { size: concurrency, module: moduleText(module), maxTasks, maxMemory })
}

function moduleText(module: unknown): string {
  if (module instanceof URL && module.protocol === 'file:') return module.href
  if (typeof module === 'string' && module !== '') return module
  throw new ConfigError(
    `module: expected the path or file URL of the task module, got ${module instanceof URL ? module.protocol : shown(module)}`,
  )
}
