import type { AddedMember, CompleteChord } from '../../../backend/chords.ts'
import type { Arg, RedisConnection, Script } from '../connection/connection.ts'
import { CHORD_LUA, CHORDS, HELD_LOOK_MS, JOIN_LUA, PART } from './chordScript.ts'

/*
 * What is put in order where Celery's workers have added parts: tasks that have two entries, chords that a worker of
 * Celery's ended or should have ended, and what is left of closed chords.
 */

/**
 * Lua: `slice_of(key, from)`: entries and scores of a sorted set from a place on, alternately, at most 1000 and about
 * 1 MiB; and where the next slice begins, nil after the last.
 */
export const SLICE_LUA = `
local function slice_of(key, from)
  local out, count, bytes, step = {}, 0, 0, 1
  while true do
    local some = redis.call('ZRANGE', key, from, from + step - 1, 'WITHSCORES')
    for at = 1, #some do out[count + at] = some[at] end
    for at = 1, #some, 2 do bytes = bytes + #some[at] end
    count = count + #some
    from = from + #some / 2
    if #some < step * 2 then return out end
    if bytes >= 1048576 or count >= 2000 then return out, from end
    -- The next ones may be longer than those so far.
    step = math.max(1, math.min(1000 - count / 2, step * 2, 64, math.floor((1048576 - bytes) / (bytes / (count / 2)))))
  end
end
`

/**
 * Lua: `id_of(entry)`: whose part it is; of what is not a part, itself. The reader of msgpack in Redis knows no bytes,
 * which a result may hold: of a list of four the id is read by its place.
 */
const ID_LUA = `
local function packed_id(entry)
  local list, one, kind, high, low = string.byte(entry, 1, 5)
  if list ~= 148 or one ~= 1 or not low then return nil end
  if kind >= 160 and kind <= 191 then return string.sub(entry, 4, kind - 157) end
  if kind == 217 then return string.sub(entry, 5, 4 + high) end
  if kind == 218 then return string.sub(entry, 6, 5 + high * 256 + low) end
end
local function id_of(entry)
  local id = string.match(entry, '^%[1, ?"([^"\\\\]*)"') or packed_id(entry)
  if id then return id end
  local ok, part = pcall(string.byte(entry, 1) == 91 and cjson.decode or cmsgpack.unpack, entry)
  return ok and type(part) == 'table' and type(part[2]) == 'string' and part[2] or entry
end
`

/** KEYS[1] are parts, ARGV[1] a place. Answers task id and score of each in a slice, then the next place (-1: none). */
const TASKS: Script = {
  name: 'chord tasks',
  source: `${SLICE_LUA}${ID_LUA}
local out, next = slice_of(KEYS[1], tonumber(ARGV[1]))
for at = 1, #out, 2 do out[at] = id_of(out[at]) end
out[#out + 1] = next or -1
return out
`,
}

/**
 * ARGV: CHORDS, group, how many tasks have parts, then for each that has several entries: its id, how many scores, and
 * these. Of its entries one stays, if there is one a success. Answers `again` if parts have come meanwhile; `open`,
 * `closed`; or `complete` and the callback.
 */
const COUNTED: Script = {
  name: 'chord counted',
  source: `
local at = 1
local function take()
  at = at + 1
  return ARGV[at - 1]
end
${CHORDS.lua}
${CHORD_LUA}${ID_LUA}
local it, tasks = chord_of(take()), tonumber(take())
if not it.total then return {'closed'} end
while at <= #ARGV do
  local id, entries, best = take(), {}, 1
  for _ = 1, tonumber(take()) do
    local score = take()
    for _, entry in ipairs(redis.call('ZRANGEBYSCORE', it.parts, score, score)) do
      if id_of(entry) == id then entries[#entries + 1] = entry end
    end
  end
  for number, entry in ipairs(entries) do
    if string.find(string.sub(entry, 1, #id + 30), 'SUCCESS', 1, true) then best = number end
  end
  for number, entry in ipairs(entries) do
    if number ~= best then redis.call('ZREM', it.parts, entry) end
  end
end
if redis.call('ZCARD', it.parts) ~= tasks then return {'again'} end
local callback = redis.call('HGET', it.own, 'callback')
if tasks < it.total or not callback then
  redis.call('HDEL', it.own, 'full')
  watch_on(it)
  return {'open'}
end
complete(it, callback)
return {'complete', callback}
`,
}

/**
 * ARGV: CHORDS, the moment before which a chord was complete, and how many are wanted. Answers how many are complete,
 * group and callback of each, and the groups of open chords that are due: the next look at them is in a minute.
 */
const DUE: Script = {
  name: 'chords due',
  source: `
local at = 1
local function take()
  at = at + 1
  return ARGV[at - 1]
end
${CHORDS.lua}
${CHORD_LUA}
local before, limit = take(), take()
local out = {0}
for _, group in ipairs(redis.call('ZRANGEBYSCORE', complete_chords, '-inf', '(' .. before, 'LIMIT', 0, limit)) do
  local callback = redis.call('HGET', base .. 'celeriac.chord-' .. group, 'callback')
  if callback then
    out[1] = out[1] + 1
    out[#out + 1], out[#out + 2] = group, callback
  else
    redis.call('ZREM', complete_chords, group)
  end
end
for _, group in ipairs(redis.call('ZRANGEBYSCORE', open_chords, '-inf', now, 'LIMIT', 0, limit)) do
  redis.call('ZADD', open_chords, now + 60000, group)
  out[#out + 1] = group
end
return out
`,
}

/** A chord that Celery's worker has filled is left to it for this long, ms. */
const PATIENCE_MS = 30_000
/** A chord that is not open, and whose parts came this long ago, was closed before they came, ms. */
const OPENING_LIMIT_MS = 3_600_000

/**
 * ARGV: CHORDS, and a group. Answers 1 where the chord has all parts, and no other worker seems to complete it; 2 where
 * its sender has died before all members were sent; the ids of members that were added and may not be sent, where no
 * others are missing; else 0, and removes what is left of a closed one.
 */
const LOOK: Script = {
  name: 'chord look',
  source: `
local at = 1
local function take()
  at = at + 1
  return ARGV[at - 1]
end
${CHORDS.lua}
${CHORD_LUA}
local it = chord_of(take())
local known = redis.call('HMGET', it.own, 'since', 'full', 'ours', 'unsent')
local since, full, ours, unsent = tonumber(known[1]), tonumber(known[2]), tonumber(known[3]), tonumber(known[4])
local count = redis.call('ZCARD', it.parts)
local adding = redis.call('ZCARD', it.adding)
if unsent and it.total and count < it.total then
  if tonumber(now) > unsent then return 2 end
  watch(it, unsent + 1)
elseif it.whole or (not since and adding == 0) then
  redis.call('ZREM', open_chords, it.group)
elseif not it.total then
  if count == 0 or now - (since or 0) > ${OPENING_LIMIT_MS} then
    if count <= (ours or 0) then redis.call('UNLINK', it.parts) end
    redis.call('UNLINK', it.own, it.adding)
    redis.call('ZREM', open_chords, it.group)
  end
elseif count < it.total then
  redis.call('HDEL', it.own, 'full')
  local age = now - (since or now)
  local longest = (it.held or adding > 0) and 60000 or 3600000
  watch(it, now + math.min(math.max(age, it.held and ${HELD_LOOK_MS} or 60000), longest))
  local late = adding > 0 and redis.call('ZRANGEBYSCORE', it.adding, '-inf', now)
  if late and count + #late >= it.total then return late end
elseif it.held then
  return 1
elseif not full then
  redis.call('HSET', it.own, 'full', now)
  watch(it, now + ${PATIENCE_MS})
elseif now - full >= ${PATIENCE_MS} then
  return 1
end
return 0
`,
}

/** ARGV: CHORDS, and PART of a failed part, which completes the chord. Answers its callback, nil if it was closed. */
const UNSENT: Script = {
  name: 'chord unsent',
  source: `
local at = 1
${CHORDS.lua}
${CHORD_LUA}
${PART.lua}
local it = chord_of(part_group)
local callback = redis.call('HGET', it.own, 'callback')
if not it.total or not callback then return nil end
redis.call('HDEL', it.own, 'unsent')
redis.call('ZADD', it.parts, part_index, part)
complete(it, callback)
return callback
`,
}

/**
 * ARGV: CHORDS, a group, how many entries its parts were when they were read, and of how many tasks; then for each
 * member that was added, may not be sent, and has no part: its id, and PART of a failed part. Answers as `joined()`;
 * nothing where others are missing, or parts have come meanwhile: the next look finds out.
 */
const UNADDED: Script = {
  name: 'chord unadded',
  source: `
local at = 1
${CHORDS.lua}
${JOIN_LUA}
local it, entries, tasks = chord_of(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
at = at + 3
local missing = (#ARGV - at + 1) / ${1 + PART.count}
if not it.total or tasks + missing < it.total or redis.call('ZCARD', it.parts) ~= entries then return {} end
local callback = redis.call('HGET', it.own, 'callback')
if not callback then return {} end
while at <= #ARGV do
  local moment = redis.call('ZSCORE', it.adding, ARGV[at])
  at = at + 1
  ${PART.lua}
  if moment and tonumber(moment) <= tonumber(now) then
    join(part_group, part_index, part_name, part, callback, part_ends)
  end
end
redis.call('ZREMRANGEBYSCORE', it.adding, '-inf', now)
return joined()
`,
}

/** How often parts are counted again at once because more have come. */
const MAX_COUNTS = 5

/** What the sweep needs of the chords. */
export interface SweptChords {
  /** The arguments CHORDS of now. */
  readonly facts: () => Arg[]
  /** Key of the parts of an open chord. */
  readonly partsKey: (group: string) => string
  /** PART of the part that fails a chord whose header was not sent whole. */
  readonly unsentArgs: (group: string) => Arg[]
  /** PART of the failed part of a member that was added and not sent. */
  readonly unaddedArgs: (member: AddedMember) => Arg[]
}

/** Reads and ends chords in several steps; each may be repeated, by any process. */
export class ChordSweep {
  readonly #connection: RedisConnection
  readonly #chords: SweptChords

  constructor(connection: RedisConnection, chords: SweptChords) {
    this.#connection = connection
    this.#chords = chords
  }

  /** Chords that were complete before this moment, and those that should have been completed by Celery. */
  async complete(before: number, limit: number): Promise<CompleteChord[]> {
    const answer = await this.#connection.script(DUE, [], [...this.#chords.facts(), before, limit])
    const [count, ...texts] = answer as [number, ...string[]]
    const found: CompleteChord[] = []
    for (let at = 0; at < count * 2; at += 2) {
      found.push({ group: texts[at] as string, callback: texts[at + 1] as string })
    }
    for (const group of texts.slice(count * 2)) {
      const chord = await this.#look(group)
      if (chord && found.length < limit) found.push(chord)
    }
    return found
  }

  /** The chord if it is complete after this look at it. */
  async #look(group: string): Promise<CompleteChord | undefined> {
    const state = await this.#connection.script(LOOK, [], [...this.#chords.facts(), group])
    if (state === 1) return this.count(group)
    if (Array.isArray(state)) return this.#failUnadded(group, state as string[])
    if (state !== 2) return undefined
    const args = [...this.#chords.facts(), ...this.#chords.unsentArgs(group)]
    const callback = await this.#connection.script(UNSENT, [], args)
    return typeof callback === 'string' ? { group, callback } : undefined
  }

  /** Those of these members that have no part get failed ones; the chord if it is complete by that. */
  async #failUnadded(group: string, late: readonly string[]): Promise<CompleteChord | undefined> {
    const { facts, unaddedArgs } = this.#chords
    const scores = await this.#scores(group)
    const entries = [...scores.values()].reduce((sum, { size }) => sum + size, 0)
    const missing = late.filter((taskId) => !scores.has(taskId))
    const parts = missing.flatMap((taskId) => [taskId, ...unaddedArgs({ group, taskId })])
    const args = [...facts(), group, entries, scores.size, ...parts]
    const [kind, , callback] = (await this.#connection.script(UNADDED, [], args)) as string[]
    if (kind === 'count') return this.count(group)
    return kind === 'complete' ? { group, callback: callback as string } : undefined
  }

  /** Count the tasks that have parts; the chord if it is complete by that. */
  async count(group: string): Promise<CompleteChord | undefined> {
    for (let attempt = 0; attempt < MAX_COUNTS; attempt++) {
      const scores = await this.#scores(group)
      const several = [...scores].flatMap(([id, { size, all }]) => (size > 1 ? [id, all.length, ...all] : []))
      const args = [...this.#chords.facts(), group, scores.size, ...several]
      const [state, callback] = (await this.#connection.script(COUNTED, [], args)) as [string, string]
      if (state === 'complete') return { group, callback }
      if (state !== 'again') return undefined
    }
    return undefined
  }

  /** Of each task with parts how many these are, and their different scores. */
  async #scores(group: string): Promise<Map<string, { size: number; all: string[] }>> {
    const scores = new Map<string, { size: number; all: string[] }>()
    const key = this.#chords.partsKey(group)
    for (let from = 0; from >= 0; ) {
      const answer = (await this.#connection.script(TASKS, [key], [from])) as (string | number)[]
      from = Number(answer.at(-1))
      for (let at = 0; at + 1 < answer.length; at += 2) {
        const [id, score] = [String(answer[at]), String(answer[at + 1])]
        const known = scores.get(id)
        if (!known) scores.set(id, { size: 1, all: [score] })
        else {
          known.size++
          if (!known.all.includes(score)) known.all.push(score)
        }
      }
    }
    return scores
  }
}
