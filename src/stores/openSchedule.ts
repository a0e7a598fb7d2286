import type { ResultBackend } from '../backend/backend.ts'
import type { Broker } from '../broker/broker.ts'
import { REDIS_SCHEMES } from '../broker/schemes.ts'
import { ConfigError } from '../std/errors.ts'
import { schemeOf } from '../std/url.ts'
import type { ScheduleStore } from './scheduleStore.ts'

/** Whose schedule it is. */
export interface ScheduleOwner {
  /** Name of the app: apps that share a store have a schedule each. */
  readonly app: string
  /** Redis: before every key. */
  readonly prefix: string
}

/**
 * The schedule beside the app's store: the broker's where it can keep one, else the result backend's. It is closed with them.
 * Rejects with ConfigError where neither can.
 */
export async function openScheduleStore(
  { broker, backend }: { readonly broker: Broker; readonly backend: ResultBackend },
  { app, prefix }: ScheduleOwner,
): Promise<ScheduleStore> {
  for (const store of [broker, backend]) {
    const scheme = schemeOf(store.url)
    if (scheme === 'sqlite') return (await import('./sqlite/schedule.ts')).SqliteScheduleStore.open(store, app)
    if (REDIS_SCHEMES.has(scheme))
      return new (await import('./redis/schedule.ts')).RedisScheduleStore(store, prefix, app)
    if (scheme === 'memory') return new (await import('./memory/schedule.ts')).MemoryScheduleStore()
  }
  throw new ConfigError(
    `a schedule needs a broker or result backend that can keep it: expected one of sqlite: or redis:, got ${broker.url} and ${backend.url}`,
  )
}
