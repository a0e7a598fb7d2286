import type { Note, NoteStore } from '../../../backend/notes.ts'
import { delayOf, lifetimeOf } from '../../../backend/retention.ts'
import type { SubmissionMetadata } from '../../../backend/unitOfWork.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import type { Clock } from '../../../std/clock.ts'
import { isRecord } from '../../../std/isRecord.ts'
import { Batch } from '../connection/batch.ts'
import type { Arg, RedisConnection, Script } from '../connection/connection.ts'

/*
 * Notes, and submission metadata of jobs, each at a key of its own that expires by itself. Metadata is a line of JSON,
 * then the input as it is: Celery, which rewrites whole records, never changes it.
 */

/** Arguments of a script for the value of one key: key, value, ttl in ms (0: for ever); three times '' for nothing. */
export type KeptArgs = readonly [key: string, value: string | Uint8Array, ttl: Arg]

const NOTHING: KeptArgs = ['', '', '']
const NEWLINE = 0x0a

/** The first line of metadata. */
interface Head {
  readonly owner?: string
  readonly tags?: readonly string[]
  /** Kind of the input, which follows the line. */
  readonly input?: 'text' | 'bytes'
  /** Name of the task: Celery's own record lacks it, unless Celery is configured to write it. */
  readonly task?: string
}

/** The metadata of a job, except for its input. */
export type Said = Omit<Head, 'input'>

/** KEYS is the note; ARGV: the expected value, the value, its ttl in ms. Answers 1 when it was replaced, or dropped. */
const REPLACE: Script = {
  name: 'replace note',
  source: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) else redis.call('DEL', KEYS[1]) end
return 1
`,
}

/** Bytes of metadata that are read for its first line; if that is longer, all is read. */
const FIRST_LINE_BYTES = 4096

/** Writes and reads notes and metadata. */
export class RedisNotes implements NoteStore {
  /** The beginning of the key of metadata; the id follows. */
  readonly metadataPrefix: string
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #expires: number
  readonly #clock: Clock
  readonly #reads: Batch<string, Buffer | null>

  /** `prefix` begins every key; `expires` is how long a final record is kept, ms, 0 for ever. */
  constructor(connection: RedisConnection, prefix: string, expires: number, clock: Clock) {
    this.#connection = connection
    this.#prefix = prefix
    this.#expires = expires
    this.#clock = clock
    this.metadataPrefix = `${prefix}celeriac.origin-`
    this.#reads = new Batch(
      async (ids) =>
        (await connection.commandBytes('MGET', ...ids.map((id) => this.metadataKey(id)))) as (Buffer | null)[],
    )
  }

  metadataKey(id: string): string {
    return this.metadataPrefix + id
  }

  noteArgs(note: Note | undefined): KeptArgs {
    return note ? [this.#noteKey(note.key), note.value, note.expires - this.#clock.now()] : NOTHING
  }

  /** `metadata` of the job with this record. */
  metadataArgs(meta: TaskMeta | undefined, metadata: SubmissionMetadata | undefined): KeptArgs {
    if (!meta || !metadata) return NOTHING
    return [this.metadataKey(meta.task_id), textOf(metadata, meta.name), this.metadataTtl(meta, metadata)]
  }

  /** The owner must be known as long as there may be a record; the input alone as long as a result. */
  metadataTtl(meta: TaskMeta, metadata: SubmissionMetadata): number {
    const now = this.#clock.now()
    if (isOwned(metadata)) return lifetimeOf(meta, this.#expires, now)
    const own = meta.result_expires ?? this.#expires
    return own === 0 ? 0 : Math.ceil(own) + delayOf(meta, now)
  }

  async putIfAbsent(note: Note): Promise<boolean> {
    const [key, value, ttl] = this.noteArgs(note)
    if (Number(ttl) <= 0) return (await this.#connection.command('EXISTS', key)) === 0
    return (await this.#connection.command('SET', key, value, 'PX', ttl, 'NX')) !== null
  }

  async replace(note: Note, expected: string): Promise<boolean> {
    const [key, value, ttl] = this.noteArgs(note)
    return (await this.#connection.script(REPLACE, [key], [expected, value, ttl])) === 1
  }

  async put(note: Note): Promise<void> {
    const [key, value, ttl] = this.noteArgs(note)
    if (Number(ttl) <= 0) await this.#connection.command('DEL', key)
    else await this.#connection.command('SET', key, value, 'PX', ttl)
  }

  async get(key: string): Promise<string | undefined> {
    return ((await this.#connection.command('GET', this.#noteKey(key))) as string | null) ?? undefined
  }

  /** With the first record of this id; later ones change nothing. */
  async addMetadata(meta: TaskMeta, metadata: SubmissionMetadata): Promise<void> {
    const [key, value, ttl] = this.metadataArgs(meta, metadata)
    await this.#connection.command('SET', key, value, ...(Number(ttl) > 0 ? ['PX', ttl] : []), 'NX')
  }

  async metadata(ids: readonly string[]): Promise<(SubmissionMetadata | undefined)[]> {
    const stored = await Promise.all(ids.map((id) => this.#reads.add(id)))
    return stored.map((bytes) => (bytes ? metadataOf(bytes) : undefined))
  }

  /** The same without the input, which may be long. */
  async said(ids: readonly string[]): Promise<(Said | undefined)[]> {
    if (ids.length === 0) return []
    const heads = await this.#connection.pipeline(
      ids.map((id) => ['GETRANGE', this.metadataKey(id), 0, FIRST_LINE_BYTES - 1] as const),
    )
    return Promise.all((heads as string[]).map((head, at) => this.#saidOf(ids[at] as string, head)))
  }

  /** The metas, those without a name with that of their metadata. */
  async named<Meta extends TaskMeta | undefined>(metas: readonly Meta[]): Promise<readonly Meta[]> {
    const nameless = metas.flatMap((meta) => (meta && meta.name === undefined ? [meta.task_id] : []))
    if (nameless.length === 0) return metas
    const said = await this.said(nameless)
    const names = new Map(nameless.map((id, at) => [id, said[at]?.task]))
    return metas.map((meta) => {
      const name = meta && names.get(meta.task_id)
      return name === undefined ? meta : { ...meta, name }
    })
  }

  async #saidOf(id: string, head: string): Promise<Said | undefined> {
    if (head === '') return undefined
    const end = head.indexOf('\n')
    const line = end === -1 ? await this.#connection.command('GET', this.metadataKey(id)) : head.slice(0, end)
    return line === null ? undefined : headOf(String(line).split('\n', 1)[0] as string)
  }

  #noteKey(key: string): string {
    return `${this.#prefix}celeriac.note-${key}`
  }
}

/** It contains more than the input. */
export function isOwned({ owner, tags }: SubmissionMetadata): boolean {
  return owner !== undefined || tags !== undefined
}

function textOf({ owner, tags, input }: SubmissionMetadata, task: string | undefined): string | Uint8Array {
  // Most have nothing but an input, which is JSON.
  if (owner === undefined && tags === undefined && typeof input === 'string' && task !== undefined)
    return `{"input":"text","task":${JSON.stringify(task)}}\n${input}`
  const kind = input === undefined ? undefined : typeof input === 'string' ? 'text' : 'bytes'
  const head = `${JSON.stringify({ owner, tags, input: kind, task } satisfies Head)}\n`
  if (input === undefined) return head
  return typeof input === 'string' ? head + input : Buffer.concat([Buffer.from(head), input])
}

function metadataOf(bytes: Buffer): SubmissionMetadata {
  const end = bytes.indexOf(NEWLINE)
  const { owner, tags, input: kind } = headOf(bytes.toString('utf8', 0, end)) ?? {}
  const rest = bytes.subarray(end + 1)
  const input = kind === undefined ? undefined : kind === 'text' ? rest.toString() : new Uint8Array(rest)
  return { owner, tags, input }
}

/** Undefined for a line that we have not written: such a job has no owner. */
function headOf(line: string): Head | undefined {
  try {
    const head: unknown = JSON.parse(line)
    return isRecord(head) ? head : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
