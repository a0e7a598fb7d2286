import { KINDS, READING } from '../broker/scripts.ts'
import type { Script } from '../connection/connection.ts'
import { LANES_LUA } from './laneLua.ts'

/* Scripts of `RedisLimits`. ARGV[1] is the prefix. */

const HEAD = `${READING}${KINDS}${LANES_LUA}
local prefix = ARGV[1]
local own, all = prefix .. 'celeriac.', lanes(prefix)
`

/**
 * ARGV[2…]: names and rules in turn; a rule is JSON, '' where it limits nothing. Answers how many rules have limits
 * that are to be looked at again: by WAKE, a part at a time.
 */
export const DEFINE: Script = {
  name: 'define limits',
  source: `${HEAD}
local changed = 0
for at = 2, #ARGV, 2 do
  local name, rule = ARGV[at], ARGV[at + 1]
  if (redis.call('HGET', own .. 'limit-rules', name) or '') ~= rule then
    if rule == '' then redis.call('HDEL', own .. 'limit-rules', name) else redis.call('HSET', own .. 'limit-rules', name, rule) end
    redis.call('ZADD', own .. 'limits-wake', 0, '\\0' .. name .. '\\0')
    changed = changed + 1
  end
end
return changed
`,
}

/** Look at some limits that may let something through. Answers 1 if there are more. */
export const WAKE: Script = {
  name: 'wake lanes',
  source: `${HEAD}
all.wake_due(16)
all.finish()
return #redis.call('ZRANGEBYSCORE', own .. 'limits-wake', '-inf', 0, 'LIMIT', 0, 1)
`,
}

/** ARGV[2] is the id of a limit, ARGV[3] 1 to pause it, 0 to resume it. */
export const PAUSE: Script = {
  name: 'pause limit',
  source: `${HEAD}
local l = all.limiter(ARGV[2])
l.paused, l.dirty, l.rare, l.wakes = ARGV[3] == '1', true, true, true
if l.paused then redis.call('ZADD', own .. 'limits-paused', 0, l.id) else redis.call('ZREM', own .. 'limits-paused', l.id) end
all.finish()
redis.pcall('PUBLISH', own .. 'limits-paused', l.id)
`,
}

/** ARGV[2] is the id of a limit, ARGV[3] the moment until which it is held back, ms. */
export const HOLD_BACK: Script = {
  name: 'hold back limit',
  source: `${HEAD}
local l, till = all.limiter(ARGV[2]), tonumber(ARGV[3])
l.till, l.since = l.half and math.max(l.till, till) or till, all.now
l.dirty, l.rare, l.wakes = true, true, true
all.finish()
`,
}

/**
 * ARGV[2…]: id of a limit, and 1 or 0 for the end of a run, in turn. Answers for each that changed its number and
 * moment.
 */
export const REPORT: Script = {
  name: 'report ends',
  source: `${HEAD}
local out = {}
for at = 2, #ARGV, 2 do
  local l = all.limiter(ARGV[at])
  if all.report(l, ARGV[at + 1] == '1') then
    l.wakes = true
    out[#out + 1] = at / 2 - 1
    out[#out + 1] = l.half and string.format('%.17g', l.till) or ''
  end
end
all.finish()
return out
`,
}

/**
 * ARGV[2] is the id of a limit, ARGV[3] how many messages are counted, ARGV[4] in how many lanes. Answers the moment,
 * the rule, what the hash has, and the count.
 */
export const STATE: Script = {
  name: 'limit state',
  source: `
local own = ARGV[1] .. 'celeriac.'
local time = redis.call('TIME')
local known = redis.call('HMGET', own .. 'limit.' .. ARGV[2], 'full', 'held', 'paused', 'until', 'since', 'half', 'failures')
local rule = redis.call('HGET', own .. 'limit-rules', string.match(ARGV[2], '^(.-)%z'))
local waiting, looked, cursor, most = 0, 0, '0', tonumber(ARGV[3])
repeat
  local scanned = redis.call('SSCAN', own .. 'limit-lanes.' .. ARGV[2], cursor, 'COUNT', 100)
  cursor = scanned[1]
  for _, lane in ipairs(scanned[2]) do
    looked = looked + 1
    for _, step in ipairs({'', '\\6\\0223', '\\6\\0226', '\\6\\0229'}) do
      waiting = waiting + redis.call('LLEN', ARGV[1] .. lane .. step)
    end
  end
until cursor == '0' or waiting >= most or looked >= tonumber(ARGV[4])
return {string.format('%.17g', time[1] * 1000 + time[2] / 1000), rule or '', math.min(waiting, most), unpack(known, 1, 7)}
`,
}
