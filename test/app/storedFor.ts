import { Redis } from 'ioredis'
import { query } from '../postgres/shared.ts'
import type { Lab, StoreKind } from './lab.ts'

export const DAY = 86_400_000

/** For how long the store keeps the record of an id from now on, ms; 0: it has none, -1: for ever. */
export async function storedFor(lab: Lab, kind: StoreKind, id: string): Promise<number> {
  if (kind === 'redis') return leftOnRedis(lab, `celery-task-meta-${id}`)
  const expires = kind === 'postgres' ? await inPostgres(lab, id) : inFile(lab, id)
  if (expires === Number.MAX_SAFE_INTEGER) return -1
  return expires === undefined ? 0 : expires - Date.now()
}

async function inPostgres(lab: Lab, id: string): Promise<number | undefined> {
  const [row] = await query<{ expires: string }>(lab.url, 'SELECT expires FROM result WHERE id = $1', [id])
  return row && Number(row.expires)
}

function inFile(lab: Lab, id: string): number | undefined {
  const row = lab.database().prepare('SELECT expires FROM celeriac_result WHERE id = ?').get(id)
  return row?.expires as number | undefined
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
