/**
 * Lua: the arithmetic of `broker/limiter.ts`, on a table with the same names (`till` is `until`). To be put where `now`
 * is the moment, ms. `passing(it, count)`: how many messages pass, and, where none does, from when on one may (nil: not
 * by time alone). `copied(it)`: to try with. `report(it, ok)`: true where the breaker has changed.
 */
export const LIMITER_LUA = `
-- A clock that was set back blocks no longer than it would have.
local function keep_clock(it)
  if now < it.since then
    it.till, it.since, it.dirty, it.rare = it.till + now - it.since, now, true, true
  end
  local rate = it.rule.rate
  if rate and it.full > now + rate.burst * rate.interval + 1 then
    it.full, it.dirty = now + rate.burst * rate.interval, true
  end
end
local function passing(it, count)
  if it.paused then return 0 end
  if it.till > now then return 0, it.till end
  if count == 0 then return math.huge end
  if it.half then return it.held > 0 and 0 or 1 end
  local slots, most, rate = math.huge, it.rule.concurrency, it.rule.rate
  if most then slots = math.max(0, math.floor((most - it.held) / math.min(count, most))) end
  if slots == 0 or not rate then return slots end
  local full, needed = math.max(it.full, now), math.min(count, rate.burst)
  local messages = math.floor((rate.burst - (full - now) / rate.interval + 0.000001) / needed)
  if messages > 0 then return math.min(messages, slots) end
  return 0, full + (needed - rate.burst) * rate.interval
end
local function take(it, messages, count)
  local rate = it.rule.rate
  it.held, it.dirty = it.held + messages * count, true
  if rate then it.full = math.max(it.full, now) + messages * math.min(count, rate.burst) * rate.interval end
end
local function copied(it)
  return {paused = it.paused, till = it.till, half = it.half, held = it.held, full = it.full, rule = it.rule}
end
local function breaker_state(it)
  if not it.half then return 'closed' end
  return it.till > now and 'open' or 'half-open'
end
-- When the newest failure is too old to count.
local function failures_end(it)
  local newest, breaker = string.match(it.failures, '([^,]+)$'), it.rule.breaker
  return newest and breaker and tonumber(newest) + breaker.within or 0
end
local function report(it, ok)
  local breaker, state = it.rule.breaker, breaker_state(it)
  -- When it is open: of a run that began before.
  if not breaker or state == 'open' or (ok and state == 'closed') then return false end
  local recent = {}
  for at in string.gmatch(it.failures, '[^,]+') do
    if tonumber(at) > now - breaker.within and tonumber(at) <= now then recent[#recent + 1] = at end
  end
  recent[#recent + 1] = string.format('%.3f', now)
  it.dirty, it.rare = true, true
  if not ok and state == 'closed' and #recent < breaker.failures then
    it.failures = table.concat(recent, ',')
    return false
  end
  it.half, it.failures = not ok, ''
  if not ok then it.till, it.since = now + breaker.pause, now end
  return true
end
`
