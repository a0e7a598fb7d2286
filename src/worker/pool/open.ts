import { availableParallelism } from 'node:os'
import { ConfigError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import { DEFAULT_CONCURRENCY, DEFAULT_POOL, type WorkerOptions } from '../options.ts'
import type { WorkerApp } from '../workerApp.ts'
import { InlinePool } from './inline.ts'
import type { Pool } from './pool.ts'
import { ThreadPool } from './threads/pool.ts'

/** The options of a worker that its pool needs. */
export type PoolOptions = Pick<WorkerOptions, 'pool' | 'concurrency' | 'module'>

/**
 * A pool, not yet started. Throws ConfigError for an unknown kind, a concurrency below 1, or threads without a module.
 */
export function openPool(app: Pick<WorkerApp, 'config' | 'runJob'>, options: PoolOptions): Pool {
  const { pool = DEFAULT_POOL, concurrency, module } = options
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
      if (module === undefined) {
        throw new ConfigError('module: pool threads needs the path or file URL of the task module, got none')
      }
      return new ThreadPool(app, { size: concurrency ?? availableParallelism(), module: moduleText(module) })
    default:
      throw new ConfigError(`pool: expected inline, threads or solo, got ${JSON.stringify(pool satisfies never)}`)
  }
}

function moduleText(module: unknown): string {
  if (module instanceof URL && module.protocol === 'file:') return module.href
  if (typeof module === 'string' && module !== '') return module
  throw new ConfigError(
    `module: expected the path or file URL of the task module, got ${module instanceof URL ? module.protocol : shown(module)}`,
  )
}
