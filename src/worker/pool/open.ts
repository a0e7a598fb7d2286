import { availableParallelism } from 'node:os'
import { ConfigError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import { DEFAULT_CONCURRENCY, DEFAULT_POOL, POOLS, type WorkerOptions } from '../options.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { ChildKind } from './child/host.ts'
import { ChildPool } from './child/pool.ts'
import { InlinePool } from './inline.ts'
import type { Pool } from './pool.ts'
import { processes } from './processes/process.ts'
import { threads } from './threads/thread.ts'

/** The options of a worker that its pool needs. */
export type PoolOptions = Pick<WorkerOptions, 'pool' | 'concurrency' | 'module'>

/**
 * A pool, not yet started. Throws ConfigError for an unknown kind, a concurrency below 1, or threads and processes
 * without a module.
 */
export function openPool(app: Pick<WorkerApp, 'config' | 'runJob'>, options: PoolOptions): Pool {
  const { pool = DEFAULT_POOL, concurrency } = options
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1)) {
    throw new ConfigError(`concurrency: expected a whole number >= 1, got ${JSON.stringify(concurrency)}`)
  }
  switch (pool) {
    case 'inline':
      return new InlinePool(app, concurrency ?? DEFAULT_CONCURRENCY)
    case 'solo':
      if (concurrency !== undefined && concurrency !== 1) {
        throw new ConfigError(`concurrency: expected 1 with pool solo, got ${concurrency}`)
      }
      return new InlinePool(app, 1, 'solo')
    case 'threads':
      return childPool(app, threads(), options)
    case 'processes':
    case 'prefork':
      return childPool(app, processes(), options)
    default:
      throw new ConfigError(`pool: expected one of ${POOLS.join(', ')}, got ${JSON.stringify(pool satisfies never)}`)
  }
}

function childPool(app: Pick<WorkerApp, 'config'>, children: ChildKind, { concurrency, module }: PoolOptions): Pool {
  if (module === undefined) {
    const where = `module: pool ${children.pool}`
    throw new ConfigError(`${where} needs the path or file URL of the task module, got none`)
  }
  return new ChildPool(app, children, { size: concurrency ?? availableParallelism(), module: moduleText(module) })
}

function moduleText(module: unknown): string {
  if (module instanceof URL && module.protocol === 'file:') return module.href
  if (typeof module === 'string' && module !== '') return module
  throw new ConfigError(
    `module: expected the path or file URL of the task module, got ${module instanceof URL ? module.protocol : shown(module)}`,
  )
}
