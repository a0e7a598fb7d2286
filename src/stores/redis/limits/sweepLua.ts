/** How many of each kind one sweep looks at. */
const MAX_CHECKED_TAGS = 100
const MAX_WOKEN_LIMITS = 16
const MAX_IDLE_LIMITS = 200
const MAX_OLD_QUEUES = 10
/** A queue without lanes is remembered for this long, ms. */
const QUEUE_LIFETIME_MS = 86_400_000
/** A clock that is this much earlier than it was has been set back, ms. */
const CLOCK_TOLERANCE_MS = 1000

/**
 * Lua, after SETTLING: `sweep_lanes(unseen)`: looks after lanes and limits, a bounded part of what is due; `unseen` is
 * the score below which leases have expired. Answers in how many seconds to look again (-1: when others say so), and
 * whether any queue has, or had, lanes.
 */
export const SWEEP_LANES_LUA: string = `
-- A client that knows no lanes, as Celery's, has restored the message: its permits return, and its lane opens.
local function check_tag(own, tag, unseen)
  local score = redis.call('ZSCORE', index, tag)
  if score or redis.call('HEXISTS', unacked, tag) == 1 then
    redis.call('ZADD', own .. 'lane-checks', score or unseen + 60, tag)
    return
  end
  local lane = lanes(prefix).untagged({tag})
  for _, list in ipairs(lane and lanes(prefix).lists_of(lane) or {}) do
    local text = redis.call('LINDEX', list, -1)
    if text then return lanes(prefix).arrived(lane, limits_in(text, decoded(text)), 1) end
  end
end
-- Moments of a clock that was set back are looked at again.
local function check_clock(own, now)
  local last = redis.call('GET', own .. 'limits-clock')
  if last and now < tonumber(last) - ${CLOCK_TOLERANCE_MS} then
    for _, key in ipairs({own .. 'limits-wake', own .. 'limits-idle'}) do
      redis.call('ZUNIONSTORE', key, 1, key, 'WEIGHTS', 0)
    end
  end
  redis.call('SET', own .. 'limits-clock', string.format('%.0f', now), 'PX', ${QUEUE_LIFETIME_MS})
end
local function forget_queues(own, now)
  local old = redis.call('ZRANGEBYSCORE', own .. 'lanes', '-inf', now - ${QUEUE_LIFETIME_MS}, 'LIMIT', 0, ${MAX_OLD_QUEUES})
  for _, queue in ipairs(old) do
    if redis.call('EXISTS', own .. 'lanes.' .. queue) == 1 then
      redis.call('ZADD', own .. 'lanes', now, queue)
    else
      redis.call('ZREM', own .. 'lanes', queue)
    end
  end
  if #old > 0 and redis.call('EXISTS', own .. 'lanes') == 0 then redis.call('DEL', own .. 'lanes-turn') end
end
local function sweep_lanes(unseen)
  local own = prefix .. 'celeriac.'
  local found = redis.pcall('EXISTS', own .. 'lanes', own .. 'lane-tags', own .. 'limits-wake', own .. 'limits-idle')
  if type(found) ~= 'number' or found == 0 then return -1, 0 end
  local now = lanes(prefix).now
  check_clock(own, now)
  local tags = redis.call('ZRANGEBYSCORE', own .. 'lane-checks', '-inf', unseen, 'LIMIT', 0, ${MAX_CHECKED_TAGS})
  for _, tag in ipairs(tags) do check_tag(own, tag, unseen) end
  lanes(prefix).wake_due(${MAX_WOKEN_LIMITS})
  local idle = redis.call('ZRANGEBYSCORE', own .. 'limits-idle', '-inf', now, 'LIMIT', 0, ${MAX_IDLE_LIMITS})
  for _, id in ipairs(idle) do
    redis.call('ZREM', own .. 'limits-idle', id)
    lanes(prefix).limiter(id).dirty = true
  end
  forget_queues(own, now)
  finish_lanes()
  if #tags == ${MAX_CHECKED_TAGS} or #idle == ${MAX_IDLE_LIMITS} then return 0, 1 end
  local first = redis.call('ZRANGE', own .. 'limits-wake', 0, 0, 'WITHSCORES')[2]
  return first and math.max(0, (tonumber(first) - now) / 1000) or -1, 1
end
`
