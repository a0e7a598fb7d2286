import type { Message, Submission } from '../../backend/unitOfWork.ts'
import { laneOf } from '../../broker/lane.ts'
import { pieces } from '../../std/chunks.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import { uuid } from '../../std/id.ts'
import type { RedisBroker } from './broker/broker.ts'
import type { Arg, Script } from './connection/connection.ts'
import { readAnswers } from './connection/errors.ts'
import type { RedisBackend } from './results/backend.ts'
import { isTimed, type RedisSubmitter, SUBMIT_PACKED_LUA } from './submit.ts'

/*
 * More messages than one script should send are sent in three steps, so that all of them are sent or none:
 *   1. staged, in slices: a list `<prefix>celeriac.staged-<name>`, which no worker reads and which expires in an hour,
 *      has the arguments of a script that submits for each slice, as msgpack
 *   2. released, by the script of the write that sends them: their name is put into the sorted set `celeriac.staged`
 *   3. submitted, slice by slice. If the sender dies meanwhile, the next sweep of a worker goes on with it.
 * If it dies before the second step, nothing was sent.
 */

/** Longest time that staged messages wait for the write that releases them, ms. */
const STAGED_LIFETIME_MS = 3_600_000
/** Messages of one slice, and bytes of all their bodies but the last; and slices that one command stages. */
const MAX_MESSAGES = 200
const MAX_BYTES = 250_000
const MAX_SLICES = 2
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
 * ARGV[3] is the list, ARGV[4] the sorted set of the released, ARGV[5] the name, ARGV[6] when a sweep goes on. Submits
 * a slice. Answers how many are left; a text with the reason where one cannot be sent: a sweep tries it again.
 */
const MOVE: Script = {
  name: 'move staged',
  source: `${SUBMIT_PACKED_LUA}
local slice = redis.call('LINDEX', ARGV[3], 0)
local answer = slice and submit_packed(cmsgpack.unpack(slice))
finish_lanes()
local why = type(answer) == 'table' and answer.err
local left = 0
if not why then
  -- It does not answer the slice again, as LPOP does.
  redis.call('LTRIM', ARGV[3], 1, -1)
  left = redis.call('LLEN', ARGV[3])
end
if why or left > 0 then redis.call('ZADD', ARGV[4], ARGV[6], ARGV[5]) else redis.call('ZREM', ARGV[4], ARGV[5]) end
return why or left
`,
}

/** Messages that are staged: the name that releases them. */
export interface Staged {
  readonly name: string
  /** Of their slices. */
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
    return this.#stage(submissions, isTimed)
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

  async #stage(submissions: readonly Submission[], isTimed: (one: Submission) => boolean): Promise<Staged> {
    await this.#checkLists(submissions)
    const name = uuid()
    const slices = slicesOf(submissions)
    let sending: Promise<unknown> = Promise.resolve()
    for (const some of pieces(slices, MAX_SLICES)) {
      const before = sending
      const staged = some.map((slice) => packed(this.#submitter.packedArgs(slice, isTimed)))
      sending = Promise.all([before, this.#push(name, staged)])
      sending.catch(() => undefined)
      // The server takes one piece while the next one is encoded.
      await before
    }
    await sending
    return { name, count: slices.length }
  }

  #push(name: string, slices: readonly Uint8Array[]): Promise<unknown> {
    return this.#broker.connection.pipeline([
      ['RPUSH', this.#list(name), ...slices],
      ['PEXPIRE', this.#list(name), STAGED_LIFETIME_MS],
    ])
  }

  /** Once they are released, nothing may be in their way. */
  async #checkLists(submissions: readonly Submission[]): Promise<void> {
    const { connection, keys, url } = this.#broker
    const queues = new Set(submissions.flatMap(({ message }) => (message ? [nameOf(message)] : [])))
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
      const answer = await connection.script(MOVE, heldKeys, args)
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

/** Of its lane, or its queue. */
function nameOf({ envelope, route: { routingKey } }: Message): string {
  return laneOf(routingKey, envelope.headers)?.name ?? routingKey
}

/** As msgpack that Redis can read: it knows texts, which may hold any bytes, and no type for bytes. */
function packed(args: readonly Arg[]): Uint8Array {
  const texts = args.map((arg) => (typeof arg === 'number' ? String(arg) : arg))
  const sizes = texts.map((text) => Buffer.byteLength(text))
  const out = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + HEAD_BYTES + size, HEAD_BYTES))
  let at = headOf(ARRAY, texts.length, out, 0)
  for (const [number, text] of texts.entries()) {
    const size = sizes[number] as number
    at = headOf(TEXT, size, out, at)
    if (typeof text === 'string') out.write(text, at)
    else out.set(text, at)
    at += size
  }
  return out
}

/** Kinds of values in msgpack whose sizes have four bytes. */
const ARRAY = 0xdd
const TEXT = 0xdb
const HEAD_BYTES = 5

/** Where it ends. */
function headOf(kind: number, size: number, out: Buffer, at: number): number {
  out[at] = kind
  return out.writeUInt32BE(size, at + 1)
}

/** In their order. */
function slicesOf(submissions: readonly Submission[]): Submission[][] {
  const slices: Submission[][] = []
  let bytes = MAX_BYTES
  for (const submission of submissions) {
    const slice = slices.at(-1)
    if (!slice || slice.length === MAX_MESSAGES || bytes >= MAX_BYTES) {
      slices.push([submission])
      bytes = 0
    } else slice.push(submission)
    bytes += submission.message?.envelope.body.length ?? 0
  }
  return slices
}
