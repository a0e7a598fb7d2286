import type { SubmissionNote } from '../../backend/notes.ts'
import {
  isSelfTimed,
  MAX_ATOMIC_SUBMISSIONS,
  type Message,
  type Submission,
  type SubmissionMetadata,
} from '../../backend/unitOfWork.ts'
import { laneOf } from '../../broker/lane.ts'
import { LIMITS_HEADER } from '../../protocol/limits.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { PENDING } from '../../protocol/states.ts'
import { pieces } from '../../std/chunks.ts'
import { MESSAGE, METADATA, NOTE, RECORD } from './arguments.ts'
import type { RedisBroker } from './broker/broker.ts'
import { KINDS, SETTLING } from './broker/scripts.ts'
import { SEND_LUA } from './broker/sending.ts'
import { Batch } from './connection/batch.ts'
import type { Arg, Script } from './connection/connection.ts'
import { readAnswers } from './connection/errors.ts'
import { LANES_LUA } from './limits/laneLua.ts'
import { OPEN, OPEN_CALL, OPEN_LUA } from './results/chordScript.ts'
import { INDEX_ARGS, INDEX_LUA, type RedisJobIndex } from './results/jobIndex.ts'
import { isOwned, type RedisNotes } from './results/notes.ts'
import { STORE_LUA, type StoredRecord } from './results/recordScript.ts'

/**
 * Lua: `submit_each(ARGV)`: ARGV[3] is how many; ARGV[4] 1 where none is sent if one cannot be; ARGV[5…] are the
 * arguments of `index_jobs` ('' alone: nothing has metadata); then for each: `once`, RECORD, NOTE, METADATA and
 * MESSAGE; then OPEN for each chord whose header they are. Answers 1 for each that was sent, else 0; a text with the
 * reason for one that cannot be sent; or an error.
 */
const SUBMIT_EACH_LUA = `
local function holds(key, before)
  if before == '' then return redis.call('EXISTS', key) == 0 end
  return redis.call('GET', key) == string.sub(before, 2)
end
local function submit_each(ARGV)
local count, together, out, entries, indexing, at = tonumber(ARGV[3]), ARGV[4] == '1', {}, {}, {ARGV[5]}, 6
if indexing[1] ~= '' then
  for number = 2, ${INDEX_ARGS} do indexing[number] = ARGV[number + 4] end
  at = ${5 + INDEX_ARGS}
end
local unindexed = indexing[1] ~= '' and wrong_kind(indexing[1], 'zset')
local function problem()
  local at = at
  for _ = 1, count do
    at = at + 1
    ${RECORD.lua}
    ${NOTE.lua}
    ${METADATA.lua}
    ${MESSAGE.lua}
    local why = unsendable(kind, target) or (metadata_key ~= '' and unindexed)
    if why then return why end
  end
end
local why = together and problem()
if why then return redis.error_reply(why) end
for _ = 1, count do
  local once = ARGV[at]
  at = at + 1
  ${RECORD.lua}
  ${NOTE.lua}
  ${METADATA.lua}
  ${MESSAGE.lua}
  local why = unsendable(kind, target) or (record_key ~= '' and unwritable(record_key, status, record_ttl))
    or (metadata_key ~= '' and unindexed) or nil
  local note_left, note_before = string.match(note_ttl, '^([^=]*)(.*)$')
  local open = not why and (note_key == '' or holds(note_key, note_before))
  local fresh = open and (record_key == '' or store(record_key, record, status, record_ttl) == 1)
  local sends = open and (fresh or once == '0')
  if sends then send(kind, target, time, text) end
  if sends and note_key ~= '' then
    if tonumber(note_left) > 0 then put(note_key, note, note_left) else redis.call('DEL', note_key) end
  end
  if fresh and metadata_key ~= '' then
    put(metadata_key, metadata, metadata_ttl)
    entries[#entries + 1], entries[#entries + 2] = score, id
  end
  out[#out + 1] = why or (sends and 1 or 0)
end
while at <= #ARGV do
  ${OPEN.lua}
  ${OPEN_CALL}
end
sent()
if #entries > 0 then index_jobs(entries, unpack(indexing)) end
return out
end
`

/**
 * Lua: `submit_alike(ARGV)`: calls of one task. ARGV[1] is how many, ARGV[2] their list, ARGV[3] the ttl of their
 * PENDING records (ms, 0 for ever), ARGV[4] the beginning of the records' keys, ARGV[5] and ARGV[6] the beginning and
 * the end of the values, around the id; ARGV[7] their lane, as JSON of prefix, name and limits ('': none); ARGV[8] the
 * beginning of the keys of their metadata ('': none), ARGV[9…] then their ttl, their score and the arguments of
 * `index_jobs`; then id, message and, if there are any, metadata of each; then OPEN for each chord whose header they
 * are. Answers an error where none can be sent, else nothing.
 */
const SUBMIT_ALIKE_LUA = `
local function submit_alike(ARGV)
local count, list, ttl, key, before, after = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local lane = ARGV[7] ~= '' and cjson.decode(ARGV[7])
local origin, kept, score = ARGV[8], ARGV[9], ARGV[10]
local step, first = 2, 9
if origin ~= '' then step, first = 3, ${11 + INDEX_ARGS} end
local wrong = unpushable(list) or (origin ~= '' and wrong_kind(ARGV[11], 'zset'))
  or (lane and lanes(lane.prefix).problem(lane.name))
if wrong then return redis.error_reply(wrong) end
local texts, entries = {}, {}
for number = 1, count do
  local at = first + (number - 1) * step
  local id = ARGV[at]
  texts[number] = ARGV[at + 1]
  local fresh
  if ttl == '0' then fresh = redis.call('SET', key .. id, before .. id .. after, 'NX')
  else fresh = redis.call('SET', key .. id, before .. id .. after, 'PX', ttl, 'NX') end
  if fresh and step == 3 then
    if kept == '0' then redis.call('SET', origin .. id, ARGV[at + 2])
    else redis.call('SET', origin .. id, ARGV[at + 2], 'PX', kept) end
    entries[#entries + 1], entries[#entries + 2] = score, id
  end
end
if #entries > 0 then index_jobs(entries, unpack(ARGV, 11, ${10 + INDEX_ARGS})) end
for at = first + count * step, #ARGV, ${OPEN.count} do open_chord(unpack(ARGV, at, at + ${OPEN.count - 1})) end
for from = 1, count, 1000 do redis.call('LPUSH', list, unpack(texts, from, math.min(from + 999, count))) end
if lane then lanes(lane.prefix).arrived(lane.name, lane.limits, count) end
end
`

const SUBMIT: Script = {
  name: 'submit',
  source: `${SETTLING}${STORE_LUA}${SEND_LUA}${INDEX_LUA}${OPEN_LUA}${SUBMIT_EACH_LUA}local answer = submit_each(ARGV)
finish_lanes()
return answer`,
}
const SUBMIT_ALIKE: Script = {
  name: 'submit alike',
  source: `${KINDS}${LANES_LUA}${INDEX_LUA}${OPEN_LUA}${SUBMIT_ALIKE_LUA}local wrong = submit_alike(ARGV)
finish_lanes()
return wrong`,
}

/**
 * Lua: `submit_packed(args)`: the arguments of a script that submits, then which one it is. ARGV[2] of a script with it
 * is the visibility timeout, s. Answers as that script. It ends with `finish_lanes()`.
 */
export const SUBMIT_PACKED_LUA: string = `${SETTLING}${STORE_LUA}${SEND_LUA}${INDEX_LUA}${OPEN_LUA}
${SUBMIT_EACH_LUA}${SUBMIT_ALIKE_LUA}
local function submit_packed(args)
  if table.remove(args) == '${SUBMIT_ALIKE.name}' then return submit_alike(args) end
  return submit_each(args)
end
`

/** Ids that need no escape in JSON. */
const PLAIN_ID = /^[\w-]+$/

/** This many submissions of one turn of the event loop are sent before the turn is over. */
const MAX_EARLY_SUBMISSIONS = 16

/** Turns a meta into what is stored. */
export type Recorder = (meta: TaskMeta) => StoredRecord

/** RECORD of a meta; without one, empty. */
export function recordArgs(recorder: Recorder, meta: TaskMeta | undefined): readonly Arg[] {
  if (!meta) return NO_RECORD
  const { key, value, status, ttl } = recorder(meta)
  return RECORD.of({ record_key: key, record: value, status, record_ttl: ttl })
}
const NO_RECORD = RECORD.of({ record_key: '', record: '', status: '', record_ttl: 0 })

/** MESSAGE of a message; without one, empty. */
export function messageArgs(broker: RedisBroker, message: Message | undefined, selfTimed: boolean): readonly Arg[] {
  if (!message) return NO_MESSAGE
  return broker.sendArgs(message.envelope, message.route, selfTimed ? undefined : message.notBefore)
}
const NO_MESSAGE = MESSAGE.of({ kind: '', target: '', time: '', text: '' })

/**
 * Submits tasks with their PENDING records, those of one turn of the event loop together. Most are calls of one task:
 * their records differ by the id alone, so that the common part is written, sent and read once.
 */
export class RedisSubmitter {
  readonly #broker: RedisBroker
  readonly #record: Recorder
  readonly #notes: RedisNotes
  readonly #index: RedisJobIndex
  readonly #batch = new Batch<Submission, boolean>((items) => this.#run(items), MAX_EARLY_SUBMISSIONS)

  constructor(broker: RedisBroker, record: Recorder, notes: RedisNotes, index: RedisJobIndex) {
    this.#broker = broker
    this.#record = record
    this.#notes = notes
    this.#index = index
  }

  submit(submission: Submission): Promise<boolean> {
    return this.#batch.add(submission)
  }

  /** Each 1000 in one script. */
  async submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    // Submissions that came before are sent first.
    this.#batch.flush()
    const answers = await Promise.all(pieces(submissions, MAX_ATOMIC_SUBMISSIONS).map((some) => this.#together(some)))
    return answers.flat().map((answer) => {
      if (answer instanceof Error) throw answer
      return answer
    })
  }

  /** All in one script, or none, after all that was submitted before. `opens`: OPEN of the chords of these members. */
  async submitTogether(submissions: readonly Submission[], opens: readonly Arg[]): Promise<void> {
    this.#batch.flush()
    await this.#together(submissions, opens)
  }

  /** The arguments of `submit_packed`: at most MAX_ATOMIC_SUBMISSIONS, OPEN of their chords. Throws EncodeError. */
  packedArgs(items: readonly Submission[], timed: typeof isTimed, opens: readonly Arg[] = []): readonly Arg[] {
    const alike = isAlike(items) ? this.#alikeArgs(items, opens) : undefined
    return alike ? [...alike, SUBMIT_ALIKE.name] : [...this.#eachArgs(items, opens, timed), SUBMIT.name]
  }

  /** Have all that was submitted before sent first. */
  flush(): void {
    this.#batch.flush()
  }

  #together(items: readonly Submission[], opens?: readonly Arg[]): Promise<(boolean | Error)[]> {
    return isAlike(items) ? this.#alike(items, opens) : this.#each(items, opens)
  }

  /** In their order; a sequence of similar submissions is one call. A call that fails does not fail the others. */
  async #run(items: readonly Submission[]): Promise<(boolean | Error)[]> {
    const calls: Promise<(boolean | Error)[]>[] = []
    for (let from = 0, to = 0; from < items.length; from = to) {
      const plain = plainAt(items, from)
      do to++
      while (
        to < items.length &&
        to - from < MAX_ATOMIC_SUBMISSIONS &&
        (plain ? isLike(items[to], plain) : !plainAt(items, to))
      )
      const some = items.slice(from, to)
      const sending = plain ? this.#alike(some as PlainSubmission[]) : this.#each(some)
      calls.push(sending.catch((error: Error) => some.map(() => error)))
    }
    return (await Promise.all(calls)).flat()
  }

  async #each(items: readonly Submission[], opens?: readonly Arg[]): Promise<(boolean | Error)[]> {
    const { connection, heldKeys } = this.#broker
    const args = this.#eachArgs(items, opens, isTimed)
    return readAnswers(await connection.script(SUBMIT, heldKeys, args), connection.url)
  }

  /** `opens` even if it is empty: all together or none. */
  #eachArgs(items: readonly Submission[], opens: readonly Arg[] | undefined, timed: typeof isTimed): Arg[] {
    const { keys, visibility } = this.#broker
    const marked = items.filter(({ meta, metadata }) => meta && metadata)
    const indexing = marked.length > 0 ? this.#index.indexArgs(marked) : ['']
    const args: Arg[] = [keys.prefix, visibility, items.length, opens ? 1 : 0, ...indexing]
    for (const one of items) {
      const { once, meta, message, note, metadata } = one
      args.push(once ? '1' : '0', ...recordArgs(this.#record, meta), ...this.#noteArgs(note))
      args.push(...this.#metadataArgs(meta, metadata))
      args.push(...messageArgs(this.#broker, message, timed(one)))
    }
    args.push(...(opens ?? []))
    return args
  }

  /** METADATA; empty without any. */
  #metadataArgs(meta: TaskMeta | undefined, given: SubmissionMetadata | undefined): readonly Arg[] {
    const [key, metadata, ttl] = this.#notes.metadataArgs(meta, given)
    const [id, score] = meta && given ? [meta.task_id, this.#index.scoreOf(meta)] : ['', '']
    return METADATA.of({ metadata_key: key, metadata, metadata_ttl: ttl, id, score })
  }

  #noteArgs(note: SubmissionNote | undefined): readonly Arg[] {
    const [key, value, ttl] = this.#notes.noteArgs(note)
    const before = note?.expected === undefined ? '' : `=${note.expected}`
    return NOTE.of({ note_key: key, note: value, note_ttl: `${ttl}${before}` })
  }

  async #alike(items: readonly PlainSubmission[], opens: readonly Arg[] = []): Promise<(boolean | Error)[]> {
    const args = this.#alikeArgs(items, opens)
    if (!args) return this.#each(items, opens)
    await this.#broker.connection.script(SUBMIT_ALIKE, [], args)
    return items.map(() => true)
  }

  #laneArg({ envelope, route }: Message): string {
    const lane = laneOf(route.routingKey, envelope.headers)
    const limits = envelope.headers[LIMITS_HEADER]
    return lane ? JSON.stringify({ prefix: this.#broker.keys.prefix, name: lane.name, limits }) : ''
  }

  /** Undefined where the records are not text. */
  #alikeArgs(items: readonly PlainSubmission[], opens: readonly Arg[]): Arg[] | undefined {
    const [first] = items as readonly [PlainSubmission, ...PlainSubmission[]]
    const { task_id: id } = first.meta
    const { key, value, ttl } = this.#record(first.meta)
    // In msgpack the length is part of the value.
    if (typeof value !== 'string') return undefined
    const member = `"task_id":"${id}"`
    const at = value.indexOf(member) + member.length - id.length - 1
    const { list } = this.#broker.pushOf(first.message.envelope, first.message.route)
    const args: Arg[] = [
      items.length,
      list,
      ttl,
      key.slice(0, -id.length),
      value.slice(0, at),
      value.slice(at + id.length),
      this.#laneArg(first.message),
      first.metadata ? this.#notes.metadataPrefix : '',
    ]
    if (first.metadata) {
      args.push(this.#notes.metadataTtl(first.meta, first.metadata), this.#index.scoreOf(first.meta))
      args.push(...this.#index.indexArgs(items))
    }
    for (const { meta, message, metadata } of items) {
      args.push(meta.task_id, this.#broker.pushOf(message.envelope, message.route).text)
      if (metadata) args.push(this.#notes.metadataArgs(meta, metadata)[1])
    }
    args.push(...opens)
    return args
  }
}

/** The message itself contains its time. */
export function isTimed({ message }: Submission): boolean {
  return message !== undefined && isSelfTimed(message)
}

/** Calls of one task with similar records. */
function isAlike(items: readonly Submission[]): items is readonly PlainSubmission[] {
  const first = items[0]
  return isPlain(first) && items.every((one) => isLike(one, first))
}

/** Goes into its queue at once, by its name, with a new record. */
interface PlainSubmission extends Submission {
  readonly message: Message
  readonly meta: TaskMeta
}

function isPlain(submission: Submission | undefined): submission is PlainSubmission {
  const { meta, once, message, note } = submission ?? {}
  if (!meta || once || note || !message || meta.status !== PENDING || message.route.exchange !== '') return false
  return (message.notBefore === undefined || isSelfTimed(message)) && PLAIN_ID.test(meta.task_id)
}

/**
 * The submission at this place, where it is plain. One of another lane than the next is not worth a call of its own.
 */
function plainAt(items: readonly Submission[], at: number): PlainSubmission | undefined {
  const one = items[at]
  if (!isPlain(one)) return undefined
  const isLimited = one.message.envelope.headers[LIMITS_HEADER] !== undefined
  return isLimited && !isLike(items[at + 1], one) ? undefined : one
}

/** Goes into the same list with the same record, except for the id. */
function isLike(submission: Submission | undefined, first: PlainSubmission): submission is PlainSubmission {
  if (!submission || !isPlain(submission)) return false
  const { route, envelope } = submission.message
  const { priority } = first.message.envelope.properties
  if (route.routingKey !== first.message.route.routingKey || envelope.properties.priority !== priority) return false
  if (envelope.headers[LIMITS_HEADER] !== first.message.envelope.headers[LIMITS_HEADER]) return false
  const { metadata: said } = submission
  const { metadata } = first
  // Each metadata is written as it is; all of them get the same ttl.
  if (!said !== !metadata || (said && metadata && isOwned(said) !== isOwned(metadata))) return false
  const meta = submission.meta as unknown as Record<string, unknown>
  const other = first.meta as unknown as Record<string, unknown>
  // A field that only the other has would not be written.
  for (const key in meta) if (!(key in other) && meta[key] !== undefined) return false
  for (const key in other) {
    if (key === 'task_id' || meta[key] === other[key]) continue
    if (!isNothing(meta[key]) || !isNothing(other[key])) return false
  }
  return true
}

/** All empty lists are equal. */
function isNothing(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}
