import { ScriptArguments } from './arguments.ts'
import type { Script } from './connection/connection.ts'
import { ADD_LUA, ADDED, CHORD_LUA, CHORDS } from './results/chordScript.ts'
import { STAGED_LUA } from './staging.ts'
import { SUBMIT_PACKED_LUA } from './submit.ts'

/** The staged messages of a member ('': none), with their number. */
export const STAGED: ScriptArguments<'staged' | 'staged_count'> = new ScriptArguments('staged', 'staged_count')

/**
 * ARGV[3…]: CHORDS, ADDED, STAGED, then the arguments of `submit_packed`. Counts the member of a chord and submits its
 * messages, or does neither. Answers what becomes of it, as `Adding` says; an error where it cannot be sent.
 */
export const ADD_MEMBER: Script = {
  name: 'add member',
  source: `${SUBMIT_PACKED_LUA}
local at = 3
${CHORDS.lua}
${CHORD_LUA}${ADD_LUA}${STAGED_LUA}
${ADDED.lua}
${STAGED.lua}
local it = chord_of(added_group)
local state = adding(it, added_task)
if state ~= 'new' then return state end
local why = unstaged(staged, staged_count)
if why then return redis.error_reply(why) end
local args = {}
for number = at, #ARGV do args[#args + 1] = ARGV[number] end
local answer = submit_packed(args)
finish_lanes()
if type(answer) == 'table' and answer.err then return answer end
add_member(it, added_task, added_ttl)
if staged ~= '' then release_staged(staged) end
return state
`,
}
