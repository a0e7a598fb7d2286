/*
 * Dead letters in Redis, under one prefix: `celeriac.dead` (a sorted set: id, by version), `celeriac.dead-facts` (id:
 * a line of JSON, see backend/dead/pages.ts, then the first line of the metadata of its job), `celeriac.dead-messages`
 * (id: `t` or `b`, for a body of text or bytes, then a line with headers and properties, then the body),
 * `celeriac.dead-queues` (queue: how many), `celeriac.dead-bytes` (of all messages), `celeriac.dead-version`.
 */

/**
 * Lua, after KINDS: `dead_remove(base, id)`: true where there was one. `dead_keep(base, id, queue, facts, message)`
 * keeps one in place of another of its id. `bury(base, how, text)`: the dead letter of a message, as `buryArgs` writes
 * it, and drops some that have expired or are too many. `unburiable(base)`: why none can be kept, else false.
 */
export const DEAD_LUA = `
local function dead_queue(facts)
  local ok, value = pcall(cjson.decode, string.match(facts, '^([^\\n]*)'))
  return ok and type(value) == 'table' and value.queue or ''
end
local function dead_remove(base, id)
  local facts = redis.call('HGET', base .. '-facts', id)
  if not facts then return false end
  redis.call('ZREM', base, id)
  redis.call('HDEL', base .. '-facts', id)
  redis.call('DECRBY', base .. '-bytes', redis.call('HSTRLEN', base .. '-messages', id))
  redis.call('HDEL', base .. '-messages', id)
  local queue = dead_queue(facts)
  if redis.call('HINCRBY', base .. '-queues', queue, -1) <= 0 then redis.call('HDEL', base .. '-queues', queue) end
  return true
end
local function dead_keep(base, id, queue, facts, message)
  dead_remove(base, id)
  redis.call('ZADD', base, redis.call('INCR', base .. '-version'), id)
  redis.call('HSET', base .. '-facts', id, facts)
  redis.call('HSET', base .. '-messages', id, message)
  redis.call('INCRBY', base .. '-bytes', #message)
  redis.call('HINCRBY', base .. '-queues', queue, 1)
end
local function dead_fits(base, max, bytes)
  local count = redis.call('ZCARD', base)
  return count <= max and (count == 1 or tonumber(redis.call('GET', base .. '-bytes') or 0) <= bytes)
end
-- The oldest, as far as they have expired, or are too many or too large; at most so many at once.
local function dead_trim(base, max, bytes, from, most)
  for done = 1, most do
    local id = redis.call('ZRANGE', base, 0, 0)[1]
    if not id then return 0 end
    local facts = redis.call('HGET', base .. '-facts', id) or ''
    local died = tonumber(string.match(facts, '"died":(%d+)') or 0)
    if died >= from and dead_fits(base, max, bytes) then return 0 end
    if not dead_remove(base, id) then redis.call('ZREM', base, id) end
  end
  return 1
end
local function unburiable(base)
  return wrong_kind(base, 'zset') or wrong_kind(base .. '-facts', 'hash') or wrong_kind(base .. '-messages', 'hash')
    or wrong_kind(base .. '-queues', 'hash') or wrong_kind(base .. '-bytes', 'string')
end
local function bury(base, how, text)
  local max, bytes, from, cut, id = string.match(how, '^(%d+) (%d+) (%d+) (%d+) (.*)$')
  local facts, message = string.sub(text, 1, cut), string.sub(text, cut + 1)
  local origin = redis.pcall('GET', string.sub(base, 1, -5) .. 'origin-' .. id)
  origin = type(origin) == 'string' and string.match(origin, '^[^\\n]*') or ''
  dead_keep(base, id, dead_queue(facts), facts .. '\\n' .. origin, message)
  dead_trim(base, tonumber(max), tonumber(bytes), tonumber(from), 20)
end
`
