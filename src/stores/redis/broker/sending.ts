import type { Route } from '../../../broker/broker.ts'
import { LANE_PREFIX, LANE_QUEUE_START, type Lane, laneOf } from '../../../broker/lane.ts'
import { CONTROL_EXCHANGE } from '../../../protocol/control.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { EVENT_EXCHANGE } from '../../../protocol/event.ts'
import { LIMITS_HEADER } from '../../../protocol/limits.ts'
import { MESSAGE } from '../arguments.ts'
import type { Script } from '../connection/connection.ts'
import { DEAD_LUA } from '../deadLetterLua.ts'
import { bindingMember, type Keys } from './keys.ts'
import { SETTLING } from './scripts.ts'

/** Celery's exchanges whose messages go to all consumers of the moment (celery-wire §3), and are in no list. */
export const SIGNAL_EXCHANGES: ReadonlySet<string> = new Set([CONTROL_EXCHANGE, EVENT_EXCHANGE])

/** How long a transient queue is kept after its last message, ms. */
export const TRANSIENT_QUEUE_LIFETIME_MS = 86_400_000

/**
 * Lua, after SETTLING: `send(kind, target, time, text)`: a message as MESSAGE has it; a dead letter is kept. `sent()`
 * does the pushes. `unsendable(kind, target)`: why it cannot be sent, as the server would answer, else nil; to be
 * called before the first write. A script with it has the visibility timeout, s, as ARGV[2].
 */
export const SEND_LUA: string = `${DEAD_LUA}
local visibility = tonumber(ARGV[2])
local lists, texts, ways, arrivals = {}, {}, {}, {}
-- As routeTarget and laneTarget write it.
local function way_of(target)
  local way = ways[target]
  if way then return way end
  way = cjson.decode(target)
  way.lists, way.lanes = {}, {}
  local queues = way.exchange and bound_queues(way.exchange, way.key, way.members) or {way.queue}
  for at, queue in ipairs(queues) do
    if way.limits then way.lanes[at] = lanes(prefix).lane_of(queue, way.digest) end
    way.lists[at] = list_of(way.lanes[at] or queue, way.priority)
  end
  ways[target] = way
  return way
end
local function park(tag, time, value)
  local score = string.format('%.6f', tonumber(time) - visibility)
  redis.call('HSET', unacked, tag, value)
  redis.call('ZADD', index, score, tag)
  redis.call('SADD', parked, tag)
  return score
end
local function unsendable(kind, target)
  if kind == 'route' or kind == 'lane' or kind == 'park lane' then
    local way = way_of(target)
    for _, list in ipairs(way.lists) do
      if unpushable(list) then return unpushable(list) end
    end
    for _, lane in ipairs(way.lanes) do
      if lanes(prefix).problem(lane) then return lanes(prefix).problem(lane) end
    end
  end
  if kind == 'bury' then return unburiable(target) or nil end
  return (kind == 'push' and unpushable(target)) or ((kind == 'park' or kind == 'park lane') and unheld()) or nil
end
local function push(list, text)
  if not texts[list] then
    lists[#lists + 1] = list
    texts[list] = {}
  end
  texts[list][#texts[list] + 1] = text
end
local function send(kind, target, time, text)
  if kind == 'push' then
    push(target, text)
  elseif kind == 'route' or kind == 'lane' then
    local way = way_of(target)
    for _, member in ipairs(way.members or {}) do redis.pcall('SADD', prefix .. '_kombu.binding.' .. way.exchange, member) end
    for at, list in ipairs(way.lists) do
      push(list, text)
      local lane = way.lanes[at]
      if lane then arrivals[lane] = {limits = way.limits, count = (arrivals[lane] and arrivals[lane].count or 0) + 1} end
    end
    if way.channel then redis.pcall('PUBLISH', way.channel, text) end
  elseif kind == 'park lane' then
    local way, moment, tag = way_of(target), string.match(time, '^(%S+) (%S+)$')
    for at, lane in ipairs(way.lanes) do
      local own_tag = at == 1 and tag or tag .. ' ' .. at
      lanes(prefix).tagged(own_tag, '', lane, park(own_tag, moment, '[' .. text .. ',"",' .. cjson.encode(lane) .. ']'))
    end
    redis.pcall('PUBLISH', parked, '')
  elseif kind == 'bury' then
    bury(target, time, text)
  elseif kind == 'park' then
    park(target, time, text)
    redis.pcall('PUBLISH', parked, '')
  end
end
local function sent()
  for _, list in ipairs(lists) do in_pieces('LPUSH', list, texts[list]) end
  for lane, some in pairs(arrivals) do lanes(prefix).arrived(lane, some.limits, some.count) end
end
`

/**
 * ARGV[3…] is MESSAGE of each message. Answers 1 for each that was sent; a text with the reason for one that cannot be.
 */
export const SEND: Script = {
  name: 'send',
  source: `${SETTLING}${SEND_LUA}
local at, out = 3, {}
while at <= #ARGV do
  ${MESSAGE.lua}
  local why = unsendable(kind, target)
  if not why then send(kind, target, time, text) end
  out[#out + 1] = why or 1
end
sent()
finish_lanes()
return out
`,
}

/**
 * Where a message to an exchange goes: by `exchange` and `key` into the lists of the queues that are bound, after these
 * `members` were added to them, or to `channel`; to both where the kind of the exchange is not known here.
 */
export function routeTarget(
  keys: Keys,
  { exchange, routingKey, kind, queues = [] }: Route,
  { headers, properties: { priority = 0 } }: Envelope,
): string {
  const channel = `${keys.channel(exchange)}${routingKey === '' ? '' : `/${routingKey}`}`
  if (kind === 'fanout') return JSON.stringify({ channel, members: [] })
  const members = queues.flatMap(({ name, bindings = [] }) => bindings.map((binding) => bindingMember(binding, name)))
  const limited = laneFacts(laneOf(routingKey, headers), headers)
  return JSON.stringify({
    exchange,
    key: routingKey,
    priority,
    members,
    ...(kind === undefined && { channel }),
    ...limited,
  })
}

/** Where a message to exchange '' goes that waits in a lane. */
export function laneTarget(lane: Lane, { headers, properties: { priority = 0 } }: Envelope): string {
  return JSON.stringify({ queue: lane.queue, priority, ...laneFacts(lane, headers) })
}

/** Digest of a lane, and the text of its limits; nothing where there is none. */
function laneFacts(lane: Lane | undefined, headers: Envelope['headers']): object {
  if (!lane) return {}
  return { digest: lane.name.slice(LANE_PREFIX.length, LANE_QUEUE_START - 1), limits: headers[LIMITS_HEADER] }
}
