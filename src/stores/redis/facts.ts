import type { StoreFacts } from '../storeFacts.ts'
import type { RedisConnection } from './connection/connection.ts'
import { isReply } from './connection/errors.ts'
import { field } from './connection/serverCheck.ts'

/** Clock and memory of the server; what it does not let us read is absent. */
export async function redisFacts(connection: RedisConnection): Promise<StoreFacts> {
  const [time, info] = await Promise.all([read(connection, 'time'), read(connection, 'info', 'memory')])
  const [seconds, micros] = Array.isArray(time) ? time.map(Number) : []
  const now = seconds === undefined || micros === undefined ? undefined : seconds * 1000 + micros / 1000
  const [used, limit, policy] = ['used_memory', 'maxmemory', 'maxmemory_policy'].map((name) => field(info, name))
  const memory = used && limit && policy ? { used: Number(used), limit: Number(limit), policy } : undefined
  return { store: connection.url, now, memory }
}

/** Undefined where the server refuses it, as managed ones do. */
async function read(connection: RedisConnection, ...command: [string, ...string[]]): Promise<unknown> {
  try {
    return await connection.command(...command)
  } catch (error) {
    if (isReply(error)) return undefined
    throw error
  }
}
