import type { Script } from '../connection/connection.ts'
import { LANES_LUA } from '../limits/laneLua.ts'
import { KINDS, READING } from './scripts.ts'

/*
 * Scripts that look at many messages, for those of some tasks or of one queue: in steps, as Celery's lists have no
 * index.
 */

/**
 * Parts of scripts that read many messages: a script does only so much in one step, then answers how far it came, so
 * that no other client waits for more than some milliseconds. `looked_at(text)` counts one, `is_enough()`: the step is
 * over. `quick_id(text)` is mostly the id of an envelope's task, read from the end of the text, where the properties
 * are: `id_of` must confirm it.
 */
export const STEPPING: string = `
local looked, bytes = 0, 0
local function looked_at(text)
  looked, bytes = looked + 1, bytes + #text
end
local function is_enough() return looked >= 250 or bytes >= 262144 end
local function quick_id(text)
  return string.match(string.sub(text, -1000), '^.*"correlation_id"%s*:%s*"([^"\\\\]+)"') or id_of(text)
end
`

/**
 * `hold(id, value, text, name)`: holds a message from now on, as CLAIM does, without the permits of its limits; ARGV[1]
 * to ARGV[3] are score offset, beginning of the tags, and prefix. Adds id, tag, text and the name of its queue or lane
 * to `out`.
 */
const HOLDING = `
local time = redis.call('TIME')
local score = string.format('%.6f', time[1] + time[2] / 1000000 + ARGV[1])
local number, prefix = 0, ARGV[3]
local function hold(id, value, text, name)
  number = number + 1
  local tag = ARGV[2] .. number
  redis.call('HSET', KEYS[1], tag, value)
  redis.call('ZADD', KEYS[2], score, tag)
  if is_lane(name) then lanes(prefix).tagged(tag, '', name, score) end
  for _, one in ipairs({id, tag, text, name}) do out[#out + 1] = one end
end
`

/**
 * Take the messages of some tasks out of the lists KEYS[3…], beginning with list ARGV[4], after the first ARGV[5]
 * messages of that list; in each list at most ARGV[6] are read. ARGV[7…] are the names of the queues or lanes that
 * these lists are of, then the ids. Answers where to continue, as ARGV[4] (0: that was all) and ARGV[5], then id, tag,
 * text and name of each that was taken.
 */
export const FIND: Script = {
  name: 'find',
  source: `${READING}${KINDS}${LANES_LUA}${STEPPING}
local list, from, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local out, wanted = {0, 0}, {}
for at = 5 + #KEYS, #ARGV do wanted[ARGV[at]] = true end
${HOLDING}
-- A message that is taken is overwritten first, so that the others keep their positions, and all of these are then
-- removed by one search.
local mark, marks = 'celeriac taken ' .. ARGV[2], 0
local function remove()
  if marks > 0 then
    redis.call('LREM', KEYS[list + 2], -marks, mark)
    if is_lane(ARGV[6 + list]) then lanes(prefix).departed(ARGV[6 + list], marks) end
  end
  from, marks = from - marks, 0
end
while list + 2 <= #KEYS and not is_enough() do
  local some = redis.pcall('LRANGE', KEYS[list + 2], -from - 16, -from - 1)
  for at = #some, 1, -1 do
    local raw = some[at]
    looked_at(raw)
    local id = quick_id(raw)
    if id and wanted[id] and id_of(raw) == id then
      wanted[id] = nil
      redis.call('LSET', KEYS[list + 2], at - #some - from - 1, mark)
      marks = marks + 1
      hold(id, '[' .. raw .. ',"",' .. cjson.encode(ARGV[6 + list]) .. ']', raw, ARGV[6 + list])
    end
  end
  from = from + #some
  if #some < 16 or from >= most then
    remove()
    list, from = list + 1, 0
  end
end
remove()
finish_lanes()
out[1], out[2] = list + 2 <= #KEYS and list or 0, from
return out
`,
}

/**
 * Take the delayed messages of the tasks ARGV[5…]. ARGV[4] is the cursor of SSCAN. Answers its next cursor (0: that was
 * all), how many were read, then id, tag, text and name of each that was taken.
 */
export const FIND_DELAYED: Script = {
  name: 'find delayed',
  source: `${READING}${KINDS}${LANES_LUA}${STEPPING}
local cursor, out, wanted = ARGV[4], {'0', 0}, {}
for at = 5, #ARGV do wanted[ARGV[at]] = true end
${HOLDING}
repeat
  local scanned = redis.call('SSCAN', KEYS[3], cursor, 'COUNT', 16)
  cursor = scanned[1]
  for _, delayed in ipairs(scanned[2]) do
    local value = redis.call('HGET', KEYS[1], delayed) or ''
    looked_at(value)
    local id = quick_id(value)
    local text, _, name
    if id and wanted[id] then text, _, name = parts_of(value) end
    if text and id_of(text) == id then
      wanted[id] = nil
      redis.call('SREM', KEYS[3], delayed)
      redis.call('ZREM', KEYS[2], delayed)
      redis.call('HDEL', KEYS[1], delayed)
      if is_lane(name) then lanes(prefix).untagged({delayed}) end
      hold(id, value, text, name)
    end
  end
until cursor == '0' or is_enough()
finish_lanes()
out[1], out[2] = cursor, looked
return out
`,
}

/**
 * Drop some of the messages that wait in the lists KEYS[4…] and in lanes of the queue ARGV[1] and, once these are
 * empty, of those that are delayed for it; ARGV[2] is the cursor of SSCAN ('': it has not begun), ARGV[3] the prefix.
 * Answers its next cursor ('0': that was all), how many were dropped, then of each its id ('': it could not be read),
 * and its text if it is a member of a group.
 */
export const PURGE: Script = {
  name: 'purge',
  source: `${READING}${KINDS}${LANES_LUA}${STEPPING}
local cursor, out, prefix = ARGV[2], {'', 0}, ARGV[3]
local function drop(text)
  out[2] = out[2] + 1
  out[#out + 1] = id_of(text) or ''
  out[#out + 1] = string.find(text, '"group"%s*:%s*"') and text or ''
end
-- Answers how many were dropped, or an error.
local function empty(list)
  local before = looked
  repeat
    local some = redis.pcall('RPOP', list, 16) or {}
    if some.err and not string.find(some.err, '^WRONGTYPE') then return some end
    for _, raw in ipairs(some) do
      looked_at(raw)
      drop(raw)
    end
  until #some == 0 or is_enough()
  return looked - before
end
-- A lane that is empty is no longer there, so that any of them is one to be emptied.
local function empty_lanes()
  local key = prefix .. 'celeriac.lanes.' .. ARGV[1]
  while not is_enough() and redis.pcall('EXISTS', key) == 1 do
    local found = redis.call('HRANDFIELD', key, 8, 'WITHVALUES')
    for at = 1, #found, 2 do
      local lane = lanes(prefix).lane_of(ARGV[1], found[at])
      local count = 0
      for _, list in ipairs(lanes(prefix).lists_of(lane)) do
        local dropped = not is_enough() and empty(list)
        count = count + (type(dropped) == 'number' and dropped or 0)
      end
      if not is_enough() or count > 0 then lanes(prefix).departed(lane, count) end
      if not is_enough() and redis.call('HEXISTS', key, found[at]) == 1 then
        lanes(prefix).leave(ARGV[1], found[at], found[at + 1])
      end
    end
  end
end
if cursor == '' then
  for at = 4, #KEYS do
    local dropped = empty(KEYS[at])
    if type(dropped) == 'table' then return dropped end
  end
  empty_lanes()
  if is_enough() then
    finish_lanes()
    return out
  end
  cursor = '0'
end
repeat
  local scanned = redis.call('SSCAN', KEYS[3], cursor, 'COUNT', 16)
  cursor = scanned[1]
  for _, tag in ipairs(scanned[2]) do
    local value = redis.call('HGET', KEYS[1], tag)
    local text, _, queue, in_lane
    if value then text, _, queue = parts_of(value) end
    if queue and is_lane(queue) then in_lane, _, queue = true, lanes(prefix).parts_of_lane(queue) end
    looked_at(value or '')
    if not value then
      redis.call('SREM', KEYS[3], tag)
    elseif queue == ARGV[1] then
      redis.call('HDEL', KEYS[1], tag)
      redis.call('ZREM', KEYS[2], tag)
      redis.call('SREM', KEYS[3], tag)
      if in_lane then lanes(prefix).untagged({tag}) end
      drop(text)
    end
  end
until cursor == '0' or is_enough()
finish_lanes()
out[1] = cursor
return out
`,
}
