import type { PoolOrder } from '../children/poolScene.ts'
import { startNode, startPython } from '../harness/performer.ts'
import type { Side } from '../harness/side.ts'
import type { RedisStore } from '../stores/redis.ts'
import { celeriac, celery } from './redis.ts'

/** A pool of children: a side for each load. */
export interface PoolSide {
  readonly name: string
  readonly semantics: Side<RedisStore>['semantics']
  /** No-op tasks/s: sizes the first backlog. */
  readonly rate: number
  with(load: PoolOrder): Side<RedisStore>
}

function ofCeleriac(pool: 'threads' | 'processes', rate: number): PoolSide {
  const { semantics } = celeriac
  const side = (load: PoolOrder): Side<RedisStore> => ({
    ...celeriac,
    name: pool,
    rate,
    start: startNode('celeriacPool.ts', { ...load, pool }),
  })
  return { name: pool, semantics, rate, with: side }
}

export const threads = ofCeleriac('threads', 8000)
export const processes = ofCeleriac('processes', 4000)

export const prefork: PoolSide = {
  name: celery.name,
  semantics: { ...celery.semantics, ack: 'late, under a visibility timeout; prefork' },
  rate: celery.rate,
  with: (load) => ({ ...celery, start: (order) => startPython(order, load) }),
}

export const POOL_SIDES: readonly PoolSide[] = [threads, processes, prefork]
