import { isSelfTimed, type Message, type Submission } from '../../backend/unitOfWork.ts'
import { write } from '../../protocol/serializer.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import { uuid } from '../../std/id.ts'
import { MESSAGE, METADATA, RECORD } from './arguments.ts'
import type { RedisBroker } from './broker/broker.ts'
import { SETTLING } from './broker/scripts.ts'
import type { Arg, Script } from './connection/connection.ts'
import { readAnswers } from './connection/errors.ts'
import type { RedisBackend } from './results/backend.ts'
import { INDEX_ARGS, INDEX_LUA } from './results/jobIndex.ts'
import { STORE_LUA } from './results/recordScript.ts'
import { messageArgs, type RedisSubmitter, SEND_LUA } from './submit.ts'

/*
 * More messages than one script should send are sent in three steps, so that all of them are sent or none:
 *   1. staged, in slices, in a list `<prefix>celeriac.staged-<name>` that no worker reads, and which expires in an hour
 *   2. released, by the script of the write that sends them: their name is put into the sorted set `celeriac.staged`
 *   3. moved to their queues, in slices. If the sender dies meanwhile, the next sweep of a worker goes on with it.
 * If it dies before the second step, nothing was sent.
 */

/** Longest time that staged messages wait for the write that releases them, ms. */
const STAGED_LIFETIME_MS = 3_600_000
/** Messages that one command stages, and one script moves; and about how many bytes. */
const MAX_MESSAGES = 500
const MAX_MOVED = 200
const MAX_BYTES = 1_000_000
/** How long after its release, or its last slice, a sweep goes on with it, ms. */
const RESUME_DELAY_MS = 10_000

/** Most messages that one script sends together with all else. */
export const MAX_MESSAGES_PER_SCRIPT = 1000

/** Lua, after CHORD_LUA: `unstaged(name, count)`: why these cannot be released, else nil. `release_staged(name)`. */
export const STAGED_LUA: string = `
local function unstaged(name, count)
  if name ~= '' and redis.call('LLEN', base .. 'celeriac.staged-' .. name) ~= tonumber(count) then
    return 'ERR staged messages ' .. name .. ' have expired'
  end
end
local function release_staged(name)
  local key = base .. 'celeriac.staged-' .. name
  if tonumber(lifetime) > 0 then keep(key) else redis.call('PERSIST', key) end
  redis.call('ZADD', base .. 'celeriac.staged', now + ${RESUME_DELAY_MS}, name)
  keep(base .. 'celeriac.staged')
end
`

/**
 * ARGV[3] is the list, ARGV[4] the sorted set of the released, ARGV[5] the name, ARGV[6] when a sweep goes on; then the
 * arguments of `index_jobs`. Moves a slice to its queues. Answers how many are left; a text with the reason where one
 * cannot be sent: a sweep tries it again.
 */
const MOVE: Script = {
  name: 'move staged',
  source: `${SETTLING}${STORE_LUA}${SEND_LUA}${INDEX_LUA}
local released, name, resumption = ARGV[4], ARGV[5], ARGV[6]
local items, bytes = {}, 0
for at, text in ipairs(redis.call('LRANGE', ARGV[3], 0, ${MAX_MOVED - 1})) do
  if bytes < ${MAX_BYTES} then items[at] = cmsgpack.unpack(text) end
  bytes = bytes + #text
end
for _, item in ipairs(items) do
  local ARGV, at = item, 1
  ${MESSAGE.lua}
  local why = unsendable(kind, target)
  if why then
    redis.call('ZADD', released, resumption, name)
    return why
  end
end
local entries = {}
for _, item in ipairs(items) do
  local ARGV, at = item, 1
  ${MESSAGE.lua}
  ${RECORD.lua}
  ${METADATA.lua}
  local fresh = record_key == '' or store(record_key, record, status, record_ttl) == 1
  send(kind, target, time, text)
  if fresh and metadata_key ~= '' then
    put(metadata_key, metadata, metadata_ttl)
    entries[#entries + 1], entries[#entries + 2] = score, id
  end
end
sent()
if #entries > 0 then index_jobs(entries, unpack(ARGV, 7, ${6 + INDEX_ARGS})) end
redis.call('LTRIM', ARGV[3], #items, -1)
local left = redis.call('LLEN', ARGV[3])
if left == 0 then redis.call('ZREM', released, name) else redis.call('ZADD', released, resumption, name) end
return left
`,
}

/** Messages that are staged: the name that releases them. */
export interface Staged {
  readonly name: string
  readonly count: number
}

export const NOTHING_STAGED: Staged = { name: '', count: 0 }

/** Stages messages, and moves those that are released. */
export class Staging {
  readonly #broker: RedisBroker
  readonly #backend: RedisBackend
  readonly #submitter: RedisSubmitter

  constructor(broker: RedisBroker, backend: RedisBackend, submitter: RedisSubmitter) {
    this.#broker = broker
    this.#backend = backend
    this.#submitter = submitter
    backend.chords.alsoSweep(() => this.#resume())
  }

  /** Submissions with their records and metadata. Rejects for those that the store refuses. */
  async stage(submissions: readonly Submission[]): Promise<Staged> {
    return this.#stage(submissions, ({ message }) => message !== undefined && isSelfTimed(message))
  }

  async stageMessages(messages: readonly Message[]): Promise<Staged> {
    const submissions = messages.map((message) => ({ message }))
    return this.#stage(submissions, () => false)
  }

  /** Move all to their queues. What is released is sent: an outage is not the sender's. */
  async move({ name }: Staged): Promise<void> {
    if (name === '') return
    try {
      await this.#moveAll(name)
    } catch (error) {
      // The next sweep of any worker goes on with it.
      if (!(error instanceof StoreUnavailableError)) throw error
    }
  }

  /** The write that would have released them was not done. */
  async drop({ name }: Staged): Promise<void> {
    if (name !== '') await this.#broker.connection.command('UNLINK', this.#list(name))
  }

  async #stage(submissions: readonly Submission[], selfTimed: (one: Submission) => boolean): Promise<Staged> {
    await this.#checkLists(submissions)
    const name = uuid()
    const pack = (one: Submission): Uint8Array => {
      const { message, meta, metadata } = one
      const args = messageArgs(this.#broker, message, selfTimed(one))
      return packed([...args, ...this.#submitter.recordArgs(meta), ...this.#submitter.metadataArgs(meta, metadata)])
    }
    for (const slice of slices(submissions, pack)) {
      await this.#broker.connection.pipeline([
        ['RPUSH', this.#list(name), ...slice],
        ['PEXPIRE', this.#list(name), STAGED_LIFETIME_MS],
      ])
    }
    return { name, count: submissions.length }
  }

  /** Once they are released, nothing may be in their way. */
  async #checkLists(submissions: readonly Submission[]): Promise<void> {
    const { connection, keys, url } = this.#broker
    const queues = new Set(submissions.flatMap(({ message }) => (message ? [message.route.routingKey] : [])))
    const lists = [...queues].flatMap((queue) => keys.lists(queue))
    const kinds = await connection.pipeline(lists.map((list) => ['TYPE', list] as const))
    for (const [at, list] of lists.entries()) {
      if (kinds[at] === 'list' || kinds[at] === 'none') continue
      const [error] = readAnswers([`WRONGTYPE key ${list}: expected a list, got a ${kinds[at]}`], url)
      throw error
    }
  }

  async #moveAll(name: string): Promise<void> {
    const { connection, heldKeys, keys, visibility } = this.#broker
    for (let left = 1; left > 0; ) {
      const next = this.#backend.chords.now + RESUME_DELAY_MS
      const args: Arg[] = [keys.prefix, visibility, this.#list(name), this.#released, name, next]
      const answer = await connection.script(MOVE, heldKeys, [...args, ...this.#backend.index.indexArgs([])])
      left = typeof answer === 'string' ? 0 : Number(answer)
    }
  }

  async #resume(): Promise<void> {
    const due = ['ZRANGEBYSCORE', this.#released, '-inf', this.#backend.chords.now, 'LIMIT', 0, 10] as const
    for (const name of (await this.#broker.connection.command(...due)) as string[]) await this.#moveAll(name)
  }

  get #released(): string {
    return this.#backend.chords.keyOf('staged')
  }

  #list(name: string): string {
    return this.#backend.chords.keyOf(`staged-${name}`)
  }
}

function packed(args: readonly Arg[]): Uint8Array {
  return write(args, 'msgpack').body as Uint8Array
}

/** Packed one by one: at most 500 in a slice, and not many more bytes than a million. */
function* slices(submissions: readonly Submission[], pack: (one: Submission) => Uint8Array): Generator<Uint8Array[]> {
  let slice: Uint8Array[] = []
  let bytes = 0
  for (const submission of submissions) {
    const item = pack(submission)
    slice.push(item)
    bytes += item.length
    if (slice.length < MAX_MESSAGES && bytes < MAX_BYTES) continue
    yield slice
    slice = []
    bytes = 0
  }
  if (slice.length > 0) yield slice
}
