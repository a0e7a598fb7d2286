import { LANE_PREFIX, LANE_QUEUE_START } from '../../../broker/lane.ts'
import { LIMITS_HEADER } from '../../../protocol/limits.ts'
import { PRIORITY_STEPS } from '../broker/keys.ts'
import { LIMITER_LUA } from './limiterLua.ts'

/*
 * Limits in Redis: what scripts do with lanes (broker/lane.ts) and limits. The messages of a lane are in lists as those
 * of a queue, with the name of the lane. Beside them, under `<prefix>celeriac.`; a limit's id is its rule, a zero byte,
 * and its key:
 *   `lanes.<queue>`          a hash: the lanes of a queue that have messages, by their digests. Two digits, `00` for an
 *                            open one, else by which of its limits it is blocked; then its limits, as in the header
 *   `lanes-open.<queue>`     a sorted set: its open lanes, by their turns
 *   `lanes-bell.<queue>`     a list, with one element while there is an open lane: consumers wait for it
 *   `lanes-waiting`          a hash: how many messages wait in the lanes of each queue
 *   `lanes-turn`             the last turn
 *   `lanes`                  a sorted set: queues that have, or had, lanes; the moment, ms
 *   `lane-tags`              a hash: of each message of a lane in `unacked` the limits whose permits it has (delayed:
 *                            none), a newline, and its lane
 *   `lane-checks`            a sorted set of the same tags, with the score that each had in `unacked_index`: then it is
 *                            looked up whether a client that knows no lanes has restored it
 *   `limit.<id>`             a hash: what is known of a limit, as `Limiter`, and the queues with lanes that it blocks
 *   `limit-blocked.<id>\0<queue>`
 *                            a sorted set: the lanes of a queue that it blocks, by their turns
 *   `limit-lanes.<id>`       a set: the lanes that have messages and need it
 *   `limit-rules`            a hash: rules by name, as JSON
 *   `limits`                 a sorted set, in the order of ids: limits of which anything is known
 *   `limits-paused`          the same: those that are paused
 *   `limits-wake`            a sorted set: limits with blocked lanes, by the moment (ms) at which something may pass;
 *                            and redefined rules (a zero byte, the rule, a zero byte, the key after which to go on)
 *   `limits-idle`            a sorted set: limits that nothing uses, by the moment (ms) after which they are forgotten
 *   `limits-clock`           the moment (ms) of the last sweep: a clock that was set back shows by it
 *
 * Order of things: a lane with messages is open or blocked by one limit. If the first lane that a limit blocks in a
 * queue may pass it, an open lane of the same queue needs the limit, too, or `limits-wake` has it: what looks at an
 * open lane, and what drops one, goes on to wake others (`finish`). A script is one step, so that there are no locks,
 * and nothing is in between.
 */

/** How many lanes of one queue one script wakes for one limit; the others are woken by the next. */
const MAX_WOKEN_LANES = 100
/** How long a breaker that is half-open is kept where nothing needs it, ms. */
const MAX_HALF_OPEN_MS = 86_400_000
/** How many limits of a redefined rule one script looks at. */
const MAX_REDEFINED_LIMITS = 100

/**
 * Limits by id, and the rules. `limiter(id)` reads one, once for each script; what changes it sets `dirty`, and what
 * may let others through sets `wakes`.
 */
const LIMITS_LUA = `
  local limiters, order, rules, parsed = {}, {}, {}, {}
  local function rule_of(name)
    if rules[name] == nil then
      local text = redis.call('HGET', own .. 'limit-rules', name)
      rules[name] = text and cjson.decode(text) or {}
    end
    return rules[name]
  end
  local function limiter(id)
    local l = limiters[id]
    if l then return l end
    local key = own .. 'limit.' .. id
    local known = redis.call('HMGET', key, 'full', 'held', 'paused', 'until', 'since', 'half', 'failures', 'queues')
    l = {id = id, key = key, rule = rule_of(string.match(id, '^(.-)%z')), known = known[2] and true or false}
    l.full, l.held, l.paused = tonumber(known[1] or 0), tonumber(known[2] or 0), known[3] == '1'
    l.till, l.since, l.half = tonumber(known[4] or 0), tonumber(known[5] or 0), known[6] == '1'
    l.failures, l.queues = known[7] or '', known[8] and cjson.decode(known[8]) or {}
    keep_clock(l)
    -- Of a rule that had a breaker: no end of a run would close it.
    if l.half and not l.rule.breaker then l.half, l.dirty, l.rare = false, true, true end
    l.before = passing(l, 1)
    limiters[id], order[#order + 1] = l, l
    return l
  end
  -- From the text of the header: id and count of each. What is no such text limits nothing.
  local function uses_of(text)
    if parsed[text] then return parsed[text] end
    local uses, seen, ok, list = {}, {}, pcall(cjson.decode, text)
    if not ok then
      -- It refuses half a surrogate pair, which JavaScript writes so. A backslash that is text comes first.
      local whole = string.gsub(string.gsub(text, '\\\\\\\\', '\\\\u005c'), '\\\\ud[89a-f]%x%x', '\\239\\191\\189')
      ok, list = pcall(cjson.decode, whole)
    end
    for _, one in ipairs(ok and type(list) == 'table' and list or {}) do
      local id = one[1] .. '\\0' .. one[2]
      if seen[id] then
        seen[id].count = seen[id].count + one[3]
      else
        seen[id] = {id = id, count = one[3]}
        uses[#uses + 1] = seen[id]
      end
    end
    parsed[text] = uses
    return uses
  end
  local function save(l)
    local used = l.held > 0 or l.paused or #l.queues > 0 or redis.call('EXISTS', own .. 'limit-lanes.' .. l.id) == 1
    -- A breaker that nothing has closed is forgotten, too.
    local kept = math.max(l.full, l.till + (l.half and ${MAX_HALF_OPEN_MS} or 0), failures_end(l))
    if not used and kept <= now then
      redis.call('DEL', l.key)
      redis.call('ZREM', own .. 'limits', l.id)
      redis.call('ZREM', own .. 'limits-idle', l.id)
      return
    end
    if not l.rule.rate then redis.call('HSET', l.key, 'held', l.held)
    else redis.call('HSET', l.key, 'held', l.held, 'full', string.format('%.3f', l.full)) end
    if l.requeued then redis.call('HSET', l.key, 'queues', cjson.encode(l.queues)) end
    if l.rare then
      redis.call('HSET', l.key, 'paused', l.paused and 1 or 0, 'until', l.till, 'since', l.since, 'half', l.half and 1 or 0,
        'failures', l.failures)
    end
    if not l.known then redis.call('ZADD', own .. 'limits', 0, l.id) end
    if not used then redis.call('ZADD', own .. 'limits-idle', kept, l.id) end
  end
`

/** Lanes: open, blocked, with messages or without. */
const STATES_LUA = `
  local belled = {}
  local function parts_of_lane(lane)
    return string.sub(lane, ${LANE_PREFIX.length + 1}, ${LANE_QUEUE_START - 1}), string.sub(lane, ${LANE_QUEUE_START + 1})
  end
  local function lane_of(queue, digest) return '${LANE_PREFIX}' .. digest .. '.' .. queue end
  local function lists_of(lane)
    local lists = {}
    for at, step in ipairs({${PRIORITY_STEPS.join(', ')}}) do
      lists[at] = prefix .. lane .. (step > 0 and '\\6\\22' .. step or '')
    end
    return lists
  end
  local function blocked_key(id, queue) return own .. 'limit-blocked.' .. id .. '\\0' .. queue end
  local turn
  local function new_turn()
    turn = (turn or tonumber(redis.call('GET', own .. 'lanes-turn') or 0)) + 1
    return turn
  end
  local function open(queue, digest, turn)
    redis.call('ZADD', own .. 'lanes-open.' .. queue, turn, digest)
    belled[queue] = true
  end
  local function close(queue, digest)
    redis.call('ZREM', own .. 'lanes-open.' .. queue, digest)
    belled[queue] = true
  end
  local function ring(queue)
    local bell = own .. 'lanes-bell.' .. queue
    if redis.call('EXISTS', own .. 'lanes-open.' .. queue) == 0 then
      redis.call('DEL', bell)
    elseif redis.call('EXISTS', bell) == 0 then
      redis.call('LPUSH', bell, 1)
    end
  end
  local function block(queue, digest, turn, limits, number)
    local l = limiter(uses_of(limits)[number].id)
    close(queue, digest)
    redis.call('ZADD', blocked_key(l.id, queue), turn, digest)
    redis.call('HSET', own .. 'lanes.' .. queue, digest, string.format('%02d', number) .. limits)
    for _, one in ipairs(l.queues) do if one == queue then return end end
    l.queues[#l.queues + 1], l.dirty, l.requeued = queue, true, true
  end
  -- The lane has no messages any more; value is what 'lanes.<queue>' has of it.
  local function leave(queue, digest, value)
    local uses, number = uses_of(string.sub(value, 3)), tonumber(string.sub(value, 1, 2))
    redis.call('HDEL', own .. 'lanes.' .. queue, digest)
    if uses[number] then redis.call('ZREM', blocked_key(uses[number].id, queue), digest) end
    close(queue, digest)
    for _, use in ipairs(uses) do
      local l = limiter(use.id)
      redis.call('SREM', own .. 'limit-lanes.' .. use.id, lane_of(queue, digest))
      l.dirty, l.wakes = true, true
    end
  end
`

/** Waking the lanes that a limit blocks. */
const WAKING_LUA = `
  -- By queue how many messages came to its lanes; and what is to be written of tags.
  local counts, tags, checks = {}, {}, {}
  -- Lua unpacks some thousand values at most.
  local function in_parts(command, key, values)
    for from = 1, #values, 1000 do redis.call(command, key, unpack(values, from, math.min(from + 999, #values))) end
  end
  local function first_blocked(l, queue)
    local key = blocked_key(l.id, queue)
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if not first[1] then return nil end
    local value = redis.call('HGET', own .. 'lanes.' .. queue, first[1])
    for _, use in ipairs(uses_of(value and string.sub(value, 3) or '')) do
      if use.id == l.id then return first[1], first[2], value, use.count end
    end
    redis.call('ZREM', key, first[1])
    return first_blocked(l, queue)
  end
  -- In their turns, as long as they pass and units are left; answers whether a lane is still blocked.
  local function wake_in(l, queue, units)
    local trial, woken = copied(l), 0
    while true do
      local digest, turn, value, count = first_blocked(l, queue)
      if not digest then return false end
      if units <= 0 or passing(trial, count) == 0 then return true end
      if woken == ${MAX_WOKEN_LANES} then
        l.more = true
        return true
      end
      take(trial, 1, count)
      units, woken = units - count, woken + 1
      redis.call('ZREM', blocked_key(l.id, queue), digest)
      redis.call('HSET', own .. 'lanes.' .. queue, digest, '00' .. string.sub(value, 3))
      open(queue, digest, turn)
    end
  end
  local function wake(l)
    local after, units = passing(l, 1), math.huge
    -- What was free before was offered before.
    if not l.wakes then units = after == l.before and 0 or after - l.before end
    local left = {}
    for _, queue in ipairs(l.queues) do
      if wake_in(l, queue, units) then left[#left + 1] = queue else l.dirty, l.requeued = true, true end
    end
    l.queues = left
  end
  local function schedule(l)
    local soonest = l.more and now or math.huge
    for _, queue in ipairs(l.queues) do
      local _, _, _, count = first_blocked(l, queue)
      local messages, from = passing(l, count)
      if messages == 0 and from then soonest = math.min(soonest, from) end
    end
    if soonest == math.huge then return end
    local key = own .. 'limits-wake'
    local known = redis.call('ZSCORE', key, l.id)
    if known and tonumber(known) == soonest then return end
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', key, soonest, l.id)
    if not first or soonest < tonumber(first) then redis.pcall('PUBLISH', own .. 'parked', '') end
  end
  -- At the end of each script that has used any of this.
  function it.finish()
    for _, l in ipairs(order) do
      if #l.queues > 0 and (l.dirty or l.wakes) then
        wake(l)
        if #l.queues > 0 then schedule(l) end
      end
      if l.dirty then save(l) end
    end
    for queue in pairs(belled) do ring(queue) end
    for queue, count in pairs(counts) do
      if redis.call('EXISTS', own .. 'lanes.' .. queue) == 0 then
        redis.call('HDEL', own .. 'lanes-waiting', queue)
      else
        redis.call('HINCRBY', own .. 'lanes-waiting', queue, count)
      end
    end
    if turn then redis.call('SET', own .. 'lanes-turn', turn) end
    if #tags > 0 then in_parts('HSET', own .. 'lane-tags', tags) end
    if #checks > 0 then in_parts('ZADD', own .. 'lane-checks', checks) end
  end
`

/** What happens to messages of lanes. */
const MESSAGES_LUA = `
  function it.arrived(lane, limits, count)
    local digest, queue = parts_of_lane(lane)
    counts[queue] = (counts[queue] or 0) + count
    if redis.call('HSETNX', own .. 'lanes.' .. queue, digest, '00' .. limits) == 0 then return end
    if redis.call('ZADD', own .. 'lanes', 'NX', now, queue) == 1 then redis.pcall('PUBLISH', own .. 'parked', 'lanes') end
    local by, latest = nil, 0
    for at, use in ipairs(uses_of(limits)) do
      redis.call('SADD', own .. 'limit-lanes.' .. use.id, lane)
      redis.call('ZADD', own .. 'limits', 0, use.id)
      local passes, from = passing(limiter(use.id), use.count)
      if passes == 0 and (from or math.huge) > latest then by, latest = at, from or math.huge end
    end
    if not by then return open(queue, digest, new_turn()) end
    -- Consumers are not woken for what does not pass.
    limiter(uses_of(limits)[by].id).wakes = true
    block(queue, digest, new_turn(), limits, by)
  end
  -- Messages were taken out of its lists. Answers whether there are more.
  function it.departed(lane, count)
    local digest, queue = parts_of_lane(lane)
    counts[queue] = (counts[queue] or 0) - count
    if redis.call('EXISTS', unpack(lists_of(lane))) > 0 then return true end
    local value = redis.call('HGET', own .. 'lanes.' .. queue, digest)
    if value then leave(queue, digest, value) end
    return false
  end
  -- A message of a lane is in unacked; limits: whose permits it has ('': none).
  function it.tagged(tag, limits, lane, score)
    tags[#tags + 1], tags[#tags + 2] = tag, limits .. '\\n' .. lane
    checks[#checks + 1], checks[#checks + 2] = score, tag
  end
  -- They are not any more: what they had returns. Answers the lane of the last.
  function it.untagged(gone)
    local known, last = {}, nil
    for from = 1, #gone, 1000 do
      local values = redis.call('HMGET', own .. 'lane-tags', unpack(gone, from, math.min(from + 999, #gone)))
      for at, value in ipairs(values) do
        if value then
          local limits, lane = string.match(value, '^([^\\n]*)\\n(.*)$')
          for _, use in ipairs(limits ~= '' and uses_of(limits) or {}) do
            local l = limiter(use.id)
            l.held, l.dirty = math.max(0, l.held - use.count), true
          end
          known[#known + 1], last = gone[from + at - 1], lane
        end
      end
    end
    in_parts('HDEL', own .. 'lane-tags', known)
    in_parts('ZREM', own .. 'lane-checks', known)
    return last
  end
  local problems = {}
  -- Why nothing can be put into lanes of the queue, as the server would answer, else false.
  function it.problem(lane)
    local _, queue = parts_of_lane(lane)
    if problems[queue] == nil then
      problems[queue] = wrong_kind(own .. 'lanes', 'zset') or wrong_kind(own .. 'lanes.' .. queue, 'hash')
        or wrong_kind(own .. 'lanes-open.' .. queue, 'zset') or wrong_kind(own .. 'lanes-bell.' .. queue, 'list')
        or wrong_kind(own .. 'lanes-waiting', 'hash') or wrong_kind(own .. 'lanes-turn', 'string')
        or wrong_kind(own .. 'lane-tags', 'hash') or wrong_kind(own .. 'lane-checks', 'zset')
        or wrong_kind(own .. 'limits', 'zset')
    end
    return problems[queue]
  end
`

/** Looking after what no other script does. */
const UPKEEP_LUA = `
  local function redefined(rule, after)
    local from = after == '' and '[' .. rule .. '\\0' or '(' .. rule .. '\\0' .. after
    local ids = redis.call('ZRANGEBYLEX', own .. 'limits', from, '(' .. rule .. '\\1', 'LIMIT', 0, ${MAX_REDEFINED_LIMITS})
    for _, id in ipairs(ids) do limiter(id).wakes = true end
    if #ids < ${MAX_REDEFINED_LIMITS} then return end
    redis.call('ZADD', own .. 'limits-wake', 0, '\\0' .. rule .. '\\0' .. string.sub(ids[#ids], #rule + 2))
  end
  -- Wake what waited for a moment that has come.
  function it.wake_due(most)
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', own .. 'limits-wake', '-inf', now, 'LIMIT', 0, most)) do
      redis.call('ZREM', own .. 'limits-wake', member)
      local rule, after = string.match(member, '^%z(.-)%z(.*)$')
      if rule then redefined(rule, after) else limiter(member).wakes = true end
    end
  end
`

/**
 * Lua: `lanes(prefix)`: a table of functions for lanes and limits, made at its first use. A script that may have used
 * it ends with `finish_lanes()`. `is_lane(name)`. `limits_in(text, envelope)`: the limits of a message; `envelope` is
 * the decoded text, if there is any. `knows_lanes(prefix)`: whether a message of a lane is held or delayed. After
 * KINDS.
 */
export const LANES_LUA: string = `
local lanes_made
local function lanes(prefix)
  if lanes_made then return lanes_made end
  local time, own, it = redis.call('TIME'), prefix .. 'celeriac.', {}
  local now = time[1] * 1000 + time[2] / 1000
${LIMITER_LUA}${LIMITS_LUA}${STATES_LUA}${WAKING_LUA}${MESSAGES_LUA}${UPKEEP_LUA}
  it.now, it.limiter, it.uses_of, it.passing, it.take, it.report = now, limiter, uses_of, passing, take, report
  it.lane_of, it.lists_of, it.blocked_key, it.parts_of_lane = lane_of, lists_of, blocked_key, parts_of_lane
  it.new_turn, it.open, it.close, it.block, it.leave, it.save = new_turn, open, close, block, leave, save
  lanes_made = it
  return it
end
local function finish_lanes()
  local made = lanes_made
  lanes_made = nil
  if made then made.finish() end
end
local function is_lane(name) return string.sub(name, 1, ${LANE_PREFIX.length}) == '${LANE_PREFIX}' end
local function limits_in(text, envelope)
  local headers = type(envelope) == 'table' and envelope.headers
  local limits = type(headers) == 'table' and headers['${LIMITS_HEADER}']
  if type(limits) == 'string' then return limits end
  -- In a text inside of the text its quotes have backslashes before them.
  local _, to = string.find(text, '"${LIMITS_HEADER}"', 1, true)
  local from = to and string.match(text, '^%s*:%s*()"', to + 1)
  local at = from and string.find(text, '["\\\\]', from + 1)
  while at and string.sub(text, at, at) ~= '"' do at = string.find(text, '["\\\\]', at + 2) end
  local ok, found = pcall(cjson.decode, '[' .. (at and string.sub(text, from, at) or '""') .. ']')
  return ok and found[1] or ''
end
local tags_known
local function knows_lanes(prefix)
  if tags_known == nil then tags_known = redis.pcall('EXISTS', prefix .. 'celeriac.lane-tags') == 1 end
  return tags_known
end
`
