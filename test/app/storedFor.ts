import { Redis } from 'ioredis'
import type { Lab, StoreKind } from './lab.ts'

export const DAY = 86_400_000

/** For how long the store keeps the record of an id from now on, ms; 0: it has none, -1: for ever. */
export async function storedFor(lab: Lab, kind: StoreKind, id: string): Promise<number> {
  if (kind === 'redis') return leftOnRedis(lab, `celery-task-meta-${id}`)
  const row = lab.database().prepare('SELECT expires FROM celeriac_result WHERE id = ?').get(id) as
    | { expires: number }
    | undefined
  if (row?.expires === Number.MAX_SAFE_INTEGER) return -1
  return row ? row.expires - Date.now() : 0
}

/** For how long Redis keeps a key, ms. */
export async function leftOnRedis(lab: Lab, key: string): Promise<number> {
  const redis = new Redis(lab.url)
  try {
    return await redis.pttl(key)
  } finally {
    redis.disconnect()
  }
}
