import type { KeptAmount, KeptRow, KeptRows, Read, Wanted } from '../../../backend/bounds/keeping.ts'
import { STATUS_HEAD_BYTES } from '../../../protocol/result.ts'
import { pieces } from '../../../std/chunks.ts'
import type { Arg, RedisConnection, Script } from '../connection/connection.ts'
import { LOG_OF_LUA, STATUS_LUA } from './recordScript.ts'

/*
 * The records of a database, Celery's too, as far as it matters how much they are. There is no index of them: the keys
 * are walked with SCAN, which sees each record that is there for the whole walk. The order of the walk has nothing to
 * do with any order of the records. All clients wait while a step runs: it is short.
 */

/** Commands of one step of a walk: about a millisecond. It ends at the first scan of so many keys after them. */
const MAX_STEP_COMMANDS = 250
const SCANNED_KEYS = 50
/** What a scan costs, in such commands: keys of others are passed over. */
const SCAN_COST = 15
/** Records that one step drops. */
const MAX_DROPPED = 50
/** A record that does not begin with its state is read as a whole, if it is not longer than this, and costs so much. */
const MAX_DECODED_BYTES = 4096
const DECODE_COST = 20
/** How far from its end a moment is looked for. */
const MAX_TAIL_BYTES = 65_536
/** How many fields of a name are looked at for a moment. */
const MAX_NAMES = 100
/** Records that never expire come after all others, those that were submitted first first. */
const NEVER_FROM = 2 ** 52
/** How far apart two reads of the same expiry may be on Redis 6.2, which knows it only from now on, ms. */
const EXPIRY_SLACK_MS = 100

/**
 * Lua: `size_of_ended(key)`: the bytes of a record that is final, and its first ones; nil for any other.
 * `expiry_of(key, head)`: `KeptRow.expires`.
 */
const ROWS_LUA = `${STATUS_LUA}${LOG_OF_LUA}
local commands = 0
local is_exact = type(redis.pcall('PEXPIRETIME', '')) == 'number'
local slack = is_exact and 0 or ${EXPIRY_SLACK_MS}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- ms since the epoch; below 0: never, or there is no such key.
local function end_of(key)
  if is_exact then return redis.call('PEXPIRETIME', key) end
  local left = redis.call('PTTL', key)
  return left < 0 and left or now + left
end
-- In ms, as if all months had 31 days: for an order.
local function moment_in(text, name)
  local pattern = '^[^%d]-(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)%.?(%d?%d?%d?)'
  local at = 0
  -- A result may contain the name, too.
  for found = 1, ${MAX_NAMES} do
    local _, last = string.find(text, name, at + 1, true)
    if not last then return nil end
    at = last
    local year, month, day, hour, minute, second, ms = string.match(string.sub(text, at + 1, at + 50), pattern)
    if year then
      local days = (year * 12 + month) * 31 + day
      return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + (tonumber(ms) or 0)
    end
  end
end
-- Celery's own records have no moment of the submission, but that of their end, behind the result.
local function moment_of(key, head)
  local moment = moment_in(head, 'date_submitted')
  for _, bytes in ipairs({512, ${MAX_TAIL_BYTES}}) do
    moment = moment or moment_in(redis.call('GETRANGE', key, -bytes, -1), 'date_done')
  end
  return moment or 0
end
local function expiry_of(key, head)
  local at = end_of(key)
  return at >= 0 and at or ${NEVER_FROM} + moment_of(key, head)
end
local function size_of_ended(key)
  local head = redis.pcall('GETRANGE', key, 0, ${STATUS_HEAD_BYTES - 1})
  if type(head) == 'table' then
    -- The key of another program.
    if string.find(head.err, 'WRONGTYPE', 1, true) then return nil end
    error(head.err)
  end
  local size = redis.call('STRLEN', key)
  commands = commands + 2
  local status = status_in(head)
  if not status and size > 0 and size <= ${MAX_DECODED_BYTES} then
    commands = commands + ${DECODE_COST}
    status = status_of(key, head)
  end
  if status and FINAL[status] then return size, head end
end
`

/**
 * Lua for the scripts that walk: `walk(see)` calls `see` for each key, and answers the next cursor. ARGV: cursor,
 * pattern of the keys, about how many of them at most, the beginning of the keys of records, that of the keys of
 * metadata, 1 where events are counted.
 */
const WALK_LUA = `${ROWS_LUA}
local from, pattern, limit, record, origin, counts = unpack(ARGV)
local function walk(see)
  local cursor, keys = from, 0
  repeat
    local found = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', math.min(limit, ${SCANNED_KEYS}))
    cursor, keys, commands = found[1], keys + #found[2], commands + ${SCAN_COST}
    for _, key in ipairs(found[2]) do see(key) end
  until cursor == '0' or commands >= ${MAX_STEP_COMMANDS} or keys >= tonumber(limit)
  return cursor
end
local function bytes_of(key, size)
  commands = commands + 1
  return size + redis.call('STRLEN', origin .. string.sub(key, #record + 1))
end
local function events_of(key)
  if counts ~= '1' then return 0, 0 end
  local count = redis.pcall('LLEN', log_of(key))
  commands = commands + 1
  if type(count) == 'table' or count == 0 then return 0, 0 end
  commands = commands + 1
  return count, redis.call('MEMORY', 'USAGE', log_of(key), 'SAMPLES', 0)
end
`

/** Answers the cursor, how many records are final, their bytes, the events of all, their bytes. */
const SUM: Script = {
  name: 'sum of records',
  source: `${WALK_LUA}
local results, bytes, events, event_bytes = 0, 0, 0, 0
local cursor = walk(function(key)
  local size = size_of_ended(key)
  if size then results, bytes = results + 1, bytes + bytes_of(key, size) end
  local count, of_log = events_of(key)
  events, event_bytes = events + count, event_bytes + of_log
end)
return {cursor, results, bytes, events, event_bytes}
`,
}

/** ARGV of a walk, then until which expiry, and one of how many. Answers the cursor, then the fields of each row. */
const ENDED: Script = {
  name: 'ended records',
  source: `${WALK_LUA}
local till, one_of = ARGV[7] + slack, tonumber(ARGV[8])
local out = {''}
out[1] = walk(function(key)
  commands = commands + 1
  local wanted = one_of == 1 or tonumber(string.sub(redis.sha1hex(key), 1, 8), 16) % one_of == 0
  local size, head
  if wanted and end_of(key) <= till then size, head = size_of_ended(key) end
  local expires = size and expiry_of(key, head)
  if size and expires <= till then
    local count, of_log = events_of(key)
    local at = #out
    out[at + 1], out[at + 2], out[at + 3], out[at + 4], out[at + 5] = key, expires, bytes_of(key, size), count, of_log
  end
end)
return out
`,
}

/**
 * Lua for the scripts that drop. ARGV: the beginning of the keys of records, that of the keys of metadata, the index of
 * jobs; then for each record its key and its expiry. One that became another since then stays: it expires later.
 */
const DROP_LUA = `${ROWS_LUA}
local record, origin, jobs = unpack(ARGV)
local function each(change)
  for at = 4, #ARGV, 2 do
    local key = ARGV[at]
    local size, head = size_of_ended(key)
    if size and expiry_of(key, head) <= ARGV[at + 1] + slack then change(key) end
  end
end
`

const DROP: Script = {
  name: 'drop records',
  source: `${DROP_LUA}
each(function(key)
  local id = string.sub(key, #record + 1)
  redis.call('UNLINK', key, log_of(key), origin .. id)
  redis.call('ZREM', jobs, id)
end)
`,
}

/** The numbers of events stay as they are. */
const DROP_LOGS: Script = {
  name: 'drop logs of records',
  source: `${DROP_LUA}each(function(key) redis.pcall('LTRIM', log_of(key), -1, -1) end)`,
}

/** How the keys of what is kept begin, and the key of the index. */
export interface KeptKeys {
  readonly record: string
  readonly metadata: string
  readonly jobs: string
}

/** The records of a database. */
export class RedisKeptRows implements KeptRows {
  readonly #connection: RedisConnection
  readonly #keys: KeptKeys

  constructor(connection: RedisConnection, keys: KeptKeys) {
    this.#connection = connection
    this.#keys = keys
  }

  async sum(from: string, limit: number, events: boolean): Promise<Read & KeptAmount> {
    const answer = (await this.#walk(SUM, from, limit, events)) as [string, number, number, number, number]
    const [cursor, results, resultBytes, count, eventBytes] = answer
    return { ...readOf(cursor), results, resultBytes, events: count, eventBytes }
  }

  async ended(
    from: string,
    limit: number,
    { until, oneOf, events }: Wanted,
  ): Promise<Read & { readonly rows: readonly KeptRow[] }> {
    const [cursor, ...cells] = (await this.#walk(ENDED, from, limit, events, until, oneOf)) as [string, ...Cell[]]
    return { ...readOf(cursor), rows: pieces(cells, ROW_CELLS).map(rowOf) }
  }

  drop(rows: readonly KeptRow[]): Promise<void> {
    return this.#each(DROP, rows)
  }

  dropLogs(rows: readonly KeptRow[]): Promise<void> {
    return this.#each(DROP_LOGS, rows)
  }

  #walk(script: Script, from: string, limit: number, events: boolean, ...more: readonly Arg[]): Promise<unknown> {
    const { record, metadata } = this.#keys
    const args = [from || START, `${literal(record)}*`, limit, record, metadata, events ? 1 : 0, ...more]
    return this.#connection.script(script, [], args)
  }

  async #each(script: Script, rows: readonly KeptRow[]): Promise<void> {
    const { record, metadata, jobs } = this.#keys
    for (const some of pieces(rows, MAX_DROPPED)) {
      const args = some.flatMap(({ key, expires }) => [key, expires])
      await this.#connection.script(script, [], [record, metadata, jobs, ...args])
    }
  }
}

/** The cursor of SCAN at the beginning of a walk, and after its end. */
const START = '0'

function readOf(cursor: string): Read {
  return { next: cursor === START ? undefined : cursor }
}

type Cell = string | number
const ROW_CELLS = 5

function rowOf([key, ...cells]: readonly Cell[]): KeptRow {
  const [expires = 0, bytes = 0, events = 0, eventBytes = 0] = cells.map(Number)
  return { key: String(key), expires, bytes, events, eventBytes }
}

/** A text as a pattern of Redis that fits this text alone. */
function literal(text: string): string {
  return text.replaceAll(/[\\*?[\]^-]/g, String.raw`\$&`)
}
