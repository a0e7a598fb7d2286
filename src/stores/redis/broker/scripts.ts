import type { Script } from '../connection/connection.ts'
import { LANES_LUA } from '../limits/laneLua.ts'
import { SWEEP_LANES_LUA } from '../limits/sweepLua.ts'
import { PRIORITY_STEPS } from './keys.ts'

/*
 * What must be one step in the server. Every script first loads the parts below that it needs; keys are in KEYS, all
 * else in ARGV.
 *
 * A held message is in `unacked` (tag -> JSON [envelope, exchange, routing key]) and in `unacked_index` (tag -> score),
 * in kombu's layout, so that a Python worker can restore it. Kombu restores messages with a score below now -
 * visibility timeout. A message that we hold gets the score now + lease - visibility timeout: any client restores it
 * when our lease has expired. The tag is made for each claim and never reused: it is the fence of a settlement. Kombu
 * only needs it to be the same in both keys.
 */

/**
 * `decoded(text)`: the value of a JSON text, nil where Lua's reader fails: it refuses half a surrogate pair, and
 * nesting of 1000 levels, which are both JSON. `parts_of(value)`: of a value of `unacked` the envelope as text,
 * exchange and routing key; nil where it is not such a value. `id_of(text)`: the id of an envelope's task, or nil.
 */
export const READING: string = `
-- A pattern that begins with .* needs ^: else it is tried again from each character, which takes minutes of the server
-- for a text of a megabyte.
local function decoded(text)
  local ok, value = pcall(cjson.decode, '[' .. text .. ']')
  if ok then return value[1] end
end
local function parts_of(value)
  local text, exchange, key = string.match(value, '^%[(.*),%s*("[^"]*")%s*,%s*("[^"]*")%s*%]$')
  exchange, key = text and decoded(exchange), text and decoded(key)
  if not key then
    local all = decoded(value)
    if type(all) ~= 'table' or all[1] == nil then return nil end
    text, exchange, key = cjson.encode(all[1]), all[2], all[3]
  end
  if type(key) ~= 'string' then return nil end
  return text, type(exchange) == 'string' and exchange or '', key
end
local function id_of(text)
  local envelope = decoded(text)
  if envelope == nil then return string.match(text, '^.*"correlation_id"%s*:%s*"([^"\\\\]+)"') end
  local properties = type(envelope) == 'table' and envelope.properties
  local id = type(properties) == 'table' and properties.correlation_id
  return type(id) == 'string' and id or nil
end
`

/**
 * Scripts are not rolled back: each checks the keys that it will write before the first write. If another program uses
 * a key for something else, or this user may not write it, the result is a text as the server would answer.
 * `unpushable(list)`, and `unheld()` for the keys of held and delayed messages: that text, else false.
 */
export const KINDS = `
local function wrong_kind(key, expected)
  local kind = redis.pcall('TYPE', key)
  if kind.err then return kind.err end
  if kind.ok == expected or kind.ok == 'none' then return false end
  return 'WRONGTYPE key ' .. key .. ': expected a ' .. expected .. ', got a ' .. kind.ok
end
local lists_seen = {}
local function unpushable(list)
  if lists_seen[list] == nil then lists_seen[list] = wrong_kind(list, 'list') end
  return lists_seen[list]
end
local held_seen
local function unheld()
  if held_seen == nil then
    held_seen = wrong_kind(KEYS[1], 'hash') or wrong_kind(KEYS[2], 'zset') or (KEYS[3] and wrong_kind(KEYS[3], 'set')) or false
  end
  return held_seen
end
`

/**
 * `lists_for(exchange, routing_key, priority)`: the lists to which a message returns. `bound_queues(exchange,
 * routing_key, more)`: the queues that get a message, by the members of the exchange's set and these; and whether it is
 * a fanout exchange, whose messages are in no list.
 */
const LISTS: string = `
local prefix = ARGV[1]
local function list_of(queue, priority)
  local step = 0
  for _, s in ipairs({${PRIORITY_STEPS.join(', ')}}) do if s <= (priority or 0) then step = s end end
  if step == 0 then return prefix .. queue end
  return prefix .. queue .. '\\6\\22' .. step
end
-- By kombu's rules: # is any text, * any text that does not end with a dot. Not by kombu's own pattern beside it, a
-- regular expression: as many steps as both are long, multiplied.
local function steps_of(pattern)
  local steps = {}
  for word in string.gmatch(pattern .. '.', '([^.]*)%.') do
    if word == '#' or word == '*' then steps[#steps + 1] = 'any' end
    if word == '*' then steps[#steps + 1] = 'end of word' end
    if word ~= '#' and word ~= '*' then for character in string.gmatch(word, '.') do steps[#steps + 1] = character end end
    steps[#steps + 1] = '.'
  end
  steps[#steps] = nil
  return steps
end
local function fits(pattern, key)
  local steps, step, at, any, taken = steps_of(pattern), 1, 1, 0, 1
  while at <= #key do
    local one, character = steps[step], string.sub(key, at, at)
    if one == 'any' then
      any, taken, step = step, at, step + 1
    elseif one == character or (one == 'end of word' and character ~= '.') then
      step, at = step + 1, at + 1
    elseif any > 0 then
      taken = taken + 1
      step, at = any + 1, taken
    else
      return false
    end
  end
  while steps[step] == 'any' do step = step + 1 end
  return steps[step] == nil
end
local function bound_queues(exchange, routing_key, more)
  local queues, seen, is_fanout = {}, {}, false
  local function look(member)
    local key, pattern, queue = string.match(member, '^(.-)\\6\\22(.-)\\6\\22(.*)$')
    if not queue or seen[queue] then return end
    -- Celery's name for the queue of one worker: kombu binds it, too, and reads no list of that name.
    if (key == '' and pattern == '') or string.find(queue, '^bcast%.') then
      is_fanout = true
    elseif key == routing_key or (pattern ~= '' and fits(key, routing_key)) then
      seen[queue] = true
      queues[#queues + 1] = queue
    end
  end
  for _, member in ipairs(redis.pcall('SMEMBERS', prefix .. '_kombu.binding.' .. exchange)) do look(member) end
  for _, member in ipairs(more or {}) do look(member) end
  return queues, is_fanout
end
local function lists_for(exchange, routing_key, priority)
  local queues, is_fanout = {}, false
  if exchange ~= '' then queues, is_fanout = bound_queues(exchange, routing_key) end
  -- A named exchange without a binding would lose the message: Celery, too, sends to the queue named by the routing
  -- key. Of a fanout exchange it was for the one worker that had it, which is gone.
  if #queues == 0 and not is_fanout then queues[1] = routing_key end
  local lists = {}
  for at, queue in ipairs(queues) do lists[at] = list_of(queue, priority) end
  return lists
end
`

/**
 * `restore(tag, mark)`: out of `unacked` and back into its list, as the next one out. `mark` is 'none', 'redelivered'
 * or 'lost'. The envelope stays text: to decode and encode it would change large numbers and empty lists.
 * `unrestorable(tag)`: why it cannot be restored, else nil.
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
local function priority_of(text, envelope)
  -- If it could not be decoded, the last match: properties come last.
  if envelope == nil then return tonumber(string.match(text, '^.*"priority"%s*:%s*(%d+)')) end
  local properties = type(envelope) == 'table' and envelope.properties
  return type(properties) == 'table' and tonumber(properties.priority) or nil
end
-- Value, text, decoded envelope, lists and routing key; nothing for a missing message; the value alone for one without
-- a queue.
local function read_held(tag)
  local value = redis.call('HGET', unacked, tag)
  if not value then return end
  local text, exchange, routing_key = parts_of(value)
  if not text then return value end
  local envelope = decoded(text)
  return value, text, envelope, lists_for(exchange, routing_key, priority_of(text, envelope)), routing_key
end
local function unrestorable(tag)
  local _, _, _, lists, routing_key = read_held(tag)
  for _, list in ipairs(lists or {}) do
    if unpushable(list) then return unpushable(list) end
  end
  if lists and is_lane(routing_key) then return lanes(prefix).problem(routing_key) or nil end
end
local function restore(tag, mark)
  local value, text, envelope, lists, routing_key = read_held(tag)
  redis.call('ZREM', index, tag)
  redis.call('SREM', parked, tag)
  if knows_lanes(prefix) then lanes(prefix).untagged({tag}) end
  -- Without a queue: it stays in unacked, where people can find it.
  if not text then return end
  redis.call('HDEL', unacked, tag)
  if type(envelope) == 'string' then text = envelope elseif mark ~= 'none' then text = marked(text, mark) end
  for _, list in ipairs(lists) do redis.call('RPUSH', list, text) end
  if is_lane(routing_key) then lanes(prefix).arrived(routing_key, limits_in(text, envelope), 1) end
end
`

/**
 * `release(tags)`: out of the index. Answers nil when all of them were held, else which are held, true by tag. It
 * writes, and comes first, so that a server out of memory lets the script continue: what follows frees more than it
 * takes. `in_pieces(command, key, values)`: Lua unpacks some thousand values at most. Answers the sum.
 */
const RELEASE = `
local function in_pieces(command, key, values)
  local sum = 0
  for from = 1, #values, 1000 do sum = sum + redis.call(command, key, unpack(values, from, math.min(from + 999, #values))) end
  return sum
end
local function release(tags)
  local count = in_pieces('ZREM', index, tags)
  if knows_lanes(prefix) then lanes(prefix).untagged(tags) end
  if count == #tags then return nil end
  local held = {}
  for _, tag in ipairs(tags) do held[tag] = redis.call('HEXISTS', unacked, tag) == 1 end
  return held
end
`

/**
 * Parts of scripts that settle: `release`, `in_pieces`, `restore`, `unpushable`. ARGV[1] is the prefix; KEYS are
 * unacked, index, parked. A script with them ends with `finish_lanes()`.
 */
export const SETTLING: string = READING + KINDS + LANES_LUA + LISTS + RESTORE + RELEASE

/**
 * End claims: ARGV[2] is how many, then their tags, then for each `ack`, `requeue`, or `return` (as `requeue`, for a
 * message that was not begun). Answers 1 for each that was held, else 0; a text with the reason for one that cannot be
 * returned to its list.
 */
export const SETTLE: Script = {
  name: 'settle',
  source: `${SETTLING}
local count = tonumber(ARGV[2])
local tags, good, out, done = {}, {}, {}, {}
for number = 1, count do
  tags[number] = ARGV[number + 2]
  out[number] = ARGV[number + 2 + count] ~= 'ack' and unrestorable(tags[number]) or nil
  if not out[number] then good[#good + 1] = tags[number] end
end
local held = release(good)
for number = 1, count do
  local tag, ending = tags[number], ARGV[number + 2 + count]
  if not out[number] then
    out[number] = (not held or held[tag]) and 1 or 0
    if held then held[tag] = false end
    if out[number] == 0 or ending == 'ack' then done[#done + 1] = tag end
  end
end
-- From the last to the first: the message that is returned last is the first one out.
for _, kind in ipairs({'return', 'requeue'}) do
  for number = count, 1, -1 do
    if out[number] == 1 and ARGV[number + 2 + count] == kind then
      restore(tags[number], kind == 'requeue' and 'redelivered' or 'none')
    end
  end
end
in_pieces('HDEL', unacked, done)
finish_lanes()
return out
`,
}

/**
 * Restore what is due: messages whose lease or visibility timeout (ARGV[2], s) has expired, or that were delayed until
 * now; at most ARGV[3], fewer where they are long. Looks after lanes and limits, too. Answers how many were restored,
 * in how many seconds the next is due (-1: none), and 1 if any queue has, or had, lanes.
 */
export const SWEEP: Script = {
  name: 'sweep',
  source: `${SETTLING}${SWEEP_LANES_LUA}
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local tags = redis.call('ZRANGEBYSCORE', index, '-inf', string.format('%.6f', now - tonumber(ARGV[2])), 'LIMIT', 0, ARGV[3])
local count, bytes = 0, 0
while count < #tags and bytes < 262144 do
  count = count + 1
  bytes = bytes + redis.call('HSTRLEN', unacked, tags[count])
end
for at = count, 1, -1 do
  if unrestorable(tags[at]) then
    -- Its queue is another program's key: tried again in a minute, and the others are restored.
    redis.call('ZADD', index, string.format('%.6f', now - tonumber(ARGV[2]) + 60), tags[at])
  else
    restore(tags[at], redis.call('SISMEMBER', parked, tags[at]) == 1 and 'none' or 'lost')
  end
end
local wake, known = sweep_lanes(now - tonumber(ARGV[2]))
finish_lanes()
local first = redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')[2]
local due = first and tonumber(first) + tonumber(ARGV[2]) - now
if wake >= 0 then due = math.min(due or wake, wake) end
return {count, due and string.format('%.6f', due) or '-1', known}
`,
}

/**
 * Keep messages until their time, without a list: ARGV[1] is the visibility timeout (s), then for each tag, time (s),
 * and the value for `unacked`. The channel of KEYS[3] notifies consumers.
 */
export const PARK: Script = {
  name: 'park',
  source: `${KINDS}
if unheld() then return redis.error_reply(unheld()) end
for at = 2, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 2])
  redis.call('ZADD', KEYS[2], string.format('%.6f', tonumber(ARGV[at + 1]) - tonumber(ARGV[1])), ARGV[at])
  redis.call('SADD', KEYS[3], ARGV[at])
end
redis.call('PUBLISH', KEYS[3], '')
`,
}

/** Renew leases: ARGV[1] is lease - visibility timeout (s), then tags. Answers how many are still held. */
export const RENEW: Script = {
  name: 'renew',
  source: `
-- A server that is out of memory refuses ZADD, though this one needs none; but not after a script has begun to write.
redis.call('ZREM', KEYS[2], '')
local time = redis.call('TIME')
local score = string.format('%.6f', time[1] + time[2] / 1000000 + ARGV[1])
local scores = {}
for at = 2, #ARGV do
  scores[at * 2 - 3] = score
  scores[at * 2 - 2] = ARGV[at]
end
return redis.call('ZADD', KEYS[2], 'XX', 'CH', unpack(scores))
`,
}
