import { ChordListeners } from '../../../backend/chordListeners.ts'
import type {
  AddedMember,
  ChordPart,
  ChordStore,
  CompleteChord,
  OpenChord,
  PartSlice,
} from '../../../backend/chords.ts'
import { staleAfter } from '../../../backend/retention.ts'
import { unaddedPart, unsentPart } from '../../../backend/unsentHeader.ts'
import { encodePlain, type SerializerName } from '../../../protocol/encoding.ts'
import { encodeException, errorInfo } from '../../../protocol/exception.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { CONTENT_TYPES, deserialize, write } from '../../../protocol/serializer.ts'
import { FAILURE, isFinal } from '../../../protocol/states.ts'
import type { Clock } from '../../../std/clock.ts'
import { DecodeError } from '../../../std/errors.ts'
import type { Arg, RedisConnection, Script } from '../connection/connection.ts'
import { ADDED, CHORDS, HELD, OPEN, PART } from './chordScript.ts'
import { ChordSweep, SLICE_LUA } from './chordSweep.ts'
import { RedisChordWrites } from './chordWrites.ts'
import type { StoredRecord } from './recordScript.ts'
import { nestedMembers, nestedParts } from './savedGroup.ts'

/**
 * KEYS[1] are the parts of a complete chord, KEYS[2] is its saved group; ARGV[1] a place. Answers the next place (-1:
 * none), the saved group with the first slice, the scores, and the entries: where all are JSON, as one text, which is
 * read faster than each of them alone; or, and with ARGV[2] 1, as a list.
 */
const PARTS_LUA = `${SLICE_LUA}
local slice, next = slice_of(KEYS[1], tonumber(ARGV[1]))
local entries, scores, isJson = {}, {}, ARGV[2] ~= '1'
for at = 1, #slice, 2 do
  local entry, number = slice[at], (at + 1) / 2
  entries[number], scores[number] = entry, slice[at + 1]
  isJson = isJson and string.byte(entry) == 91
end
local saved = ARGV[1] == '0' and redis.call('GET', KEYS[2])
return {next or -1, saved, table.concat(scores, ' '), isJson and '[' .. table.concat(entries, ',') .. ']' or entries}
`

/** KEYS: size and further members, parts of the open chord and of the complete one, ours. Answers parts and size. */
const PROGRESS: Script = {
  name: 'chord progress',
  source: `
local size = tonumber(redis.call('GET', KEYS[1]))
if size and size >= ${HELD} then size = size - ${HELD} end
if size then return {redis.call('ZCARD', KEYS[3]), size + (tonumber(redis.call('GET', KEYS[2])) or 0)} end
size = tonumber(redis.call('HGET', KEYS[5], 'size'))
return size and {redis.call('ZCARD', KEYS[4]), size}
`,
}

/** What the chords are kept by. */
export interface ChordKeeping {
  /** Before every key. */
  readonly prefix: string
  /** How long the record of a finished task is kept, ms; 0: for ever. */
  readonly expires: number
  readonly serializer: SerializerName
  /** Content types that are read. */
  readonly accept: ReadonlySet<string>
  readonly clock: Clock
}

/** Chords in Celery's keys and ours: `chordScript.ts` has their layout. */
export class RedisChords implements ChordStore {
  readonly shared = true
  readonly opensLate = true
  readonly #connection: RedisConnection
  readonly #keeping: ChordKeeping
  readonly #sweep: ChordSweep
  readonly #listeners = new ChordListeners()
  /** Further steps of `complete`, of the store that these chords are a part of. */
  readonly #sweeps: (() => Promise<void>)[] = []

  readonly writes: RedisChordWrites

  /** `record`: what is stored for a record. */
  constructor(connection: RedisConnection, keeping: ChordKeeping, record: (meta: TaskMeta) => StoredRecord) {
    this.#connection = connection
    this.#keeping = keeping
    this.writes = new RedisChordWrites(connection, this, record)
    this.#sweep = new ChordSweep(connection, {
      facts: () => this.facts(),
      partsKey: (group) => this.#saved(group, '.j'),
      unsentArgs: (group) => this.partArgs({ ...unsentPart(group), callback: '' }),
      unaddedArgs: (member) => this.partArgs({ ...unaddedPart(member), callback: '' }),
    })
  }

  onComplete(listener: (chord: CompleteChord) => void): () => void {
    return this.#listeners.add(listener)
  }

  async complete(before: number, limit: number): Promise<readonly CompleteChord[]> {
    for (const sweep of this.#sweeps) await sweep()
    return this.#sweep.complete(before, limit)
  }

  /** Of a header with groups among its members all parts are one slice: those of such a group are one part. */
  async parts(group: string, from: number): Promise<PartSlice> {
    const [first, saved] = await this.#slice(group, from)
    const members = saved ? nestedMembers(saved, this.#keeping.accept) : undefined
    if (!members || first.parts.length === 0) return first
    const all = [...first.parts]
    for (let { next } = first; next !== undefined; ) {
      const [slice] = await this.#slice(group, next)
      all.push(...slice.parts)
      next = slice.next
    }
    return { parts: nestedParts(members, all, group) }
  }

  async #slice(group: string, from: number, alone = false): Promise<[PartSlice, Buffer | null]> {
    const keys = [this.keyOf(`joined-${group}`), this.#saved(group, '')]
    const args = [keys.length, ...keys, from, alone ? 1 : 0] as const
    // Not by its hash: the answer contains bytes, and the text is short.
    const answer = await this.#connection.commandBytes('EVAL', PARTS_LUA, ...args)
    const [next, saved, scored, entries] = answer as [number, Buffer | null, Buffer, Buffer | Buffer[]]
    const scores = scored.length === 0 ? [] : String(scored).split(' ').map(Number)
    const values = Array.isArray(entries) ? entries : this.#valuesOf(entries)
    // The text is not the list that it looks like.
    if (values?.length !== scores.length) return this.#slice(group, from, true)
    const parts = scores.map((score, at) => this.#partOf(group, score, () => this.#read(values[at])))
    return [Number(next) === -1 ? { parts } : { parts, next: Number(next) }, saved]
  }

  #valuesOf(text: Buffer): readonly unknown[] | undefined {
    try {
      return deserialize(text, CONTENT_TYPES.json, 'utf-8', this.#keeping.accept) as readonly unknown[]
    } catch (error) {
      if (error instanceof DecodeError) return undefined
      throw error
    }
  }

  async progress(group: string): Promise<{ readonly done: number; readonly size: number } | undefined> {
    const keys = [this.#saved(group, '.s'), this.#saved(group, '.t'), this.#saved(group, '.j')]
    const own = [this.keyOf(`joined-${group}`), this.keyOf(`chord-${group}`)]
    const answer = (await this.#connection.script(PROGRESS, [...keys, ...own], [])) as [number, number] | null
    if (!answer) return undefined
    const [done, size] = answer
    // Of a task that Celery has run twice, there may be two.
    return { done: Math.min(done, size), size }
  }

  /** `sweep` is done by each `complete`, too. */
  alsoSweep(sweep: () => Promise<void>): void {
    this.#sweeps.push(sweep)
  }

  /** This moment, ms since the epoch. */
  get now(): number {
    return this.#keeping.clock.now()
  }

  /** A key of ours. */
  keyOf(name: string): string {
    return `${this.#keeping.prefix}celeriac.${name}`
  }

  /** CHORDS of this moment. */
  facts(): Arg[] {
    const { prefix, expires } = this.#keeping
    return CHORDS.of({ base: prefix, now: this.now, lifetime: staleAfter(expires) })
  }

  /** PART of a part. `called`: groups that have a callback in the same script. Throws EncodeError. */
  partArgs(given: ChordPart, called?: ReadonlySet<string>): Arg[] {
    const { group, callback, ends } = given
    return PART.of({
      part_group: group,
      ...this.entryArgs(given),
      part_callback: called?.has(group) ? '' : callback,
      part_ends: ends ? 1 : '',
    })
  }

  /** Of PART, what of a part is kept. Throws EncodeError. */
  entryArgs({ index, taskId, state, result }: ChordPart): Record<'part_index' | 'part_name' | 'part', Arg> {
    const { serializer } = this.#keeping
    const { body } = write([1, taskId, state, encodePlain(result, 'result', serializer)], serializer)
    const part_name = serializer === 'json' ? JSON.stringify(taskId).slice(1, -1) : taskId
    return { part_index: index ?? '+inf', part_name, part: body }
  }

  /** OPEN of a chord whose last member is due in `delay` ms. */
  openArgs({ group, size, held, callback = '' }: OpenChord, delay = 0): Arg[] {
    const ttl = this.#ttl(delay)
    return OPEN.of({
      open_key: this.#saved(group, '.s'),
      open_size: held ? size + HELD : size,
      open_ttl: ttl,
      open_own: held ? this.keyOf(`chord-${group}`) : '',
      open_callback: held ? callback : '',
      open_index: held ? this.keyOf('chords-open') : '',
      open_group: held ? group : '',
      open_now: held ? this.now : '',
    })
  }

  /** ADDED of a member whose last message is due in `delay` ms. */
  addedArgs({ group, taskId }: AddedMember, delay: number): Arg[] {
    return ADDED.of({ added_group: group, added_task: taskId, added_ttl: this.#ttl(delay) })
  }

  /** How long a chord is kept, ms; 0: for ever. */
  #ttl(delay: number): number {
    const lifetime = staleAfter(this.#keeping.expires)
    return lifetime === 0 ? 0 : Math.ceil(lifetime + delay)
  }

  /** What `joined()` of a script has answered. */
  joined(answers: readonly string[]): void {
    for (let at = 0; at < answers.length; at += 3) {
      const [kind, group, callback] = answers.slice(at, at + 3) as [string, string, string]
      if (kind === 'complete') this.#listeners.notify({ group, callback })
      else void this.#count(group)
    }
  }

  async #count(group: string): Promise<void> {
    try {
      const chord = await this.#sweep.count(group)
      if (chord) this.#listeners.notify(chord)
    } catch {
      // It stays due: the next sweep of any worker counts it, and reports what is wrong.
    }
  }

  /** What an entry holds, unless that was read already. Throws DecodeError. */
  #read(entry: unknown): unknown {
    if (!Buffer.isBuffer(entry)) return entry
    // Celery and we write lists; no list of four in msgpack begins with this byte.
    const isJson = entry[0] === 0x5b
    const kind = isJson ? CONTENT_TYPES.json : CONTENT_TYPES.msgpack
    return deserialize(entry, kind, isJson ? 'utf-8' : 'binary', this.#keeping.accept)
  }

  /** A part that cannot be read is a failed one: the chord must end. */
  #partOf(group: string, score: number, read: () => unknown): PartSlice['parts'][number] {
    const place = { group, index: Number.isFinite(score) ? score : undefined }
    try {
      const part = read()
      if (!Array.isArray(part) || typeof part[1] !== 'string' || !isFinal(part[2])) {
        throw new DecodeError(`a part of the chord of group ${group}: expected [1, id, state, result]`)
      }
      return { ...place, taskId: part[1], state: part[2], result: part[3] ?? null }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      return { ...place, taskId: '', state: FAILURE, result: encodeException(errorInfo(error)) }
    }
  }

  /** Celery's key. */
  #saved(group: string, end: string): string {
    return `${this.#keeping.prefix}celery-taskset-meta-${group}${end}`
  }
}
