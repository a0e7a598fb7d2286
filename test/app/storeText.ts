import { Redis } from 'ioredis'
import { query } from '../postgres/shared.ts'
import type { Lab } from './lab.ts'

/** All that the store of a lab has in its rows or keys, as text: for tests of what is not there. */
export function storeText(lab: Lab): Promise<string> {
  if (lab.kind === 'redis') return redisText(lab.url)
  if (lab.kind === 'postgres') return postgresText(lab.url)
  return Promise.resolve(lab.kind === 'memory' ? '' : sqliteText(lab))
}

function sqliteText(lab: Lab): string {
  const db = lab.database()
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  const rows = tables.map(({ name }) => db.prepare(`SELECT * FROM "${name}"`).all())
  db.close()
  const bytes = (_: string, value: unknown): unknown =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value
  return JSON.stringify(rows, bytes)
}

async function redisText(url: string): Promise<string> {
  const redis = new Redis(url)
  try {
    const keys = await redis.keys('*')
    return (await Promise.all(keys.map(async (key) => `${key} ${await valueText(redis, key)}`))).join('\n')
  } finally {
    redis.disconnect()
  }
}

async function valueText(redis: Redis, key: string): Promise<string> {
  const type = await redis.type(key)
  if (type === 'string') return (await redis.getBuffer(key))?.toString('latin1') ?? ''
  if (type === 'list') return (await redis.lrange(key, 0, -1)).join(' ')
  if (type === 'hash') return JSON.stringify(await redis.hgetall(key))
  if (type === 'set') return (await redis.smembers(key)).join(' ')
  return (await redis.zrange(key, '0', '-1')).join(' ')
}

/** Bytes are in hexadecimal digits: these are read, too. */
async function postgresText(url: string): Promise<string> {
  const tables = await query<{ name: string }>(
    url,
    'SELECT tablename AS name FROM pg_catalog.pg_tables WHERE schemaname = current_schema()',
  )
  const parts = tables.map(({ name }) => `SELECT t::text AS row FROM "${name}" t`)
  const rows = await query<{ row: string }>(url, parts.join(' UNION ALL '))
  const text = rows.map(({ row }) => row).join('\n')
  return text.replace(/\\\\x((?:[0-9a-f]{2})+)/g, (_, hex: string) => Buffer.from(hex, 'hex').toString('latin1'))
}
