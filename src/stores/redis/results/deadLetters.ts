import type {
  DeadLetter,
  DeadLetterAmount,
  DeadLetterBounds,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStore,
  KeptDeadLetter,
  NewDeadLetter,
} from '../../../backend/dead/deadLetters.ts'
import { DEFAULT_BOUNDS, editedFacts, factsText, headText, pageOf, readFacts } from '../../../backend/dead/pages.ts'
import type { Redriven } from '../../../backend/unitOfWork.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { readMessage } from '../../../protocol/packedMessage.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { pieces } from '../../../std/chunks.ts'
import type { Clock } from '../../../std/clock.ts'
import { MESSAGE, RECORD } from '../arguments.ts'
import type { RedisBroker } from '../broker/broker.ts'
import { KINDS, SETTLING } from '../broker/scripts.ts'
import { SEND_LUA } from '../broker/sending.ts'
import type { Arg, RedisConnection, Script } from '../connection/connection.ts'
import { readAnswers } from '../connection/errors.ts'
import { DEAD_LUA } from '../deadLetterLua.ts'
import { messageArgs, recordArgs } from '../submit.ts'
import { STORE_LUA, type StoredRecord } from './recordScript.ts'

/** Ids of one script, so that it does not block the server for long. */
const MAX_IDS = 200
/** How many one script drops that have expired, or are too many. */
const MAX_TRIMMED = 500

/** ARGV[1] is the base of the keys, then for each how and text. Answers 1 for each, or why it cannot be kept. */
const PUT: Script = {
  name: 'put dead letters',
  source: `${KINDS}${DEAD_LUA}
local why = unburiable(ARGV[1])
if why then return redis.error_reply(why) end
for at = 2, #ARGV, 2 do bury(ARGV[1], ARGV[at], ARGV[at + 1]) end
return 1
`,
}

/** ARGV: base, `oldest` or not, after which version, how many. Answers id, version and facts of each. */
const LIST: Script = {
  name: 'list dead letters',
  source: `local base, order, after, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local found
if order == 'oldest' then found = redis.call('ZRANGEBYSCORE', base, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, count)
else found = redis.call('ZREVRANGEBYSCORE', base, '(' .. after, '-inf', 'WITHSCORES', 'LIMIT', 0, count) end
local out = {}
for at = 1, #found, 2 do
  out[#out + 1], out[#out + 2] = found[at], found[at + 1]
  out[#out + 1] = redis.call('HGET', base .. '-facts', found[at]) or ''
end
return out
`,
}

/** ARGV: base, then ids. Answers version and facts of each; twice '' where there is none. */
const FACTS: Script = {
  name: 'facts of dead letters',
  source: `local base, out = ARGV[1], {}
for at = 2, #ARGV do
  out[#out + 1] = redis.call('ZSCORE', base, ARGV[at]) or ''
  out[#out + 1] = redis.call('HGET', base .. '-facts', ARGV[at]) or ''
end
return out
`,
}

/** ARGV: base, id, version, queue, facts, message. Answers 1; 0 where it is not there in this version. */
const EDIT: Script = {
  name: 'edit dead letter',
  source: `${DEAD_LUA}
local base, id, version, queue, facts, message = unpack(ARGV)
if tonumber(redis.call('ZSCORE', base, id) or -1) ~= tonumber(version) then return 0 end
local origin = string.match(redis.call('HGET', base .. '-facts', id) or '', '\\n(.*)$') or ''
dead_keep(base, id, queue, facts .. '\\n' .. origin, message)
return 1
`,
}

/** ARGV: base, version ('': any), then ids. Answers how many were dropped. */
const DROP: Script = {
  name: 'drop dead letters',
  source: `${DEAD_LUA}
local base, version, count = ARGV[1], ARGV[2], 0
for at = 3, #ARGV do
  local mine = version == '' or tonumber(redis.call('ZSCORE', base, ARGV[at]) or -1) == tonumber(version)
  if mine and dead_remove(base, ARGV[at]) then count = count + 1 end
end
return count
`,
}

/** ARGV: base, max, bytes, from, how many at most. Answers 1 where there may be more. */
const TRIM: Script = {
  name: 'trim dead letters',
  source: `${DEAD_LUA}local numbers = {}
for at = 2, 5 do numbers[at] = tonumber(ARGV[at]) end
return dead_trim(ARGV[1], unpack(numbers, 2, 5))`,
}

/** ARGV: base. Answers how many there are, and the bytes of their messages. */
const AMOUNT: Script = {
  name: 'amount of dead letters',
  source: `return { redis.call('ZCARD', ARGV[1]), tonumber(redis.call('GET', ARGV[1] .. '-bytes') or 0) }`,
}

/** KEYS are records; ARGV are value, status, ttl of each. Those that are there, and are not SUCCESS, are replaced. */
const REOPEN: Script = {
  name: 'reopen',
  source: `${STORE_LUA}
for at, key in ipairs(KEYS) do
  local value, status, ttl = ARGV[at * 3 - 2], ARGV[at * 3 - 1], ARGV[at * 3]
  if not unwritable(key, status, ttl) and (heads[key] or '') ~= '' then store(key, value, status, ttl, 'reopen') end
end
return 1
`,
}

/**
 * KEYS are those of held messages; ARGV: prefix, visibility timeout, base; then for each: id, version, RECORD and
 * MESSAGE. Answers 1 for each that was sent, 0 where it was not there in its version; a text with the reason for one
 * that cannot be sent.
 */
const REDRIVE: Script = {
  name: 'redrive',
  source: `${SETTLING}${STORE_LUA}${SEND_LUA}
local base, at, out = ARGV[3], 4, {}
while at <= #ARGV do
  local id, version = ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  ${RECORD.lua}
  ${MESSAGE.lua}
  local why = unsendable(kind, target) or (record_key ~= '' and unwritable(record_key, status, record_ttl)) or nil
  local mine = not why and tonumber(redis.call('ZSCORE', base, id) or -1) == version
  if mine then
    dead_remove(base, id)
    if record_key ~= '' and (heads[record_key] or '') ~= '' then store(record_key, record, status, record_ttl, 'reopen') end
    send(kind, target, time, text)
  end
  out[#out + 1] = why or (mine and 1 or 0)
end
sent()
finish_lanes()
return out
`,
}

/** What it shares with the backend. */
export interface RedisDeadLetterParts {
  readonly connection: RedisConnection
  /** Before every key of results. */
  readonly prefix: string
  readonly clock: Clock
  readonly bounds: DeadLetterBounds | undefined
  record(meta: TaskMeta): StoredRecord
}

/** Dead letters in Redis. */
export class RedisDeadLetters implements DeadLetterStore {
  readonly #parts: RedisDeadLetterParts
  readonly #bounds: DeadLetterBounds
  readonly #base: string

  constructor(parts: RedisDeadLetterParts) {
    this.#parts = parts
    this.#bounds = parts.bounds ?? DEFAULT_BOUNDS
    this.#base = `${parts.prefix}celeriac.dead`
  }

  async put(letters: readonly NewDeadLetter[]): Promise<void> {
    for (const some of pieces(letters, MAX_IDS))
      await this.#script(PUT, [this.#base, ...some.flatMap((letter) => this.#buried(letter))])
  }

  /** MESSAGE of a dead letter: `send` keeps it. */
  messageArgs(letter: NewDeadLetter): readonly Arg[] {
    const [time, text] = this.#buried(letter)
    return MESSAGE.of({ kind: 'bury', target: this.#base, time, text })
  }

  /** The arguments of `bury`. */
  #buried(letter: NewDeadLetter): readonly [how: string, text: Arg] {
    const facts = Buffer.from(factsText(letter))
    const { max, maxBytes } = this.#bounds
    const how = `${max} ${maxBytes} ${this.#from} ${facts.length} ${letter.id}`
    return [how, Buffer.concat([facts, messageOf(letter.envelope)])]
  }

  /** What died before has expired, ms since the epoch. */
  get #from(): number {
    const { expires } = this.#bounds
    return expires === 0 ? 0 : Math.max(0, Math.floor(this.#parts.clock.now() - expires))
  }

  async list(query: DeadLetterQuery): Promise<DeadLetterPage> {
    // Nothing here runs by itself: what has expired goes when a message dies, or when these are looked at.
    if (query.cursor === undefined) await this.trim()
    const order = query.oldest ? 'oldest' : 'newest'
    return pageOf(query, this.#bounds, this.#parts.clock.now(), async (after, count) => {
      const answer = (await this.#script(LIST, [this.#base, order, after, count])) as string[]
      return Array.from({ length: answer.length / 3 }, (_, at) => {
        const [id, version, facts] = answer.slice(at * 3, at * 3 + 3) as [string, string, string]
        return letterOf(id, version, facts)
      })
    })
  }

  async load(ids: readonly string[]): Promise<(KeptDeadLetter | undefined)[]> {
    const from = this.#from
    const found: (KeptDeadLetter | undefined)[] = []
    for (const some of pieces(ids, MAX_IDS)) {
      // The versions first: a message that changes in between has another one then.
      const facts = (await this.#script(FACTS, [this.#base, ...some])) as string[]
      const messages = await this.#parts.connection.commandBytes('HMGET', `${this.#base}-messages`, ...some)
      for (const [at, bytes] of (messages as (Buffer | null)[]).entries()) {
        const [version, text] = [facts[at * 2], facts[at * 2 + 1]]
        const letter = version && text && bytes ? letterOf(some[at] as string, version, text) : undefined
        found.push(letter && bytes && letter.died >= from ? { ...letter, envelope: envelopeOf(bytes) } : undefined)
      }
    }
    return found
  }

  async edit(id: string, version: number, envelope: Envelope): Promise<boolean> {
    const [known] = await this.load([id])
    if (known?.version !== version) return false
    const facts = editedFacts({ ...known, envelope })
    const args = [this.#base, id, version, known.queue, facts, messageOf(envelope)]
    return (await this.#script(EDIT, args)) === 1
  }

  async drop(ids: readonly string[]): Promise<number> {
    let count = 0
    for (const some of pieces(ids, MAX_IDS)) count += Number(await this.#script(DROP, [this.#base, '', ...some]))
    return count
  }

  async remove(id: string, version: number): Promise<void> {
    await this.#script(DROP, [this.#base, version, id])
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    await this.trim()
    const found = (await this.#parts.connection.command('HGETALL', `${this.#base}-queues`)) as string[]
    return new Map(pieces(found, 2).map(([queue, count]) => [queue as string, Number(count)]))
  }

  async amount(): Promise<DeadLetterAmount> {
    const [letters, bytes] = (await this.#script(AMOUNT, [this.#base])) as [number, number]
    return { letters, bytes }
  }

  async trim(): Promise<void> {
    const args = [this.#base, this.#bounds.max, this.#bounds.maxBytes, this.#from, MAX_TRIMMED]
    while ((await this.#script(TRIM, args)) === 1);
  }

  async reopen(metas: readonly TaskMeta[]): Promise<void> {
    const records = metas.map((meta) => this.#parts.record(meta))
    const args = records.flatMap(({ value, status, ttl }) => [value, status, ttl])
    const keys = records.map(({ key }) => key)
    if (keys.length > 0) await this.#parts.connection.script(REOPEN, keys, args)
  }

  /** `UnitOfWork.redrive`, with the broker of the same database. */
  async redrive(letters: readonly Redriven[], broker: RedisBroker): Promise<boolean[]> {
    const { heldKeys, keys, visibility, connection } = broker
    const sent: boolean[] = []
    for (const some of pieces(letters, MAX_IDS)) {
      const args: Arg[] = [keys.prefix, visibility, this.#base]
      for (const { id, version, message, meta } of some)
        args.push(id, version, ...recordArgs(this.#parts.record, meta), ...messageArgs(broker, message, false))
      for (const answer of readAnswers(await connection.script(REDRIVE, heldKeys, args), connection.url)) {
        if (answer instanceof Error) throw answer
        sent.push(answer)
      }
    }
    return sent
  }

  #script(script: Script, args: readonly Arg[]): Promise<unknown> {
    return this.#parts.connection.script(script, [], args)
  }
}

const NEWLINE = 0x0a

function messageOf(envelope: Envelope): Buffer {
  const kind = typeof envelope.body === 'string' ? 't' : 'b'
  return Buffer.concat([Buffer.from(`${kind}${headText(envelope)}\n`), Buffer.from(envelope.body)])
}

function envelopeOf(bytes: Buffer): Envelope {
  const end = bytes.indexOf(NEWLINE)
  const rest = bytes.subarray(end + 1)
  const body = bytes[0] === 't'.charCodeAt(0) ? rest.toString() : new Uint8Array(rest)
  return readMessage({ head: bytes.toString('utf8', 1, end), body }, null)
}

function letterOf(id: string, version: string, text: string): DeadLetter {
  const end = text.indexOf('\n')
  const { owner, tags } = originOf(text.slice(end + 1))
  return readFacts(text.slice(0, end), { id, version: Number(version), owner, tags })
}

/** The first line of the metadata of its job, as `RedisNotes` writes it. */
function originOf(line: string): Pick<DeadLetter, 'owner' | 'tags'> {
  return line === '' ? {} : (JSON.parse(line) as Pick<DeadLetter, 'owner' | 'tags'>)
}
