import type { Script } from './connection.ts'

/*
 * What must be one step in the server. Every script first loads what it needs of the pieces below; keys come by KEYS, all else by ARGV.
 *
 * A message that is held is in `unacked` (tag -> JSON [envelope, exchange, routing key]) and in `unacked_index` (tag -> score), as
 * kombu has it, so that a Python worker can restore it. Kombu restores what has a score below now - visibility timeout. What we hold
 * gets the score now + lease - visibility timeout: it is restored, by whomever, when our lease has run out. The fraction of that score,
 * in units of 2^-20, is a token drawn for each claim: the fence of whoever settles. (At these magnitudes a double holds it exactly.)
 */

/** `push_front(envelope, exchange, routing_key, priority)`: back into its list as the next one out. */
const PUSH_FRONT = `
local prefix = ARGV[1]
local function list_of(queue, priority)
  local step = 0
  for _, s in ipairs({0, 3, 6, 9}) do if s <= (priority or 0) then step = s end end
  if step == 0 then return prefix .. queue end
  return prefix .. queue .. '\\6\\22' .. step
end
local function push_front(envelope, exchange, routing_key, priority)
  if exchange ~= '' then
    local found = false
    for _, member in ipairs(redis.call('SMEMBERS', prefix .. '_kombu.binding.' .. exchange)) do
      local key, queue = string.match(member, '^(.-)\\6\\22.-\\6\\22(.*)$')
      if key == routing_key then
        redis.call('RPUSH', list_of(queue, priority), envelope)
        found = true
      end
    end
    if found then return end
  end
  -- A named exchange without a binding would lose the message: the queue named by its routing key is where Celery sends it too.
  redis.call('RPUSH', list_of(routing_key, priority), envelope)
end
`

/**
 * `restore(tag, mark)`: out of `unacked` and back into its list. `mark` is 'none', 'redelivered' or 'lost'. The envelope is kept as
 * text: to decode and encode it would change large numbers and empty lists.
 */
const RESTORE = `
local unacked, index, parked = KEYS[1], KEYS[2], KEYS[3]
local function insert(text, pattern, addition)
  local from, to = string.find(text, pattern)
  if not from then return text end
  local rest = string.sub(text, to + 1)
  if not string.find(rest, '^%s*}') then addition = addition .. ',' end
  return string.sub(text, 1, to) .. addition .. rest
end
local function marked(envelope, mark)
  if not string.find(envelope, '"redelivered"%s*:%s*true') then
    envelope = insert(envelope, '"headers"%s*:%s*{', '"redelivered":true')
    envelope = insert(envelope, '"delivery_info"%s*:%s*{', '"redelivered":true')
  end
  if mark == 'lost' then
    local lost = string.match(envelope, '"x%-celeriac%-lost"%s*:%s*(%d+)')
    if lost then
      envelope = string.gsub(envelope, '"x%-celeriac%-lost"%s*:%s*%d+', '"x-celeriac-lost":' .. (lost + 1), 1)
    else
      envelope = insert(envelope, '"headers"%s*:%s*{', '"x-celeriac-lost":1')
    end
  end
  return envelope
end
local function restore(tag, mark)
  local value = redis.call('HGET', unacked, tag)
  redis.call('ZREM', index, tag)
  redis.call('HDEL', unacked, tag)
  redis.call('SREM', parked, tag)
  if not value then return end
  local decoded = cjson.decode(value)
  local envelope = string.match(value, '^%[(.*),%s*"[^"]*"%s*,%s*"[^"]*"%s*%]$') or cjson.encode(decoded[1])
  local readable = type(decoded[1]) == 'table'
  if not readable then envelope = decoded[1] elseif mark ~= 'none' then envelope = marked(envelope, mark) end
  local properties = readable and decoded[1].properties
  push_front(envelope, decoded[2], decoded[3], properties and tonumber(properties.priority))
end
`

/** `ours(tag, token)`: still held by this claim. */
export const OURS = `
local function ours(tag, token)
  local score = tonumber(redis.call('ZSCORE', KEYS[2], tag) or nil)
  return score and math.floor((score - math.floor(score)) * 1048576 + 0.5) == tonumber(token)
end
`

/** Pieces for whoever settles: `ours`, `restore`, and what they need. ARGV[1] is the prefix; KEYS are unacked, index, parked. */
export const SETTLING: string = PUSH_FRONT + RESTORE + OURS

/**
 * Take up to ARGV[1] messages from the lists KEYS[3…], the first list first. ARGV[2] is lease - visibility timeout in seconds,
 * ARGV[3] the token, ARGV[4…] for each list the queue that it belongs to. Answers envelope, tag, queue for each.
 */
export const CLAIM: Script = {
  name: 'claim',
  source: `
local limit = tonumber(ARGV[1])
local score = tonumber(redis.call('TIME')[1]) + tonumber(ARGV[2]) + tonumber(ARGV[3]) / 1048576
local score_text = string.format('%.7f', score)
local out, fields, scores, tags = {}, {}, {}, {}
for at = 3, #KEYS do
  if limit <= 0 then break end
  local queue = ARGV[at + 1]
  for number, raw in ipairs(redis.call('RPOP', KEYS[at], limit) or {}) do
    limit = limit - 1
    local ok, envelope = pcall(cjson.decode, raw)
    local properties = ok and type(envelope) == 'table' and envelope.properties
    local tag = type(properties) == 'table' and properties.delivery_tag
    local info = type(properties) == 'table' and type(properties.delivery_info) == 'table' and properties.delivery_info or {}
    if type(tag) ~= 'string' then tag = 'celeriac.' .. ARGV[3] .. '.' .. at .. '.' .. number .. '.' .. redis.call('TIME')[2] end
    local exchange = type(info.exchange) == 'string' and info.exchange or ''
    local routing_key = type(info.routing_key) == 'string' and info.routing_key or queue
    local text = ok and type(envelope) == 'table' and raw or cjson.encode(raw)
    fields[#fields + 1] = tag
    fields[#fields + 1] = '[' .. text .. ',' .. cjson.encode(exchange) .. ',' .. cjson.encode(routing_key) .. ']'
    scores[#scores + 1] = score_text
    scores[#scores + 1] = tag
    tags[#tags + 1] = tag
    out[#out + 1] = raw
    out[#out + 1] = tag
    out[#out + 1] = queue
  end
end
-- In pieces: Lua unpacks some thousand values at most.
for from = 1, #fields, 1000 do
  redis.call('HSET', KEYS[1], unpack(fields, from, math.min(from + 999, #fields)))
  redis.call('ZADD', KEYS[2], unpack(scores, from, math.min(from + 999, #scores)))
end
return out
`,
}

/**
 * Take the message of task ARGV[3], if it is among the ARGV[5] that come next in one of the lists KEYS[4…], or delayed. ARGV[1] and
 * ARGV[2] are score offset and token as for CLAIM. Answers envelope and tag, or nothing.
 */
export const TAKE: Script = {
  name: 'take',
  source: `
local offset, token, id, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5])
local score = string.format('%.7f', tonumber(redis.call('TIME')[1]) + tonumber(offset) + tonumber(token) / 1048576)
local function is_it(envelope)
  return type(envelope) == 'table' and type(envelope.properties) == 'table' and envelope.properties.correlation_id == id
end
for at = 4, #KEYS do
  for from = 0, most - 1, 500 do
    local some = redis.call('LRANGE', KEYS[at], -from - 500, -from - 1)
    if #some == 0 then break end
    for _, raw in ipairs(some) do
      if string.find(raw, id, 1, true) then
        local ok, envelope = pcall(cjson.decode, raw)
        local tag = ok and is_it(envelope) and envelope.properties.delivery_tag
        if tag then
          local info = envelope.properties.delivery_info or {}
          redis.call('LREM', KEYS[at], -1, raw)
          redis.call('HSET', KEYS[1], tag, '[' .. raw .. ',' .. cjson.encode(info.exchange or '') .. ',' .. cjson.encode(info.routing_key or ARGV[4]) .. ']')
          redis.call('ZADD', KEYS[2], score, tag)
          return {raw, tag}
        end
      end
    end
  end
end
for _, tag in ipairs(redis.call('SRANDMEMBER', KEYS[3], most)) do
  local value = redis.call('HGET', KEYS[1], tag)
  if value and string.find(value, id, 1, true) and is_it(cjson.decode(value)[1]) then
    redis.call('SREM', KEYS[3], tag)
    redis.call('ZADD', KEYS[2], score, tag)
    return {string.match(value, '^%[(.*),%s*"[^"]*"%s*,%s*"[^"]*"%s*%]$'), tag}
  end
end
`,
}

/** End holdings: ARGV[2…] are tag, token, and `ack` or `requeue`. Answers 1 for each that was ours, else 0. */
export const SETTLE: Script = {
  name: 'settle',
  source: `${SETTLING}
local out = {}
-- From the last to the first: what is given back first is the last one out.
for number = (#ARGV - 1) / 3, 1, -1 do
  local at = number * 3 - 1
  local tag = ARGV[at]
  if ours(tag, ARGV[at + 1]) then
    if ARGV[at + 2] == 'requeue' then
      restore(tag, 'redelivered')
    else
      redis.call('ZREM', index, tag)
      redis.call('HDEL', unacked, tag)
    end
    out[number] = 1
  else
    out[number] = 0
  end
end
return out
`,
}

/**
 * Restore what is due: held by somebody whose lease or visibility timeout (ARGV[2], s) has run out, or delayed until now; at most
 * ARGV[3]. Answers how many, and when the next is due (seconds since the epoch; -1: none).
 */
export const SWEEP: Script = {
  name: 'sweep',
  source: `${SETTLING}
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local tags = redis.call('ZRANGEBYSCORE', index, '-inf', string.format('%.6f', now - tonumber(ARGV[2])), 'LIMIT', 0, ARGV[3])
for at = #tags, 1, -1 do
  restore(tags[at], redis.call('SISMEMBER', parked, tags[at]) == 1 and 'none' or 'lost')
end
local first = redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')[2]
return {#tags, first and string.format('%.6f', tonumber(first) + tonumber(ARGV[2]) - now) or '-1'}
`,
}

/** Keep messages until their time, without a list: ARGV[1] is the visibility timeout (s), then for each tag, time (s), and the value for `unacked`. Consumers hear of it on the channel of KEYS[3]. */
export const PARK: Script = {
  name: 'park',
  source: `
for at = 2, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 2])
  redis.call('ZADD', KEYS[2], string.format('%.6f', tonumber(ARGV[at + 1]) - tonumber(ARGV[1])), ARGV[at])
  redis.call('SADD', KEYS[3], ARGV[at])
end
redis.call('PUBLISH', KEYS[3], '')
`,
}

/** Renew leases: ARGV[1] is lease - visibility timeout (s), then tag, token for each. Answers how many were still ours. */
export const RENEW: Script = {
  name: 'renew',
  source: `${OURS}
-- A server that is out of memory refuses ZADD, though this one takes none; but not once a script has begun to write.
redis.call('ZREM', KEYS[2], '')
local base = tonumber(redis.call('TIME')[1]) + tonumber(ARGV[1])
local count = 0
for at = 2, #ARGV, 2 do
  if ours(ARGV[at], ARGV[at + 1]) then
    redis.call('ZADD', KEYS[2], 'XX', string.format('%.7f', base + tonumber(ARGV[at + 1]) / 1048576), ARGV[at])
    count = count + 1
  end
end
return count
`,
}

/**
 * Drop some of what waits in the lists KEYS[4…] and is delayed for the queue ARGV[1]: at most ARGV[2] of each list. Answers how many,
 * then the ids of those tasks that could be read; to be called until it answers 0.
 */
export const PURGE: Script = {
  name: 'purge',
  source: `
local out = {0}
local function drop(envelope)
  out[1] = out[1] + 1
  local properties = type(envelope) == 'table' and envelope.properties
  if type(properties) == 'table' and type(properties.correlation_id) == 'string' then out[#out + 1] = properties.correlation_id end
end
for at = 4, #KEYS do
  for _, raw in ipairs(redis.call('RPOP', KEYS[at], ARGV[2]) or {}) do
    local ok, envelope = pcall(cjson.decode, raw)
    drop(ok and envelope)
  end
end
for _, tag in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  local value = redis.call('HGET', KEYS[1], tag)
  local decoded = value and cjson.decode(value)
  if not decoded then
    redis.call('SREM', KEYS[3], tag)
  elseif decoded[3] == ARGV[1] then
    redis.call('HDEL', KEYS[1], tag)
    redis.call('ZREM', KEYS[2], tag)
    redis.call('SREM', KEYS[3], tag)
    drop(decoded[1])
  end
end
return out
`,
}
