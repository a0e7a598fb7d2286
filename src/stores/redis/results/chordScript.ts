import { ScriptArguments } from '../arguments.ts'

/*
 * How chords are kept in Redis, so that members may run in Celery's workers and in ours, and either side may end last.
 *
 * Celery's keys (celery-wire §4.4), under `<prefix>celery-taskset-meta-<group>`:
 *   `.j`  the parts: JSON or msgpack of [1, task id, state, result], by their place in the header, +inf without one
 *   `.s`  how many members there are; `.t`  how many more were added. Without `.s` the chord is not open. Of a chord
 *         that is held, HELD is added to `.s`: Celery's workers, which compare numbers, never complete it.
 * Ours, under `<prefix>celeriac.`:
 *   `chord-<group>`   a hash: `ours`, the number of tasks whose part we have added; `callback`; `since`, the moment of
 *                     our first part, or of the opening of a chord that is held; `added:<task>` of members that we
 *                     have added; `part:<task>` of parts that have no place, which could only be found by reading
 *                     `.j`; and, once the chord is complete, `size`
 *   `adding-<group>`  members that we have added and whose messages, in another store, are being sent, by the moment
 *                     until when, ms
 *   `joined-<group>`  the parts of a complete chord: what was `.j`
 *   `chords`          the complete chords, by the moment since when they are complete, ms
 *   `chords-open`     the open chords that have a part of ours or are held, by the moment at which to look at them, ms
 * All of them expire. No other key of a group is written or removed.
 *
 * Which side completes a chord. Celery 5.2 adds its part to `.j`, and runs the body if there are exactly as many parts
 * as `.s` and `.t` say; then it deletes the three keys. Ours counts in the script that adds the part. With the last
 * part it renames `.j` to a key of ours, and deletes `.s` and `.t`: no part of Celery's that comes later, or once more,
 * finds an open chord. A part of ours replaces that of the same task. One of Celery's that is delivered again may
 * be a second entry: so, where `.j` has entries that are not ours, the tasks are counted first, outside of the script,
 * and entries too many are removed (`chordSweep.ts`).
 *
 * Where a process may die:
 *   before a member's settlement    neither result nor part is stored, the message is rescued, the member runs again
 *   after it                        the part is counted, and the message is gone: the two are one script
 *   after the part that completes   the chord is in `chords`: the joiner of another worker sends the body
 *   while the parts are counted     the chord is in `chords-open`, due at once: another worker counts them
 *   while a member is added         the member is counted and sent by one script, or neither; where messages are in
 *                                   another store it is in `adding-<group>`, and fails if its sender does not return
 *   while the body is sent          the body, its records and the end of all keys are one script: sent or not
 *   Celery's worker, after its last part and before the body: the message is delivered again if it is acknowledged
 *   late; else a worker of ours finds the chord in `chords-open`, and completes it after half a minute
 * With a last part of Celery's the body may so be sent twice, always with the same id. If the server loses its data,
 * it loses the chord with its messages.
 */

/**
 * The end of a member. `part_index` is `+inf` where it has no place, `part_name` its task id, escaped as in the JSON
 * of `part`, which is the entry of `.j`. `part_callback` is '' where another part of the same chord, in the same
 * script, has it. `part_ends` is 1 for one that ends the chord, else ''.
 */
export const PART: ScriptArguments<'part_group' | 'part_index' | 'part_name' | 'part' | 'part_callback' | 'part_ends'> =
  new ScriptArguments('part_group', 'part_index', 'part_name', 'part', 'part_callback', 'part_ends')

/** After this time the sweep looks at a chord that is held, ms; later it looks less often. */
export const HELD_LOOK_MS = 5000

/** What is added to the size of a chord that is held: more than a chord may have members. */
export const HELD = 1_000_000_000_000

/**
 * A chord that is opened: its key `.s`, what is there, and how long that is kept, ms (0: for ever). Of one that is held
 * also its hash ('' for others), its callback, the key `chords-open`, its group, and the moment, ms since the epoch.
 */
export const OPEN: ScriptArguments<
  'open_key' | 'open_size' | 'open_ttl' | 'open_own' | 'open_callback' | 'open_index' | 'open_group' | 'open_now'
> = new ScriptArguments(
  'open_key',
  'open_size',
  'open_ttl',
  'open_own',
  'open_callback',
  'open_index',
  'open_group',
  'open_now',
)

/** Lua: opens the chord of OPEN. */
export const OPEN_CALL =
  'open_chord(open_key, open_size, open_ttl, open_own, open_callback, open_index, open_group, open_now)'

/** The beginning of all keys, the moment (ms since the epoch), and how long keys are kept (ms, 0: for ever). */
export const CHORDS: ScriptArguments<'base' | 'now' | 'lifetime'> = new ScriptArguments('base', 'now', 'lifetime')

/** Lua: `open_chord(…)`, with the values of OPEN. */
export const OPEN_LUA: string = `
local function open_chord(key, size, ttl, own, callback, index, group, now)
  if tonumber(ttl) > 0 then redis.call('SET', key, size, 'PX', ttl) else redis.call('SET', key, size) end
  if own == '' or redis.call('HEXISTS', own, 'size') == 1 then return end
  redis.call('HSET', own, 'callback', callback)
  redis.call('HSETNX', own, 'since', now)
  redis.call('ZADD', index, now + ${HELD_LOOK_MS}, group)
  for _, kept in ipairs({own, index}) do
    if tonumber(ttl) > 0 and redis.call('PTTL', kept) < tonumber(ttl) then redis.call('PEXPIRE', kept, ttl) end
  end
end
`

/**
 * Lua: the keys of one chord, as this call reads and changes it: `chord_of(group)`. To be put after the locals of
 * CHORDS. `total` is nil where the chord is not open, `whole` is true where it is complete.
 */
export const CHORD_LUA: string = `
local complete_chords, open_chords = base .. 'celeriac.chords', base .. 'celeriac.chords-open'
local chords, changed = {}, {}
local function chord_of(group)
  local it = chords[group]
  if it then return it end
  local saved = base .. 'celery-taskset-meta-' .. group
  it = {group = group, parts = saved .. '.j', size = saved .. '.s', more = saved .. '.t', added = 0, found = {}, adds = {},
    own = base .. 'celeriac.chord-' .. group, adding = base .. 'celeriac.adding-' .. group, joined = base .. 'celeriac.joined-' .. group}
  local counts = redis.call('MGET', it.size, it.more)
  local size = tonumber(counts[1])
  it.held = size and size >= ${HELD}
  if it.held then size = size - ${HELD} end
  it.total = size and size + (tonumber(counts[2]) or 0)
  it.whole = not size and redis.call('HEXISTS', it.own, 'size') == 1
  chords[group] = it
  return it
end
-- As long as others of this kind, and no shorter than before.
local function keep(key, least)
  local ttl = math.max(tonumber(lifetime), least or 0)
  if ttl > 0 and redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, string.format('%d', ttl)) end
end
local function watch(it, moment)
  redis.call('ZADD', open_chords, moment, it.group)
  keep(open_chords)
end
-- Celery's workers do not complete one that is held.
local function watch_on(it)
  watch(it, now + (it.held and ${HELD_LOOK_MS} or 60000))
end
local function complete(it, callback)
  redis.call('RENAME', it.parts, it.joined)
  redis.call('UNLINK', it.size, it.more, it.adding)
  redis.call('HSET', it.own, 'size', it.total, 'callback', callback)
  redis.call('ZADD', complete_chords, now, it.group)
  redis.call('ZREM', open_chords, it.group)
  for _, key in ipairs({it.joined, it.own, complete_chords}) do keep(key) end
end
-- True if it was open or complete.
local function close(group)
  local it = chord_of(group)
  if not it.total and not it.whole then return false end
  redis.call('UNLINK', it.parts, it.size, it.more, it.own, it.adding, it.joined)
  redis.call('ZREM', complete_chords, group)
  redis.call('ZREM', open_chords, group)
  chords[group] = nil
  return true
end
-- In JSON and in msgpack the id comes after few bytes.
local function is_of(entry, name)
  local from, to = string.find(string.sub(entry, 1, #name + 9), name, 4, true)
  if not from then return false end
  local before, after = string.byte(entry, from - 1), string.byte(entry, to + 1)
  return (before == 34 and after == 34) or after == 167
end
`

/** A member that is added: its group, its id, and how long its chord is kept for it, ms (0: for ever). */
export const ADDED: ScriptArguments<'added_group' | 'added_task' | 'added_ttl'> = new ScriptArguments(
  'added_group',
  'added_task',
  'added_ttl',
)

/**
 * Lua, after CHORD_LUA: `adding(it, task)`: what becomes of a member, as `Adding` says. `add_member(it, task, ttl)`
 * counts one that is to be sent, once.
 */
export const ADD_LUA: string = `
local function adding(it, task)
  if not it.total then return 'ended' end
  if redis.call('HEXISTS', it.own, 'added:' .. task) == 1 and not redis.call('ZSCORE', it.adding, task) then return 'known' end
  return 'new'
end
local function add_member(it, task, ttl)
  if redis.call('HSETNX', it.own, 'added:' .. task, 1) == 1 then redis.call('INCR', it.more) end
  local least = math.max(redis.call('PTTL', it.size), tonumber(ttl))
  for _, key in ipairs({it.size, it.more, it.own, it.parts}) do keep(key, least) end
end
`

/**
 * Lua: `unjoinable(group, index, name)`: why a part cannot be added, as the server would answer, else nil; to be called
 * for each part before the first write. `called(group, callback)`: the callback of a part, also of one that is not
 * added: the others of this script may have none. `join(…)` with the values of PART adds it. `joined()`, at the end:
 * completes chords. Answers texts: for each chord that needs something now `complete`, its group and callback; or
 * `count`, its group and ''.
 */
export const JOIN_LUA: string = `${CHORD_LUA}
local callbacks = {}
local function called(group, callback)
  if callback ~= '' then callbacks[group] = callback end
end
-- What is there of the same task: false where nothing is. Few ends are repeated: if no place of these parts has an
-- entry, none of them is looked for.
local function entry_of(it, index, name)
  if it.found[name] ~= nil then return it.found[name] end
  local found = false
  if index == '+inf' then
    found = redis.call('HGET', it.own, 'part:' .. name)
  else
    if it.taken == nil then it.taken = not it.first or redis.call('ZCOUNT', it.parts, it.first, it.last) > 0 end
    for _, entry in ipairs(it.taken and redis.call('ZRANGEBYSCORE', it.parts, index, index) or {}) do
      if is_of(entry, name) then found = entry end
    end
  end
  it.found[name] = found
  return found
end
local function unjoinable(group, index, name)
  local it = chord_of(group)
  if it.whole then return end
  if it.wrong == nil then it.wrong = wrong_kind(it.parts, 'zset') end
  if it.wrong then return it.wrong end
  if index == '+inf' then
    entry_of(it, index, name)
  else
    local place = tonumber(index)
    it.first = math.min(it.first or place, place)
    it.last = math.max(it.last or place, place)
  end
end
local function join(group, index, name, part, callback, ends)
  local it = chord_of(group)
  -- The parts of a complete chord are being read.
  if it.whole then return end
  local before = entry_of(it, index, name)
  if before ~= part then
    if before then
      it.adds[before] = nil
      redis.call('ZREM', it.parts, before)
    end
    it.adds[part] = index
  end
  if not before then it.added = it.added + 1 end
  if index == '+inf' then redis.call('HSET', it.own, 'part:' .. name, part) end
  it.found[name] = part
  called(group, callback)
  it.callback = callbacks[group] or ''
  it.ends = it.ends or ends ~= ''
  if not it.changed then changed[#changed + 1] = it end
  it.changed = true
end
local function joined()
  local out = {}
  for _, it in ipairs(changed) do
    local entries = {}
    for part, index in pairs(it.adds) do entries[#entries + 1], entries[#entries + 2] = index, part end
    for from = 1, #entries, 2000 do
      redis.call('ZADD', it.parts, unpack(entries, from, math.min(from + 1999, #entries)))
    end
    local ours = redis.call('HINCRBY', it.own, 'ours', it.added)
    if ours == it.added then
      redis.call('HSET', it.own, 'callback', it.callback)
      redis.call('HSETNX', it.own, 'since', now)
      keep(it.size)
      local least = redis.call('PTTL', it.size)
      keep(it.own, least)
      keep(it.parts, least)
      watch_on(it)
    end
    local count = it.total and redis.call('ZCARD', it.parts)
    if count and (count >= it.total or it.ends) then
      local kind = (count == ours or it.ends) and 'complete' or 'count'
      if kind == 'complete' then
        complete(it, it.callback)
      else
        redis.call('HSET', it.own, 'callback', it.callback, 'full', 0)
        watch(it, now)
      end
      for _, text in ipairs({kind, it.group, kind == 'complete' and it.callback or ''}) do out[#out + 1] = text end
    end
  end
  return out
end
`
