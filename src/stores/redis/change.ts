import type { ChangedMessage } from '../../broker/broker.ts'
import { laneOf } from '../../broker/lane.ts'
import { withMember } from '../../protocol/jsonMembers.ts'
import { limitsHeader } from '../../protocol/limits.ts'
import type { MessageEdit } from '../../protocol/messageEdit.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import { uuid } from '../../std/id.ts'
import { ScriptArguments } from './arguments.ts'
import { type Keys, stepOf } from './broker/keys.ts'
import { type LocatorFacts, locate, type Place } from './broker/locator.ts'
import { KINDS } from './broker/scripts.ts'
import type { RedisConnection, Script } from './connection/connection.ts'
import { LANES_LUA } from './limits/laneLua.ts'
import { STORE_LUA, type StoredRecord } from './results/recordScript.ts'

/** How often a change is tried again where the message, or its record, has changed meanwhile. */
const MAX_TRIES = 20

/**
 * Where the message is (`place`: `list` or `parked`; `from`: the list or the tag; `from_lane`: the lane of the list,
 * '': none; `old`: the value there), and what it becomes (`kind`: `push` or `park`, into `target`, at `time`, as
 * `text`; `lane` and `limits`: empty where it is in none).
 */
const CHANGED: ScriptArguments<
  'place' | 'from' | 'from_lane' | 'old' | 'kind' | 'target' | 'time' | 'text' | 'lane' | 'limits'
> = new ScriptArguments('place', 'from', 'from_lane', 'old', 'kind', 'target', 'time', 'text', 'lane', 'limits')

/** Its record as it was and as it becomes; the key of its metadata, and its new input. Empty where there are none. */
const RECORDED: ScriptArguments<
  'record_key' | 'known' | 'record' | 'status' | 'record_ttl' | 'metadata_key' | 'input'
> = new ScriptArguments('record_key', 'known', 'record', 'status', 'record_ttl', 'metadata_key', 'input')

const NO_RECORD = RECORDED.of({
  record_key: '',
  known: '',
  record: '',
  status: '',
  record_ttl: '0',
  metadata_key: '',
  input: '',
})

/** `change_record(…)`: the arguments of RECORDED. To be called when the record is known to be as it was. */
const CHANGE_RECORD_LUA = `
local function change_record(record_key, known, record, status, record_ttl, metadata_key, input)
  local left = redis.call('PTTL', record_key)
  local ttl = string.match(record_ttl, '^%d+')
  if left < 0 then ttl = '0' elseif tonumber(ttl) < left and ttl ~= '0' then ttl = left end
  -- The log has its newest state as the record has it: both change, so that the state counts as the same.
  local list = log_of(record_key)
  local newest = redis.call('LINDEX', list, -1)
  if newest then
    local last, state = string.match(newest, '^(%d+) (%d+) ')
    last = last or string.match(newest, '^(%d+) ')
    local back = (tonumber(state or last) or 1) - (tonumber(last) or 1) - 1
    local entry = redis.call('LINDEX', list, back)
    if entry == (state or last) .. ' ' .. known then redis.call('LSET', list, back, (state or last) .. ' ' .. record) end
  end
  put(record_key, record, ttl)
  if ttl ~= '0' then outlive(record_key, ttl) end
  if input ~= '' then
    local head = string.match(redis.call('GET', metadata_key) or '', '^([^\\n]*"input":"[a-z]+"[^\\n]*\\n)')
    if head then redis.call('SET', metadata_key, head .. input, 'KEEPTTL') end
  end
  if status ~= 'PENDING' then redis.pcall('PUBLISH', record_key, record) end
end
`

/**
 * KEYS are unacked, index, parked; ARGV[1] is the visibility timeout (s), ARGV[2] the prefix; then CHANGED and
 * RECORDED. Answers 1; 0 where the message is not there as it was, 2 where the record is not: then nothing was written.
 */
const CHANGE: Script = {
  name: 'change',
  source: `${KINDS}${LANES_LUA}${STORE_LUA}${CHANGE_RECORD_LUA}
local prefix, at = ARGV[2], 3
${CHANGED.lua}
${RECORDED.lua}
local unacked, index, parked, position = KEYS[1], KEYS[2], KEYS[3], nil
if place == 'list' then
  -- From the end that is served next, as far as it was searched, and some more that came meanwhile.
  position = redis.call('LPOS', from, old, 'RANK', -1, 'MAXLEN', 20000)
  if not position then return 0 end
elseif redis.call('SISMEMBER', parked, from) == 0 or redis.call('HGET', unacked, from) ~= old then
  return 0
end
if record_key ~= '' and (redis.call('GET', record_key) or '') ~= known then return 2 end
local why = kind == 'push' and unpushable(target) or kind == 'park' and unheld()
  or lane ~= '' and lanes(prefix).problem(lane)
if why then return redis.error_reply(why) end
if place == 'list' and kind == 'push' and target == from then
  redis.call('LSET', from, position, text)
else
  if place == 'list' then
    redis.call('LREM', from, -1, old)
    if from_lane ~= '' then lanes(prefix).departed(from_lane, 1) end
  else
    if knows_lanes(prefix) then lanes(prefix).untagged({from}) end
    redis.call('HDEL', unacked, from)
    redis.call('ZREM', index, from)
    redis.call('SREM', parked, from)
  end
  if kind == 'park' then
    local score = string.format('%.6f', tonumber(time) - tonumber(ARGV[1]))
    redis.call('HSET', unacked, target, text)
    redis.call('ZADD', index, score, target)
    if lane ~= '' then lanes(prefix).tagged(target, '', lane, score) end
    redis.call('SADD', parked, target)
    redis.pcall('PUBLISH', parked, '')
  else
    -- What was delayed is the next one, as when its time has come.
    redis.call(place == 'list' and 'LPUSH' or 'RPUSH', target, text)
    if lane ~= '' then lanes(prefix).arrived(lane, limits, 1) end
  end
end
finish_lanes()
if record_key ~= '' then change_record(record_key, known, record, status, record_ttl, metadata_key, input) end
return 1
`,
}

/** ARGV is RECORDED. Answers 1; 2 where the record is not as it was: then nothing was written. */
const CHANGE_RECORD: Script = {
  name: 'change record',
  source: `${STORE_LUA}${CHANGE_RECORD_LUA}
local at = 1
${RECORDED.lua}
if (redis.call('GET', record_key) or '') ~= known then return 2 end
change_record(record_key, known, record, status, record_ttl, metadata_key, input)
return 1
`,
}

/** Change a record alone; false where it is not as it was. */
export async function changeStored(connection: RedisConnection, changed: ChangedRecord): Promise<boolean> {
  return (await connection.script(CHANGE_RECORD, [], recordedArgs(changed))) === 1
}

/** A record that changes with its message. */
export interface ChangedRecord {
  /** As it is stored. */
  readonly known: Uint8Array
  readonly record: StoredRecord
  readonly metadataKey: string
  readonly input: string | Uint8Array | undefined
}

/** What becomes of a message, and of its record. */
export interface Plan {
  readonly message: ChangedMessage
  readonly record?: ChangedRecord | undefined
}

/** What a change needs of the broker. */
export interface ChangeFacts extends LocatorFacts {
  /** Seconds, by the server's clock, of a moment that is still to come; undefined of one that has passed. */
  secondsOf(notBefore: number): number | undefined
}

/**
 * `Broker.change` with the record. The message is found first; one script then replaces it, if it and the record are
 * still the same. A crash leaves all as it was, or changed.
 */
export async function changeWaiting(
  facts: ChangeFacts,
  id: string,
  queue: string,
  decide: (found: Place['found']) => Promise<Plan | undefined>,
): Promise<boolean> {
  const { connection, keys, visibility } = facts
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const place = await locate(facts, id, queue)
    if (!place || place.found.place === 'held') return false
    const plan = await decide(place.found)
    if (!plan) return true
    const args = [visibility, keys.prefix, ...changedArgs(facts, place, plan.message), ...recordedArgs(plan.record)]
    const answer = await connection.script(CHANGE, [keys.unacked, keys.index, keys.parked], args)
    if (answer === 1) return true
  }
  throw new StoreUnavailableError(`${connection.url}: the message of task ${id} changes all the time: try again`)
}

function changedArgs(facts: ChangeFacts, place: Place, message: ChangedMessage) {
  const { found, key: from, value: old } = place
  const { notBefore, queue = found.queue } = message
  const text = textOf(place.text, message)
  const time = notBefore === undefined ? place.until : facts.secondsOf(notBefore)
  const at = found.place === 'waiting' ? 'list' : 'parked'
  const lane = laneOf(queue, { ...found.envelope.headers, ...message.headers })
  const limits = { lane: lane?.name ?? '', limits: lane ? limitsHeader(lane.limits) : '' }
  const before = { place: at, from, from_lane: place.lane ?? '', old } as const
  if (time === undefined || (at === 'list' && notBefore === undefined)) {
    const priority = message.priority ?? found.envelope.properties.priority ?? 0
    const target = pushTarget(facts.keys, place, lane?.name ?? queue, priority)
    return CHANGED.of({ ...before, kind: 'push', target, time: '', text, ...limits })
  }
  const target = at === 'parked' ? from : uuid()
  const value = `[${text},${JSON.stringify('')},${JSON.stringify(lane?.name ?? queue)}]`
  return CHANGED.of({ ...before, kind: 'park', target, time, text: value, ...limits })
}

/** A message that waits stays in its list, whatever its priority says, unless that changes. */
function pushTarget(keys: Keys, { found, key, lane }: Place, name: string, priority: number): string {
  const before = found.envelope.properties.priority ?? 0
  const stays = found.place === 'waiting' && name === (lane ?? found.queue) && stepOf(before) === stepOf(priority)
  return stays ? key : keys.list(name, stepOf(priority))
}

function recordedArgs(changed: ChangedRecord | undefined) {
  if (!changed) return NO_RECORD
  const { known, record, metadataKey, input = '' } = changed
  return RECORDED.of({
    record_key: record.key,
    known,
    record: record.value,
    status: record.status,
    record_ttl: record.ttl,
    metadata_key: metadataKey,
    input,
  })
}

/** The envelope as its sender wrote it, but for what changes. */
function textOf(
  text: string,
  { headers = {}, priority, body, queue }: MessageEdit & { readonly queue?: string },
): string {
  let changed = text
  const set = (path: readonly string[], value: unknown): void => {
    changed = withMember(changed, path, JSON.stringify(value))
  }
  for (const [name, value] of Object.entries(headers)) set(['headers', name], value)
  if (priority !== undefined) set(['properties', 'priority'], priority)
  if (queue !== undefined) {
    set(['properties', 'delivery_info', 'exchange'], '')
    set(['properties', 'delivery_info', 'routing_key'], queue)
  }
  if (body !== undefined) {
    set(['body'], Buffer.from(body as string).toString('base64'))
    set(['properties', 'body_encoding'], 'base64')
  }
  return changed
}
