import type { StoreFacts } from '../store.ts'
import type { RedisConnection } from './connection/connection.ts'

/** Clock and memory of the server; what it does not let us read is absent. */
export async function redisFacts(connection: RedisConnection): Promise<StoreFacts> {
  const [seconds, micros] = (await connection.command('time')) as [string, string]
  const text = String(await connection.command('info', 'memory'))
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1]
  const [used, limit, policy] = [field('used_memory'), field('maxmemory'), field('maxmemory_policy')]
  const memory = used && limit && policy ? { used: Number(used), limit: Number(limit), policy } : undefined
  return { store: connection.url, now: Number(seconds) * 1000 + Number(micros) / 1000, memory }
}
