import { Batch } from '../broker/redis/batch.ts'
import type { Arg, RedisConnection } from '../broker/redis/connection.ts'
import type { Note, Origin } from './joint.ts'
import { staleAfter } from './redisStore.ts'

/*
 * Notes, and what was said of jobs when they were handed in, each at a key of its own that expires by itself. An origin is a line of JSON,
 * then the input as it is: Celery, which rewrites records whole, never touches it.
 */

/** Arguments of a script for what is kept at one key: key, value, ttl in ms (0: for ever); three times '' for nothing. */
export type KeptArgs = readonly [key: string, value: string | Uint8Array, ttl: Arg]

const NOTHING: KeptArgs = ['', '', '']
const NEWLINE = 0x0a

/** The first line of an origin. */
interface Head {
  readonly owner?: string
  readonly tags?: readonly string[]
  /** What follows. */
  readonly input?: 'text' | 'bytes'
}

/** Writes and reads notes and origins. */
export class RedisNotes {
  /** How the key of an origin begins; its id follows. */
  readonly originPrefix: string
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #expires: number
  readonly #reads: Batch<string, Buffer | null>

  /** `prefix` begins every key; `expires` is how long a final record is kept, ms, 0 for ever. */
  constructor(connection: RedisConnection, prefix: string, expires: number) {
    this.#connection = connection
    this.#prefix = prefix
    this.#expires = expires
    this.originPrefix = `${prefix}celeriac.origin-`
    this.#reads = new Batch(
      async (ids) =>
        (await connection.commandBytes('MGET', ...ids.map((id) => this.originKey(id)))) as (Buffer | null)[],
    )
  }

  originKey(id: string): string {
    return this.originPrefix + id
  }

  noteArgs(note: Note | undefined): KeptArgs {
    return note ? [this.#noteKey(note.key), note.value, note.expires - Date.now()] : NOTHING
  }

  /** `origin` of the job with this id. */
  originArgs(id: string | undefined, origin: Origin | undefined): KeptArgs {
    return id !== undefined && origin ? [this.originKey(id), textOf(origin), this.originTtl(origin)] : NOTHING
  }

  /** Whose it is must be known as long as there may be a record; the input alone as long as a result. */
  originTtl(origin: Origin): number {
    return isOwned(origin) ? staleAfter(this.#expires) : Math.ceil(this.#expires)
  }

  async keep(note: Note): Promise<boolean> {
    const [key, value, ttl] = this.noteArgs(note)
    if (Number(ttl) <= 0) return (await this.#connection.command('EXISTS', key)) === 0
    return (await this.#connection.command('SET', key, value, 'PX', ttl, 'NX')) !== null
  }

  async recall(key: string): Promise<string | undefined> {
    return ((await this.#connection.command('GET', this.#noteKey(key))) as string | null) ?? undefined
  }

  /** Of the first record of this id; later ones change nothing. */
  async addOrigin(id: string, origin: Origin): Promise<void> {
    const [key, value, ttl] = this.originArgs(id, origin)
    await this.#connection.command('SET', key, value, ...(Number(ttl) > 0 ? ['PX', ttl] : []), 'NX')
  }

  async origins(ids: readonly string[]): Promise<(Origin | undefined)[]> {
    const stored = await Promise.all(ids.map((id) => this.#reads.add(id)))
    return stored.map((bytes) => (bytes ? originOf(bytes) : undefined))
  }

  #noteKey(key: string): string {
    return `${this.#prefix}celeriac.note-${key}`
  }
}

/** It tells more than the input. */
export function isOwned({ owner, tags }: Origin): boolean {
  return owner !== undefined || tags !== undefined
}

/** The first line where there is nothing but the input, which is JSON. */
const INPUT_ALONE = `${JSON.stringify({ input: 'text' } satisfies Head)}\n`

function textOf({ owner, tags, input }: Origin): string | Uint8Array {
  if (owner === undefined && tags === undefined && typeof input === 'string') return INPUT_ALONE + input
  const kind = input === undefined ? undefined : typeof input === 'string' ? 'text' : 'bytes'
  const head = `${JSON.stringify({ owner, tags, input: kind } satisfies Head)}\n`
  if (input === undefined) return head
  return typeof input === 'string' ? head + input : Buffer.concat([Buffer.from(head), input])
}

function originOf(bytes: Buffer): Origin {
  const end = bytes.indexOf(NEWLINE)
  const { owner, tags, input: kind } = JSON.parse(bytes.toString('utf8', 0, end)) as Head
  const rest = bytes.subarray(end + 1)
  const input = kind === undefined ? undefined : kind === 'text' ? rest.toString() : new Uint8Array(rest)
  return { owner, tags, input }
}
