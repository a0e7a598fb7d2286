import type { Route } from '../../../broker/broker.ts'
import { CONTROL_EXCHANGE } from '../../../protocol/control.ts'
import { EVENT_EXCHANGE } from '../../../protocol/event.ts'
import { MESSAGE } from '../arguments.ts'
import type { Script } from '../connection/connection.ts'
import { bindingMember, type Keys } from './keys.ts'
import { SETTLING } from './scripts.ts'

/** Celery's exchanges whose messages go to all consumers of the moment (celery-wire §3), and are in no list. */
export const SIGNAL_EXCHANGES: ReadonlySet<string> = new Set([CONTROL_EXCHANGE, EVENT_EXCHANGE])

/** How long a transient queue is kept after its last message, ms. */
export const TRANSIENT_QUEUE_LIFETIME_MS = 86_400_000

/**
 * Lua, after SETTLING: `send(kind, target, time, text)`: a message as MESSAGE has it. `sent()` does the pushes.
 * `unsendable(kind, target)`: why it cannot be sent, as the server would answer, else nil; to be called before the
 * first write. A script with it has the visibility timeout, s, as ARGV[2].
 */
export const SEND_LUA = `
local visibility = tonumber(ARGV[2])
local lists, texts, ways = {}, {}, {}
-- As routeTarget writes it.
local function way_of(target)
  local way = ways[target]
  if way then return way end
  way = cjson.decode(target)
  way.lists = {}
  if way.exchange then
    for at, queue in ipairs(bound_queues(way.exchange, way.key, way.members)) do
      way.lists[at] = list_of(queue, way.priority)
    end
  end
  ways[target] = way
  return way
end
local function unsendable(kind, target)
  if kind == 'route' then
    for _, list in ipairs(way_of(target).lists) do
      if unpushable(list) then return unpushable(list) end
    end
  end
  return (kind == 'push' and unpushable(target)) or (kind == 'park' and unheld()) or nil
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
  elseif kind == 'route' then
    local way = way_of(target)
    for _, member in ipairs(way.members) do redis.pcall('SADD', prefix .. '_kombu.binding.' .. way.exchange, member) end
    for _, list in ipairs(way.lists) do push(list, text) end
    if way.channel then redis.pcall('PUBLISH', way.channel, text) end
  elseif kind == 'park' then
    redis.call('HSET', unacked, target, text)
    redis.call('ZADD', index, string.format('%.6f', tonumber(time) - visibility), target)
    redis.call('SADD', parked, target)
    redis.pcall('PUBLISH', parked, '')
  end
end
local function sent()
  for _, list in ipairs(lists) do in_pieces('LPUSH', list, texts[list]) end
end
`

/** ARGV[3…] is MESSAGE of one message. */
export const SEND: Script = {
  name: 'send',
  source: `${SETTLING}${SEND_LUA}
local at = 3
${MESSAGE.lua}
local why = unsendable(kind, target)
if why then return redis.error_reply(why) end
send(kind, target, time, text)
sent()
`,
}

/**
 * Where a message to an exchange goes: by `exchange` and `key` into the lists of the queues that are bound, after these
 * `members` were added to them, or to `channel`; to both where the kind of the exchange is not known here.
 */
export function routeTarget(keys: Keys, { exchange, routingKey, kind, queues = [] }: Route, priority: number): string {
  const channel = `${keys.channel(exchange)}${routingKey === '' ? '' : `/${routingKey}`}`
  if (kind === 'fanout') return JSON.stringify({ channel, members: [] })
  const members = queues.flatMap(({ name, bindings = [] }) => bindings.map((binding) => bindingMember(binding, name)))
  return JSON.stringify({ exchange, key: routingKey, priority, members, ...(kind === undefined && { channel }) })
}
