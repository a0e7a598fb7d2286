import { type Backlog, dueSince, earliest } from '../../../broker/backlog.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { pieces } from '../../../std/chunks.ts'
import type { RedisConnection, Script } from '../connection/connection.ts'
import { LANES_LUA } from '../limits/laneLua.ts'
import { lanesOf } from '../limits/lanesOf.ts'
import { readEnvelope } from './envelope.ts'
import type { Keys } from './keys.ts'
import { KINDS, READING } from './scripts.ts'

/** How many of the lanes of a queue that are open, and of all, are asked for their next messages. */
const MAX_OPEN_LANES = 8

/*
 * KEYS: unacked, parked, then the lists of each queue. Returns the counts of held and delayed messages, then for each
 * list its length, and id and eta of the message that is served next: of a large message only these cross the network.
 * A list of another type has no messages. ARGV[1] is the prefix, ARGV[2…] are the queues: if there are lanes, the last
 * in the answer has for each how many messages wait in its lanes, then id and eta of the next in some of them.
 */
const BACKLOG: Script = {
  name: 'backlog',
  source: `${KINDS}${LANES_LUA}
local delayed = redis.call('SCARD', KEYS[2])
local found = { redis.call('HLEN', KEYS[1]) - delayed, delayed }
local function add_next(list, out)
  local text = redis.call('LINDEX', list, -1)
  out[#out + 1] = text and string.match(text, '"id": ?"([^"]*)"') or ''
  out[#out + 1] = text and string.match(text, '"eta": ?"([^"]*)"') or ''
end
for at = 3, #KEYS do
  local length = redis.pcall('LLEN', KEYS[at])
  if type(length) ~= 'number' then length = 0 end
  found[#found + 1] = length
  if length > 0 then
    add_next(KEYS[at], found)
  else
    found[#found + 1], found[#found + 2] = '', ''
  end
end
local prefix = ARGV[1]
local own = prefix .. 'celeriac.'
-- Those that are served next, and some others.
local function some_lanes(queue)
  local digests = redis.call('ZRANGE', own .. 'lanes-open.' .. queue, 0, ${MAX_OPEN_LANES - 1})
  local others = redis.call('HSCAN', own .. 'lanes.' .. queue, 0, 'COUNT', ${MAX_OPEN_LANES})[2]
  for at = 1, math.min(#others, ${2 * MAX_OPEN_LANES}), 2 do digests[#digests + 1] = others[at] end
  return digests
end
if redis.pcall('EXISTS', own .. 'lanes-waiting') == 1 then
  local laned = {}
  for at = 2, #ARGV do
    local queue, one = ARGV[at], {}
    one[1] = redis.call('HGET', own .. 'lanes-waiting', queue) or '0'
    for _, digest in ipairs(some_lanes(queue)) do
      for _, list in ipairs(lanes(prefix).lists_of(lanes(prefix).lane_of(queue, digest))) do
        if redis.call('EXISTS', list) == 1 then add_next(list, one) end
      end
    end
    laned[at - 1] = one
  end
  found[#found + 1] = laned
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
  const answer = await connection.script(
    BACKLOG,
    [keys.unacked, keys.parked, ...lists.flat()],
    [keys.prefix, ...queues],
  )
  const [held, delayed, ...rest] = answer as [number, number, ...(string | number)[]]
  const laned: unknown = rest.at(-1)
  const lanes = (Array.isArray(laned) ? laned : []) as (readonly string[])[]
  const next = (): { length: number; due: number | undefined } => {
    const [length, id, eta] = rest.splice(0, 3)
    return { length: Number(length), due: dueSince(id, eta === '' ? undefined : eta) }
  }
  const found = lists.map((list, index) => {
    const each = list.map(next)
    const [inLanes = 0, ...heads] = lanes[index] ?? []
    const waiting = each.reduce((sum, { length }) => sum + length, Number(inLanes))
    const moments = pieces(heads, 2).map(([id, eta]) => dueSince(id, eta === '' ? undefined : eta))
    const oldest = earliest([...each.map(({ due }) => due), ...moments])
    return [queues[index] as string, { waiting, oldest }] as const
  })
  return { queues: new Map(found), delayed, held: Math.max(0, held) }
}

/**
 * KEYS: the lists of a queue or lane, that which is served last first; ARGV[1]: at most how many. Answers the ids of
 * the messages that have waited for the longest time in the first list that has any.
 */
const OLDEST: Script = {
  name: 'oldest',
  source: `${READING}
local out = {}
for _, list in ipairs(KEYS) do
  local texts = redis.pcall('LRANGE', list, -tonumber(ARGV[1]), -1)
  for at = #texts, 1, -1 do out[#out + 1] = id_of(texts[at]) end
  if #out > 0 then break end
end
return out`,
}

/** `Broker.oldest`. */
export async function oldestIn(
  connection: RedisConnection,
  keys: Keys,
  queue: string,
  count: number,
): Promise<readonly string[]> {
  const find = async (name: string, most: number): Promise<string[]> =>
    (await connection.script(OLDEST, keys.lists(name).reverse(), [most])) as string[]
  const ids = await find(queue, count)
  if (ids.length > 0) return ids
  for await (const lanes of lanesOf(connection, keys, queue)) {
    for (const lane of lanes) if (ids.length < count) ids.push(...(await find(lane, count - ids.length)))
    if (ids.length >= count) break
  }
  return ids
}

/**
 * KEYS: the lists of a queue or lane, that which is served first first; ARGV[1]: at most how many. Answers their texts.
 * A list of another type has none.
 */
const PEEK: Script = {
  name: 'peek',
  source: `
local out, left = {}, tonumber(ARGV[1])
for _, list in ipairs(KEYS) do
  if left <= 0 then break end
  local texts = redis.pcall('LRANGE', list, -left, -1)
  for at = #texts, 1, -1 do out[#out + 1] = texts[at] end
  left = left - #texts
end
return out`,
}

/** `Broker.peek`. */
export async function peekIn(
  connection: RedisConnection,
  keys: Keys,
  queue: string,
  count: number,
): Promise<readonly Envelope[]> {
  const textsOf = async (name: string, most: number): Promise<string[]> =>
    (await connection.script(PEEK, keys.lists(name), [most])) as string[]
  const texts = await textsOf(queue, count)
  if (texts.length < count)
    for await (const lanes of lanesOf(connection, keys, queue)) {
      for (const lane of lanes) if (texts.length < count) texts.push(...(await textsOf(lane, count - texts.length)))
      if (texts.length >= count) break
    }
  return texts.map((text) => readEnvelope(text).envelope)
}
