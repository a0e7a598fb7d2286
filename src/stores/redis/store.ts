import type { Store, StoreDriver, StoreMigration, StoreOptions, StoreUse } from '../store.ts'
import { RedisBroker } from './broker/broker.ts'
import { connectRedis } from './connection/client.ts'
import { refuseVolatile } from './connection/serverCheck.ts'
import type { Session } from './connection/session.ts'
import { parseRedisUrl } from './connection/url.ts'
import { migrateRedis, requireLayout } from './layout.ts'
import { RedisBackend } from './results/backend.ts'
import { RedisScheduleStore } from './schedule.ts'
import { RedisUnitOfWork } from './unitOfWork.ts'

/** One database of a Redis server. */
export const redisStore: StoreDriver = {
  identity: (url) => parseRedisUrl(url).url,
  open: openRedis,
  migrate: migrateStore,
}

function openRedis(url: string, options: StoreOptions, use: StoreUse): Store {
  const { warn, storeTimeout: wait, keyPrefix = '', durability } = options
  const name = use.broker ? 'celeriac' : 'celeriac-results'
  const place = { url: parseRedisUrl(url).url, prefix: keyPrefix }
  const opened = async (session: Session): Promise<void> => {
    if (durability === 'full') await refuseVolatile(session, place.url, warn ?? (() => undefined))
    await requireLayout(session, place)
  }
  const connection = connectRedis(url, { name, warn, wait, opened })
  const broker = use.broker ? new RedisBroker(url, connection, options) : undefined
  const backend = use.backend ? new RedisBackend(connection, options, broker?.keys.unacked) : undefined
  return {
    broker,
    backend,
    unitOfWork: broker && backend && new RedisUnitOfWork(broker, backend),
    schedule: async (app) => new RedisScheduleStore(connection, keyPrefix, app),
    facts: async () => (await import('./facts.ts')).redisFacts(connection),
    close: async () => {
      await backend?.close()
      try {
        await broker?.close()
      } finally {
        await connection.close()
      }
    },
  }
}

async function migrateStore(
  url: string,
  { storeTimeout: wait, keyPrefix = '' }: StoreOptions,
  print: boolean,
): Promise<StoreMigration> {
  const connection = connectRedis(url, { name: 'celeriac-migrate', wait })
  try {
    return { store: connection.url, ...(await migrateRedis(connection, keyPrefix, print)) }
  } finally {
    await connection.close()
  }
}
