import { type Backlog, dueSince, earliest } from '../../../broker/backlog.ts'
import type { RedisConnection, Script } from '../connection/connection.ts'
import type { Keys } from './keys.ts'

/*
 * KEYS: unacked, parked, then the lists of each queue. Returns the counts of held and delayed messages, then for each
 * list its length, and id and eta of the message that is served next: of a large message only these cross the network.
 * A list of another type has no messages.
 */
const BACKLOG: Script = {
  name: 'backlog',
  source: `local delayed = redis.call('SCARD', KEYS[2])
local found = { redis.call('HLEN', KEYS[1]) - delayed, delayed }
for at = 3, #KEYS do
  local length, id, eta = redis.pcall('LLEN', KEYS[at]), '', ''
  if type(length) ~= 'number' then length = 0 end
  if length > 0 then
    local text = redis.call('LINDEX', KEYS[at], -1)
    id = string.match(text, '"id": ?"([^"]*)"') or ''
    eta = string.match(text, '"eta": ?"([^"]*)"') or ''
  end
  found[#found + 1] = length
  found[#found + 1] = id
  found[#found + 1] = eta
end
return found`,
}

/** What lies in a database, or under a prefix. */
export async function readBacklog(
  connection: RedisConnection,
  keys: Keys,
  queues: readonly string[],
): Promise<Backlog> {
  const lists = queues.map((queue) => keys.lists(queue))
  const answer = await connection.script(BACKLOG, [keys.unacked, keys.parked, ...lists.flat()], [])
  const [held, delayed, ...rest] = answer as [number, number, ...(string | number)[]]
  const next = (): { length: number; due: number | undefined } => {
    const [length, id, eta] = rest.splice(0, 3)
    return { length: Number(length), due: dueSince(id, eta === '' ? undefined : eta) }
  }
  const found = lists.map((list, index) => {
    const each = list.map(next)
    const waiting = each.reduce((sum, { length }) => sum + length, 0)
    return [queues[index] as string, { waiting, oldest: earliest(each.map(({ due }) => due)) }] as const
  })
  return { queues: new Map(found), delayed, held: Math.max(0, held) }
}
