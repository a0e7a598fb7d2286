import { isOnTheWay, LOG_TRIM_INTERVAL, MAX_LOG_BYTES, MIN_LOG_ENTRIES } from '../../../backend/eventLog.ts'
import { delayOf, lifetimeOf } from '../../../backend/retention.ts'
import { encodePlain, type SerializerName } from '../../../protocol/encoding.ts'
import { STATUS_HEAD_BYTES, type TaskMeta } from '../../../protocol/result.ts'
import { write } from '../../../protocol/serializer.ts'
import { Batch } from '../connection/batch.ts'
import type { RedisConnection, Script } from '../connection/connection.ts'
import { readAnswers } from '../connection/errors.ts'

/*
 * How a record is written to Redis: in Celery's format (celery-wire §4.1), at its key and published to the channel of
 * the same name; but in one step with the check of the stored record, so that a late state never replaces a final one.
 */

/**
 * Lua: `status_of(key, head)`: the state of a record, whose first bytes are `head`; nil where it cannot be read.
 * `status_in(head)`: the same for the records of all that write it first, Celery too. `FINAL` has the final ones.
 */
export const STATUS_LUA: string = `
local FINAL = {SUCCESS = true, FAILURE = true, REVOKED = true}
-- For msgpack that begins with the state: the state, and where the next field begins.
local function packed_status(head)
  local at = string.match(head, '^[\\128-\\143]\\166status()') or string.match(head, '^\\222..\\166status()')
  local size = (at and string.byte(head, at) or 0) - 160
  if size >= 0 and size <= 31 then return string.sub(head, at + 1, at + size), at + 1 + size end
end
local function status_in(head)
  return string.match(head, '^{%s*"status"%s*:%s*"([^"]*)"') or (packed_status(head))
end
local function status_of(key, head)
  local known = status_in(head)
  if known then return known end
  local value = redis.call('GET', key)
  for _, decode in ipairs({cjson.decode, cmsgpack.unpack}) do
    local ok, record = pcall(decode, value)
    if ok and type(record) == 'table' then return record.status end
  end
end
`

/** Lua: `log_of(key)`: the key of the log of the record at this key. */
export const LOG_OF_LUA: string = `
local function log_of(key) return (string.gsub(key, 'celery%-task%-meta%-', 'celeriac.events-', 1)) end
`

/**
 * Lua: `store(key, value, status, ttl, settling)` answers 1 when it was saved, else 0. `ttl` is as in StoredRecord.
 * PENDING is saved only where there is no record, and is not published. A final state stays; `settling` lets a final
 * one replace it, unless it is SUCCESS; where `settling` is `reopen`, any state does. The beginning of a record
 * contains its state: all that write records, Celery too, write it first. `unwritable(key, status, ttl)`: why it could
 * not be saved, as the server would answer, else nil: to be called before the first write. Put before a script's own
 * text.
 */
export const STORE_LUA: string = `${STATUS_LUA}${LOG_OF_LUA}
local function put(key, value, ttl, ...)
  if tonumber(ttl) > 0 then return redis.call('SET', key, value, 'PX', ttl, ...) end
  return redis.call('SET', key, value, ...)
end
-- Only the first record knows the moment of the submission: it is kept, as the second field.
local function submission_of(head)
  local text = string.match(head, '^{"status":"[^"]*",("date_submitted":"[^"]*")')
  local _, at = packed_status(head)
  if text or not at or string.sub(head, at, at + 14) ~= '\\174date_submitted' then return text, nil end
  return nil, string.sub(head, at, at + 15 + (string.byte(head, at + 15) or 160) - 160)
end
local function with_submission(value, head)
  local own_text, own_packed = submission_of(string.sub(value, 1, ${STATUS_HEAD_BYTES}))
  if own_text or own_packed then return value end
  local text, packed = submission_of(head)
  local _, to = string.find(value, '^{"status":"[^"]*",')
  if text and to then return string.sub(value, 1, to) .. text .. ',' .. string.sub(value, to + 1) end
  local _, at = packed_status(string.sub(value, 1, ${STATUS_HEAD_BYTES}))
  if not packed or not at then return value end
  local first, high, low = string.byte(value, 1, 3)
  local wide = first == 222
  local count = (wide and high * 256 + low or first - 128) + 1
  local header = '\\222' .. string.char(math.floor(count / 256), count % 256)
  return header .. string.sub(value, wide and 4 or 2, at - 1) .. packed .. string.sub(value, at)
end
-- The log of a task, as eventLog.ts reads it: numbers from 2, the newest \`limit\` states, fewer of long ones.
local function log(key, value, ttl, limit)
  local list = log_of(key)
  local newest = redis.call('LINDEX', list, -1)
  local number = newest and (tonumber(string.match(newest, '^%d+') or 1)) + 1 or 2
  redis.call('RPUSH', list, number .. ' ' .. value)
  local kept = math.min(limit, math.max(${MIN_LOG_ENTRIES}, math.floor(${MAX_LOG_BYTES} / #value)))
  if number % ${LOG_TRIM_INTERVAL} == 0 then redis.call('LTRIM', list, -kept, -1) end
  if tonumber(ttl) > 0 then redis.call('PEXPIRE', list, ttl) end
end
local heads = {}
local function unwritable(key, status, ttl)
  if status == 'PENDING' then return end
  local head = redis.pcall('GETRANGE', key, 0, ${STATUS_HEAD_BYTES - 1})
  if type(head) == 'table' then return head.err end
  heads[key] = head
  local newest = string.find(ttl, '/', 1, true) and redis.pcall('LINDEX', log_of(key), -1)
  if type(newest) == 'table' then return newest.err end
end
-- The metadata of the job, and the index that lists it, are kept as long as its record waits.
local function outlive(key, ttl)
  for _, name in ipairs({'celeriac.origin-%1', 'celeriac.jobs'}) do
    local other = string.gsub(key, 'celery%-task%-meta%-(.*)$', name, 1)
    local left = redis.call('PTTL', other)
    if left >= 0 and left < tonumber(ttl) then redis.call('PEXPIRE', other, ttl) end
  end
end
local function store(key, value, status, ttl, settling)
  if status == 'PENDING' then return put(key, value, ttl, 'NX') and 1 or 0 end
  local head = heads[key] or redis.call('GETRANGE', key, 0, ${STATUS_HEAD_BYTES - 1})
  heads[key] = nil
  local known
  if head ~= '' then
    known = status_of(key, head)
    if known == 'SUCCESS' or (FINAL[known] and settling ~= 'reopen' and not (settling and FINAL[status])) then return 0 end
    value = with_submission(value, head)
  end
  if not FINAL[status] then
    local limit
    local waits
    ttl, limit, waits = string.match(ttl, '^(%d+)/?(%d*)(%+?)$')
    -- A record that is not final is kept at least as long as the record before: it may wait for other things as well.
    if head ~= '' and ttl ~= '0' then ttl = math.max(tonumber(ttl), redis.call('PTTL', key)) end
    if waits ~= '' then outlive(key, ttl) end
    if limit ~= '' then log(key, value, ttl, tonumber(limit)) end
  elseif known and known ~= 'PENDING' then
    if tonumber(ttl) > 0 then redis.call('PEXPIRE', log_of(key), ttl) else redis.call('PERSIST', log_of(key)) end
  end
  put(key, value, ttl)
  -- A user without access to this channel stores the record nevertheless.
  redis.pcall('PUBLISH', key, value)
  return 1
end
`

/**
 * Save records, the keys in KEYS; ARGV are value, status, ttl of each. Answers 1 or 0 for each, or why it cannot be
 * saved.
 */
const STORE: Script = {
  name: 'store',
  source: `${STORE_LUA}
local out = {}
for at, key in ipairs(KEYS) do
  local value, status, ttl = ARGV[at * 3 - 2], ARGV[at * 3 - 1], ARGV[at * 3]
  out[at] = unwritable(key, status, ttl) or store(key, value, status, ttl)
end
return out
`,
}

/** A record as `STORE_LUA` takes it. */
export interface StoredRecord {
  readonly key: string
  readonly value: string | Uint8Array
  readonly status: string
  /**
   * ms, 0: for ever; for an intermediate state followed by `/`, how many states the log keeps, and `+` if it waits for
   * a moment.
   */
  readonly ttl: number | string
}

/** How records are kept. */
export interface Keeping {
  readonly serializer: SerializerName
  /** How long a final one is kept, ms; 0: for ever. */
  readonly expires: number
  /** How many intermediate states are logged; 0: none. */
  readonly eventLog: number
  /** The moment of the write, ms since the epoch. */
  readonly now: number
}

/** What is written for a record. Throws EncodeError. */
export function recordOf(meta: TaskMeta, key: string, { serializer, expires, eventLog, now }: Keeping): StoredRecord {
  const { status } = meta
  // Only the result may contain values that need encoding: the other fields are plain.
  const result = encodePlain(meta.result, 'result', serializer)
  const ordered = result === meta.result && beginsWithStatus(meta) ? meta : inOrder(meta, result)
  const { body: value } = write(ordered, serializer)
  const ttl = lifetimeOf(meta, expires, now)
  if (!isOnTheWay(status)) return { key, value, status, ttl }
  const waits = ttl > 0 && delayOf(meta, now) > 0 ? '+' : ''
  return { key, value, status, ttl: `${ttl}/${eventLog > 0 ? eventLog : ''}${waits}` }
}

/** The state and the moment of the submission first, where `STORE_LUA` expects them. */
function inOrder({ status, date_submitted, ...rest }: TaskMeta, result: unknown): Record<string, unknown> {
  return { status, ...(date_submitted !== undefined && { date_submitted }), ...rest, result }
}

/** True for a record in the order in which a worker makes it. */
function beginsWithStatus(meta: TaskMeta): boolean {
  const keys = Object.keys(meta)
  return keys[0] === 'status' && keys[1] === 'date_submitted'
}

/** Bounds of one call, so that it does not block the server for long: records, and bytes of all but the last. */
const MAX_RECORDS_PER_CALL = 500
const MAX_CALL_BYTES = 1_000_000

/** Saves records; those of one turn of the event loop in one call. */
export class RedisWriter {
  readonly #connection: RedisConnection
  readonly #batch = new Batch<StoredRecord, boolean>((records) => this.#saveAll(records))

  constructor(connection: RedisConnection) {
    this.#connection = connection
  }

  /** True when it was saved. */
  save(record: StoredRecord): Promise<boolean> {
    return this.#batch.add(record)
  }

  async #saveAll(records: readonly StoredRecord[]): Promise<(boolean | Error)[]> {
    return (await Promise.all(callsOf(records).map((call) => this.#send(call)))).flat()
  }

  /** A call that fails fails its own records alone. */
  async #send(records: readonly StoredRecord[]): Promise<(boolean | Error)[]> {
    try {
      const keys = records.map(({ key }) => key)
      const args = records.flatMap(({ value, status, ttl }) => [value, status, ttl])
      return readAnswers(await this.#connection.script(STORE, keys, args), this.#connection.url)
    } catch (error) {
      return records.map(() => error as Error)
    }
  }
}

function callsOf(records: readonly StoredRecord[]): StoredRecord[][] {
  const calls: StoredRecord[][] = []
  let call: StoredRecord[] = []
  let size = 0
  for (const record of records) {
    if (call.length === 0) calls.push(call)
    call.push(record)
    size += record.value.length
    if (call.length < MAX_RECORDS_PER_CALL && size < MAX_CALL_BYTES) continue
    call = []
    size = 0
  }
  return calls
}
