import { ENDING, JOINING, MEMBER, MESSAGE, RECORD } from './arguments.ts'
import { SETTLING } from './broker/scripts.ts'
import { SEND_LUA } from './broker/sending.ts'
import type { Script } from './connection/connection.ts'
import { CHORDS, JOIN_LUA, OPEN, OPEN_CALL, OPEN_LUA, PART } from './results/chordScript.ts'
import { STORE_LUA } from './results/recordScript.ts'
import { STAGED_LUA } from './staging.ts'

/** Lua that a script with chords has in addition to the same script without. */
interface Joining {
  /** Before all else, and before each of the two passes over the arguments. */
  readonly prelude: string
  readonly facts: string
  /** Of one settlement: its first arguments; its further checks; whether it takes effect; its writes. */
  readonly item: string
  readonly check: string
  readonly fence: string
  readonly write: string
  /** Appended to the answers. */
  readonly end: string
}

const PLAIN: Joining = { prelude: '', facts: '', item: ENDING.lua, check: '', fence: '', write: '', end: '' }

const WITH_CHORDS: Joining = {
  prelude: `${CHORDS.lua}${JOIN_LUA}${OPEN_LUA}${STAGED_LUA}
local last_group\n`,
  facts: `at = at + ${CHORDS.count}\n`,
  item: `
  local others, messages, parts, opens, closes, staged, staged_count = 0, 0, 0, 0, '', '', 0
  local ending, part_index, part_name, part
  local is_member = ARGV[at] == 'member'
  if is_member then
    ${MEMBER.assigned}
    ending = 'ack'
  else
    ${ENDING.assigned}
    ${JOINING.assigned}
  end`,
  check: `
  if is_member then why = why or unjoinable(last_group, part_index, part_name) end
  for _ = 1, tonumber(parts) do
    ${PART.lua}
    last_group = part_group
    called(part_group, part_callback)
    why = why or unjoinable(part_group, part_index, part_name)
  end
  for _ = 1, tonumber(opens) do ${OPEN.lua} end
  why = why or unstaged(staged, staged_count)`,
  fence: `mine = mine and (closes == '' or close(closes))`,
  write: `
  if is_member and mine then join(last_group, part_index, part_name, part, '', '') end
  for _ = 1, tonumber(parts) do
    ${PART.lua}
    last_group = part_group
    if mine then join(part_group, part_index, part_name, part, part_callback, part_ends) end
  end
  for _ = 1, tonumber(opens) do
    ${OPEN.lua}
    if mine then ${OPEN_CALL} end
  end
  if mine and staged ~= '' then release_staged(staged) end`,
  end: `for _, text in ipairs(joined()) do out[#out + 1] = text end`,
}

/**
 * ARGV[3] is how many, then their tags ('' for a write without a delivery); with chords CHORDS; then for each ENDING,
 * with chords JOINING, and RECORD, RECORD and MESSAGE for as many others and messages as ENDING counts, PART and OPEN
 * for as many as JOINING counts; or, with chords, MEMBER and RECORD. None of this happens unless the message is still
 * held, and the chord that is closed was open. Answers 1 for each that was held, else 0; for a write with a record,
 * whether that was saved; a text with the reason for one that cannot be written: it is held as before, and the others
 * are settled.
 */
function settleScript(name: string, joining: Joining): Script {
  return {
    name,
    source: `${SETTLING}${STORE_LUA}${SEND_LUA}
local count = tonumber(ARGV[3])
local out, good, done, restored = {}, {}, {}, {}
local at = 4 + count
${joining.prelude}${checks(joining)}
local held = release(good)
at = 4 + count
${joining.facts}${writes(joining)}
sent()
in_pieces('HDEL', unacked, done)
for number = #restored, 1, -1 do restore(restored[number], 'redelivered') end
finish_lanes()
${joining.end}
return out
`,
  }
}

/** Before the first write: why settlements cannot be written. */
function checks({ item, check }: Joining): string {
  return `
local function problem_of(tag)
  ${item}
  ${RECORD.lua}
  local why = record_key ~= '' and unwritable(record_key, status, record_ttl) or nil
  if ending == 'requeue' then why = why or unrestorable(tag) end
  for _ = 1, tonumber(others) do
    ${RECORD.lua}
    why = why or unwritable(record_key, status, record_ttl)
  end
  for _ = 1, tonumber(messages) do
    ${MESSAGE.lua}
    why = why or unsendable(kind, target)
  end
  ${check}
  return why
end
for number = 1, count do
  local tag = ARGV[number + 3]
  out[number] = problem_of(tag)
  if not out[number] and tag ~= '' then good[#good + 1] = tag end
end
`
}

function writes({ item, fence, write }: Joining): string {
  return `
for number = 1, count do
  local tag = ARGV[number + 3]
  ${item}
  ${RECORD.lua}
  local mine = not out[number] and (not held or tag == '' or held[tag])
  ${fence}
  local saved = 1
  if mine then
    if held then held[tag] = false end
    if ending == 'ack' then done[#done + 1] = tag elseif ending == 'requeue' then restored[#restored + 1] = tag end
    if record_key ~= '' then saved = store(record_key, record, status, record_ttl, tag ~= '') end
  end
  for _ = 1, tonumber(others) do
    ${RECORD.lua}
    if mine then store(record_key, record, status, record_ttl) end
  end
  for _ = 1, tonumber(messages) do
    ${MESSAGE.lua}
    if mine then send(kind, target, time, text) end
  end
  ${write}
  out[number] = out[number] or (mine and (tag ~= '' or saved == 1) and 1 or 0)
end
`
}

/** Settlements that have nothing to do with chords. */
export const SETTLE: Script = settleScript('settle with record', PLAIN)

/** Settlements and other writes. After the answers for each come those of `joined()`. */
export const SETTLE_CHORDS: Script = settleScript('settle with chords', WITH_CHORDS)
