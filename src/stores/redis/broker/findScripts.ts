import type { Script } from '../connection/connection.ts'
import { READING } from './scripts.ts'
import { STEPPING } from './searchScripts.ts'

/* Scripts that find the message of one task and leave it where it is. */

/**
 * Look for the message of task ARGV[1] in the lists KEYS, beginning with list ARGV[2], after the first ARGV[3] messages
 * of that list; in each list at most ARGV[4] are read. Answers where to continue, as ARGV[2] (0: that was all) and
 * ARGV[3]; where it was found also the number of its list, and its text.
 */
export const FIND_WAITING: Script = {
  name: 'find waiting',
  source: `${READING}${STEPPING}
local wanted, list, from, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
while list <= #KEYS and not is_enough() do
  local some = redis.pcall('LRANGE', KEYS[list], -from - 16, -from - 1)
  for at = #some, 1, -1 do
    looked_at(some[at])
    if quick_id(some[at]) == wanted and id_of(some[at]) == wanted then return {0, 0, list, some[at]} end
  end
  from = from + #some
  if #some < 16 or from >= most then list, from = list + 1, 0 end
end
return {list <= #KEYS and list or 0, from}
`,
}

/**
 * Look for the message of task ARGV[1] among those that are held or delayed; KEYS are unacked, index, parked, and
 * ARGV[2] is the cursor of HSCAN. Answers its next cursor ('0': that was all), and how many were read; where it was
 * found also its tag, its value, 1 if it is delayed, and its score ('': it has none).
 */
export const FIND_HELD: Script = {
  name: 'find held',
  source: `${READING}${STEPPING}
local wanted, cursor = ARGV[1], ARGV[2]
repeat
  local scanned = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 16)
  cursor = scanned[1]
  for at = 1, #scanned[2], 2 do
    local tag, value = scanned[2][at], scanned[2][at + 1]
    looked_at(value)
    local text = quick_id(value) == wanted and parts_of(value)
    if text and id_of(text) == wanted then
      return {'0', looked, tag, value, redis.call('SISMEMBER', KEYS[3], tag), redis.call('ZSCORE', KEYS[2], tag) or ''}
    end
  end
until cursor == '0' or is_enough()
return {cursor, looked}
`,
}
