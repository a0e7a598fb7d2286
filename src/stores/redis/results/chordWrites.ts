import type { AddedMember, Adding, ChordPart, ChordWrites, MemberEnd, OpenChord } from '../../../backend/chords.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { RECORD, ScriptArguments } from '../arguments.ts'
import { KINDS } from '../broker/scripts.ts'
import { Batch } from '../connection/batch.ts'
import type { Arg, RedisConnection, Script } from '../connection/connection.ts'
import { readAnswers } from '../connection/errors.ts'
import { ADD_LUA, ADDED, CHORD_LUA, CHORDS, JOIN_LUA, OPEN, OPEN_CALL, OPEN_LUA, PART } from './chordScript.ts'
import { STORE_LUA, type StoredRecord } from './recordScript.ts'

/*
 * Chords whose messages are in another store: the same keys, in scripts that write records and parts alone.
 */

/** One end: whether its first record is that of the task itself (1 or 0), and how many records and parts follow. */
const END = new ScriptArguments('own', 'records', 'parts')

/**
 * ARGV: CHORDS, then for each end END, RECORD and PART for as many as it counts. Answers for each whether its own
 * record was saved, or why it cannot be written; then those of `joined()`.
 */
const ENDS: Script = {
  name: 'chord ends',
  source: `${KINDS}${STORE_LUA}
local at = 1
${CHORDS.lua}
${JOIN_LUA}
local first, out = at, {}
local function problem()
  ${END.lua}
  local why
  for _ = 1, tonumber(records) do
    ${RECORD.lua}
    why = why or unwritable(record_key, status, record_ttl)
  end
  for _ = 1, tonumber(parts) do
    ${PART.lua}
    why = why or unjoinable(part_group, part_index, part_name)
  end
  return why or false
end
while at <= #ARGV do out[#out + 1] = problem() end
at = first
for number = 1, #out do
  ${END.lua}
  local mine, saved = not out[number], 1
  for place = 1, tonumber(records) do
    ${RECORD.lua}
    local done = mine and store(record_key, record, status, record_ttl)
    if mine and place == 1 and own == '1' then saved = done end
  end
  for _ = 1, tonumber(parts) do
    ${PART.lua}
    if mine and (saved == 1 or not entry_of(chord_of(part_group), part_index, part_name)) then
      join(part_group, part_index, part_name, part, part_callback, part_ends)
    end
  end
  out[number] = out[number] or saved
end
for _, text in ipairs(joined()) do out[#out + 1] = text end
return out
`,
}

/** ARGV: CHORDS, then OPEN, group and callback ('': unknown) of each. One that is complete stays so. */
const OPENS: Script = {
  name: 'chord opens',
  source: `
local at = 1
${CHORDS.lua}
${CHORD_LUA}${OPEN_LUA}
while at <= #ARGV do
  ${OPEN.lua}
  local it, callback = chord_of(ARGV[at]), ARGV[at + 1]
  at = at + 2
  if not it.whole then
    ${OPEN_CALL}
    if callback ~= '' then redis.call('HSETNX', it.own, 'callback', callback) end
    keep(it.own)
  end
end
return 1
`,
}

/** ARGV: CHORDS, until when their members are being sent ('': all are sent), and the groups. */
const SENDING: Script = {
  name: 'chord sending',
  source: `
local at = 1
${CHORDS.lua}
${CHORD_LUA}
local moment = ARGV[at]
for number = at + 1, #ARGV do
  local it = chord_of(ARGV[number])
  if moment == '' then
    redis.call('HDEL', it.own, 'unsent')
    -- The first part of ours has it again.
    if redis.call('HEXISTS', it.own, 'since') == 0 and redis.call('EXISTS', it.adding) == 0 then
      redis.call('HDEL', it.own, 'callback')
      redis.call('ZREM', open_chords, it.group)
    elseif it.held then
      watch_on(it)
    end
  elseif it.total then
    redis.call('HSET', it.own, 'unsent', moment)
    keep(it.own)
    watch(it, moment)
  end
end
return 1
`,
}

/** ARGV: CHORDS, ADDED, until when it is being sent ('': it is sent), and the callback. Answers as `Adding`. */
const ADDING: Script = {
  name: 'chord adding',
  source: `
local at = 1
${CHORDS.lua}
${CHORD_LUA}${ADD_LUA}
${ADDED.lua}
local moment, callback = ARGV[at], ARGV[at + 1]
local it = chord_of(added_group)
local state = adding(it, added_task)
if state ~= 'new' then return state end
add_member(it, added_task, added_ttl)
if moment == '' then
  redis.call('ZREM', it.adding, added_task)
  return state
end
redis.call('ZADD', it.adding, moment, added_task)
keep(it.adding)
if callback ~= '' then redis.call('HSETNX', it.own, 'callback', callback) end
local look = redis.call('ZSCORE', open_chords, added_group)
if not look or tonumber(look) > tonumber(moment) then watch(it, moment) end
return state
`,
}

/** ARGV: CHORDS, a group, and a command: `open` answers 1 where it is open or complete; `close` closes it. */
const ONE: Script = {
  name: 'chord one',
  source: `
local at = 1
${CHORDS.lua}
${CHORD_LUA}
if ARGV[at + 1] == 'close' then return close(ARGV[at]) and 1 or 0 end
local it = chord_of(ARGV[at])
return (it.total or it.whole) and 1 or 0
`,
}

/** The arguments of scripts with chords. */
interface ChordArguments {
  readonly now: number
  facts(): Arg[]
  partArgs(part: ChordPart): Arg[]
  openArgs(open: OpenChord, delay?: number): Arg[]
  addedArgs(member: AddedMember, delay: number): Arg[]
  joined(answers: readonly string[]): void
}

/** See `ChordWrites`. */
export class RedisChordWrites implements ChordWrites {
  readonly #connection: RedisConnection
  readonly #chords: ChordArguments
  readonly #record: (meta: TaskMeta) => StoredRecord
  readonly #ends: Batch<readonly Arg[], boolean>

  constructor(connection: RedisConnection, chords: ChordArguments, record: (meta: TaskMeta) => StoredRecord) {
    this.#connection = connection
    this.#chords = chords
    this.#record = record
    this.#ends = new Batch((ends) => this.#endAll(ends))
  }

  async open(chords: readonly OpenChord[], due = 0): Promise<void> {
    const delay = this.#delay(due)
    await this.#run(
      OPENS,
      chords.flatMap((open) => [...this.#chords.openArgs(open, delay), open.group, open.callback ?? '']),
    )
  }

  async adding(member: AddedMember, until: number | undefined, due = 0): Promise<Adding> {
    const args = [...this.#chords.addedArgs(member, this.#delay(due)), until ?? '', member.callback ?? '']
    return (await this.#run(ADDING, args)) as Adding
  }

  async sending(groups: readonly string[], until: number | undefined): Promise<void> {
    await this.#run(SENDING, [until ?? '', ...groups])
  }

  async end({ meta, also = [], parts }: MemberEnd): Promise<boolean> {
    const records = meta ? [meta, ...also] : also
    const args = END.of({ own: meta ? 1 : 0, records: records.length, parts: parts.length })
    for (const one of records) {
      const { key, value, status, ttl } = this.#record(one)
      args.push(...RECORD.of({ record_key: key, record: value, status, record_ttl: ttl }))
    }
    for (const part of parts) args.push(...this.#chords.partArgs(part))
    return this.#ends.add(args)
  }

  async isOpen(group: string): Promise<boolean> {
    return (await this.#run(ONE, [group, 'open'])) === 1
  }

  async close(group: string): Promise<boolean> {
    return (await this.#run(ONE, [group, 'close'])) === 1
  }

  async #endAll(ends: readonly (readonly Arg[])[]): Promise<(boolean | Error)[]> {
    const answer = (await this.#run(ENDS, ends.flat())) as (number | string)[]
    const answers = readAnswers(answer.slice(0, ends.length), this.#connection.url)
    this.#chords.joined(answer.slice(ends.length) as string[])
    return answers
  }

  #delay(due: number): number {
    return Math.max(0, due - this.#chords.now)
  }

  #run(script: Script, args: readonly Arg[]): Promise<unknown> {
    return this.#connection.script(script, [], [...this.#chords.facts(), ...args])
  }
}
