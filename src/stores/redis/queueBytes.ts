import { type Keys, PRIORITY_STEPS } from './broker/keys.ts'
import { SETTLING } from './broker/scripts.ts'
import type { RedisConnection, Script } from './connection/connection.ts'

/**
 * The server adds up the memory of a list by its parts, of which each has 8 KiB of small messages, or one large one:
 * some 20 ns for each. Of a longer list so many parts, those that were sent last, stand for all.
 */
const MAX_PARTS = 100_000
/** Of a queue with more lanes so many of them stand for all. */
const MAX_LANES = 250

/**
 * Lua, after `list_of` and `lanes`: `bytes_in(queue)`: the memory that the messages take which wait in a queue and its
 * lanes, or the server's error.
 */
export const QUEUE_BYTES_LUA: string = `
local function bytes_in(queue)
  local sum, failed = 0, nil
  local function add(list)
    if redis.pcall('EXISTS', list) ~= 1 then return 0 end
    local bytes = redis.pcall('MEMORY', 'USAGE', list, 'SAMPLES', ${MAX_PARTS})
    if type(bytes) == 'number' then return bytes end
    failed = failed or bytes
    return 0
  end
  for _, step in ipairs({${PRIORITY_STEPS.join(', ')}}) do sum = sum + add(list_of(queue, step)) end
  local key = prefix .. 'celeriac.lanes.' .. queue
  local count = redis.pcall('HLEN', key)
  if type(count) == 'number' and count > 0 then
    local some, read, bytes = redis.call('HSCAN', key, 0, 'COUNT', ${MAX_LANES})[2], 0, 0
    for at = 1, #some, 2 do
      for _, list in ipairs(lanes(prefix).lists_of(lanes(prefix).lane_of(queue, some[at]))) do bytes = bytes + add(list) end
      read = read + 1
    end
    if read > 0 then sum = sum + math.floor(bytes * count / read) end
  end
  return failed or sum
end
`

/** ARGV: prefix, visibility timeout, queue. Changes nothing. */
const QUEUE_BYTES: Script = {
  name: 'queue bytes',
  source: `${SETTLING}${QUEUE_BYTES_LUA}
return bytes_in(ARGV[3])`,
}

/** `MessageBytes.waiting`. */
export async function bytesIn(
  connection: RedisConnection,
  { unacked, index, parked, prefix }: Keys,
  visibility: number,
  queue: string,
): Promise<number> {
  return Number(await connection.script(QUEUE_BYTES, [unacked, index, parked], [prefix, visibility, queue]))
}
