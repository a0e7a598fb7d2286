import { EXTRA_LANES, MAX_OF_LANE } from '../../../broker/lane.ts'
import type { Script } from '../connection/connection.ts'
import { LANES_LUA } from '../limits/laneLua.ts'
import { KINDS } from './scripts.ts'

/**
 * Lua, after KINDS: `keep(name, taken)` holds messages that were taken from the list of a queue or lane.
 * `take_lists(names, most)`: takes from the lists KEYS[3…] of these queues, the first list first; answers how many, or
 * an error. `hold_all()` writes what is held. `add_known` adds to the answer which queues have lanes. A key that cannot
 * be read, because it is not a list, is left out: the waiter of that list reports the reason.
 */
const TAKING_LUA = `
-- A message that is taken out of its list must have a key in which it is held.
local wrong = wrong_kind(KEYS[1], 'hash') or wrong_kind(KEYS[2], 'zset')
if wrong then return redis.error_reply(wrong) end
local number = 0
local time = redis.call('TIME')
local score = string.format('%.6f', time[1] + time[2] / 1000000 + ARGV[2])
local out, fields, scores = {}, {}, {}
-- As kombu and celeriac write it: the tag at the end of the properties, and these at the end. Any other text is
-- decoded.
local function is_envelope(raw)
  if string.find(raw, '^{"body"') and string.find(raw, '^"delivery_tag": ?"[%w-]+"}}$', -55) then return true end
  if string.find(raw, '^{"body"') and string.find(raw, '^"delivery_tag": ?"[%w-]+"}}$', -56) then return true end
  local ok, value = pcall(cjson.decode, raw)
  return ok and type(value) == 'table'
end
local function keep(name, taken)
  local place = ',"",' .. cjson.encode(name) .. ']'
  for _, raw in ipairs(taken) do
    number = number + 1
    local tag = ARGV[3] .. number
    fields[number * 2 - 1] = tag
    fields[number * 2] = '[' .. (is_envelope(raw) and raw or cjson.encode(raw)) .. place
    scores[number * 2 - 1] = score
    scores[number * 2] = tag
  end
  out[#out + 1] = name
  out[#out + 1] = taken
end
local function take_lists(first_name, most)
  local left = most
  for at = 3, #KEYS do
    local taken = left > 0 and redis.pcall('RPOP', KEYS[at], left)
    if taken and taken.err then
      if number == 0 and not string.find(taken.err, '^WRONGTYPE') and not string.find(taken.err, '^NOPERM') then return taken end
    elseif taken then
      left = left - #taken
      keep(ARGV[at - 3 + first_name], taken)
    end
  end
  return most - left
end
-- To the answer: which of the queues ARGV[first_name…] have lanes.
local function add_known(key, first_name)
  local known, seen = {}, {}
  for at = first_name, #ARGV do
    local name = ARGV[at]
    if not seen[name] and redis.call('ZSCORE', key, name) then known[#known + 1] = name end
    seen[name] = true
  end
  out[#out + 1] = ''
  out[#out + 1] = known
end
-- In pieces: Lua unpacks some thousand values at most.
local function hold_all()
  for from = 1, #fields, 1000 do
    redis.call('HSET', KEYS[1], unpack(fields, from, math.min(from + 999, #fields)))
    redis.call('ZADD', KEYS[2], unpack(scores, from, math.min(from + 999, #scores)))
  end
end
`

/**
 * Take up to ARGV[1] messages from the lists KEYS[3…], the first list first. ARGV[2] is lease - visibility timeout in
 * seconds, ARGV[3] the beginning of the tags, to which 1, 2, 3 … is added; ARGV[4] the key of the queues that have
 * lanes; ARGV[5…] for each list the queue that it belongs to. Answers queue and envelopes for each list with some,
 * then, if there are queues with lanes, an empty text and these. A text that is not an envelope is kept as text; when
 * it is restored, it returns to the queue that it came from.
 */
export const CLAIM: Script = {
  name: 'claim',
  source: `${KINDS}${TAKING_LUA}
local taken = take_lists(5, tonumber(ARGV[1]))
if type(taken) == 'table' then return taken end
hold_all()
if redis.pcall('EXISTS', ARGV[4]) == 1 then add_known(ARGV[4], 5) end
return out
`,
}

/** How many lanes of a queue one claim looks at beyond those from which it takes. */
const MAX_PASSED_LANES = 64
/** Into how many lanes at once a claim divides what it wants. */
const MAX_LANES_AT_ONCE = 64

/**
 * As CLAIM, for queues that may have lanes. ARGV[4] is the prefix, ARGV[5] 1 where lanes are first, ARGV[6] how many
 * queues there are; then these, and for each list its queue. A lane's messages are answered under its name. What a
 * message needs of its limits is taken in the same step.
 */
export const CLAIM_WITH_LANES: Script = {
  name: 'claim with lanes',
  source: `${KINDS}${LANES_LUA}${TAKING_LUA}
local prefix, queues = ARGV[4], {}
local own = prefix .. 'celeriac.'
local all = lanes(prefix)
local trouble
-- What may pass by now is woken by a consumer that is busy; the rescuer is for those that wait.
all.wake_due(8)
for at = 1, tonumber(ARGV[6]) do queues[at] = ARGV[6 + at] end
-- By which of its limits a lane with this turn is blocked (nil: by none), and how many messages pass.
local function look_at(queue, turn, uses)
  local most, by, latest = math.huge, nil, 0
  for at, use in ipairs(uses) do
    local l = all.limiter(use.id)
    l.wakes = true
    local passes, from = all.passing(l, use.count)
    -- One that waits for more than there is is not overtaken for ever.
    local first = passes > 0 and #l.queues > 0 and redis.call('ZRANGE', all.blocked_key(l.id, queue), 0, 0, 'WITHSCORES')[2]
    if first and tonumber(first) < turn then passes, from = 0, nil end
    if passes == 0 and (from or math.huge) > latest then by, latest = at, from or math.huge end
    most = math.min(most, passes)
  end
  return by, most
end
local function pop(lane, most)
  local taken = {}
  for _, list in ipairs(all.lists_of(lane)) do
    local some = #taken < most and redis.pcall('RPOP', list, most - #taken)
    for _, raw in ipairs(some and not some.err and some or {}) do taken[#taken + 1] = raw end
  end
  return taken
end
-- Answers how many were taken. value: what 'lanes.<queue>' has of it; turns: those of lanes that are open again.
local function take_from(queue, digest, turn, value, most, turns)
  if not value then
    all.close(queue, digest)
    return 0
  end
  local limits, lane = string.sub(value, 3), all.lane_of(queue, digest)
  local uses = all.uses_of(limits)
  local by, passes = look_at(queue, turn, uses)
  if by then
    all.block(queue, digest, turn, limits, by)
    return 0
  end
  local first = number
  local taken = pop(lane, math.min(most, passes))
  if #taken > 0 then keep(lane, taken) end
  for at = first + 1, number do all.tagged(ARGV[3] .. at, limits, lane, score) end
  for _, use in ipairs(uses) do all.take(all.limiter(use.id), #taken, use.count) end
  if not all.departed(lane, #taken) then return #taken end
  if #taken == 0 then
    -- Another program's key: nothing can be taken from it.
    all.leave(queue, digest, value)
    return 0
  end
  local next = all.new_turn()
  by = look_at(queue, next, uses)
  if by then all.block(queue, digest, next, limits, by) else turns[#turns + 1], turns[#turns + 2] = next, digest end
  return #taken
end
local function digests_in(open)
  local digests = {}
  for at = 1, #open, 2 do digests[#digests + 1] = open[at] end
  return digests
end
local function take_lanes(queue, most)
  local key, left, passed = own .. 'lanes-open.' .. queue, most, 0
  if redis.pcall('EXISTS', key) ~= 1 then return 0 end
  local wrong = all.problem(all.lane_of(queue, ''))
  if wrong then
    trouble = redis.error_reply(wrong)
    return 0
  end
  while left > 0 and passed < ${MAX_PASSED_LANES} do
    local visits = math.min(left, math.ceil(left / ${MAX_OF_LANE}) + ${EXTRA_LANES}, ${MAX_LANES_AT_ONCE})
    local open = redis.call('ZRANGE', key, 0, visits - 1, 'WITHSCORES')
    if #open == 0 then break end
    local share, turns = math.ceil(left / (#open / 2)), {}
    local values = redis.call('HMGET', own .. 'lanes.' .. queue, unpack(digests_in(open)))
    for number, value in ipairs(values) do
      local digest, turn = open[2 * number - 1], tonumber(open[2 * number])
      local taken = left > 0 and take_from(queue, digest, turn, value, math.min(share, left), turns)
      if taken == 0 then passed = passed + 1 end
      left = left - (taken or 0)
    end
    if #turns > 0 then redis.call('ZADD', key, unpack(turns)) end
  end
  return most - left
end
local function take_all_lanes(most)
  local left = most
  for at, queue in ipairs(queues) do
    if left > 0 then left = left - take_lanes(queue, math.ceil(left / (#queues - at + 1))) end
  end
  for _, queue in ipairs(queues) do
    if left > 0 then left = left - take_lanes(queue, left) end
  end
  return most - left
end
local function take_queues(most)
  local taken = take_lists(7 + #queues, most)
  if type(taken) ~= 'table' then return taken end
  trouble = taken
  return 0
end
-- In turns: half of what is wanted from lanes and half from the queues themselves, and the rest from where there is more.
local ways = ARGV[5] == '1' and {take_all_lanes, take_queues} or {take_queues, take_all_lanes}
local most = tonumber(ARGV[1])
local taken = ways[1](math.ceil(most / 2))
taken = taken + ways[2](most - taken)
taken = taken + ways[1](most - taken)
hold_all()
finish_lanes()
if number == 0 and trouble then return trouble end
add_known(own .. 'lanes', 7)
return out
`,
}
