import type { BackendOptions, ListFilter, MetaPage, ResultBackend } from '../../../backend/backend.ts'
import { DEFAULT_EVENT_LOG, type Handout, type History, type HistoryQuery } from '../../../backend/eventLog.ts'
import { MAX_REVOKED, staleAfter } from '../../../backend/retention.ts'
import type { Note, Origin, Reply } from '../../../backend/unitOfWork.ts'
import { readable, readMeta, statusIn, type TaskMeta } from '../../../protocol/result.ts'
import { CONTENT_TYPES, deserializeObject } from '../../../protocol/serializer.ts'
import { UNKNOWN } from '../../../protocol/states.ts'
import { pieces } from '../../../std/chunks.ts'
import { Batch } from '../connection/batch.ts'
import type { RedisConnection, Script } from '../connection/connection.ts'
import { logKeyOf, RedisHistory } from './eventLog.ts'
import { RedisIndex } from './jobIndex.ts'
import { RedisNotes } from './notes.ts'
import { RedisEmissions } from './output.ts'
import { RedisWriter, recordOf, type StoredRecord } from './recordScript.ts'
import { RedisWatches } from './watch.ts'

/** Celery's prefix of the records' keys. */
const RECORD_PREFIX = 'celery-task-meta-'
const MAX_KEYS_PER_COMMAND = 1000
/** ARGV: until when, ms since the epoch, and how many at most. */
const DROP_REVOKED: Script = {
  name: 'drop revoked',
  source: `
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
if #ids > 0 then redis.call('ZREM', KEYS[1], unpack(ids)) end
return #ids
`,
}
/** Beyond any moment: what never expires. */
const NEVER_SCORE = '+inf'

/** Records in Redis, where Python's Celery keeps its own: each side reads the other's. */
export class RedisBackend implements ResultBackend {
  readonly knowsAll = false
  readonly lists = 'marked'
  readonly url: string
  readonly connection: RedisConnection
  readonly #options: BackendOptions
  readonly #prefix: string
  readonly #accept: ReadonlySet<string>
  readonly #writer: RedisWriter
  readonly #watches: RedisWatches
  readonly notes: RedisNotes
  readonly index: RedisIndex
  readonly #history: RedisHistory
  readonly #emissions: RedisEmissions
  readonly #reads = new Batch<string, Buffer | null>((keys) => this.#readAll(keys))

  /** `heldKey`: key of the messages that are held, where the broker is on this database. `close` leaves `connection` open. */
  constructor(connection: RedisConnection, options: BackendOptions, heldKey = '') {
    this.connection = connection
    this.url = connection.url
    this.#options = options
    this.#prefix = resultPrefix(options.keyPrefix ?? '')
    this.#accept = new Set(options.accept.map((name) => CONTENT_TYPES[name]))
    this.#writer = new RedisWriter(connection)
    this.notes = new RedisNotes(connection, this.#prefix, options.expires)
    const keyOf = (id: string): string => this.keyOf(id)
    const fetch = (ids: readonly string[]): Promise<(Buffer | null)[]> => this.#fetch(ids)
    const read = (bytes: Buffer, id: string): TaskMeta => this.#read(bytes, id)
    this.index = new RedisIndex(connection, { prefix: this.#prefix, expires: options.expires }, this.notes, {
      keyOf,
      fetch,
      read,
    })
    this.#history = new RedisHistory(connection, { keyOf, read })
    const { expires, eventLog: limit = DEFAULT_EVENT_LOG } = options
    this.#emissions = new RedisEmissions(connection, heldKey, { ttl: staleAfter(expires), limit })
    this.#watches = new RedisWatches(connection, { channelOf: keyOf, fetch, read })
  }

  /** Key of a task's record, and channel on which it is published. */
  keyOf(id: string): string {
    return `${this.#prefix}${RECORD_PREFIX}${id}`
  }

  /** What a script with `STORE_LUA` saves for a meta. Throws EncodeError. */
  record(meta: TaskMeta): StoredRecord {
    const { serializer, expires, eventLog = DEFAULT_EVENT_LOG } = this.#options
    return recordOf(meta, this.keyOf(meta.task_id), { serializer, expires, eventLog })
  }

  async store(meta: TaskMeta, _reply?: Reply, origin?: Origin): Promise<boolean> {
    // First: whose it is must be known as soon as it can be seen.
    if (origin) await this.notes.addOrigin(meta, origin)
    const saved = await this.#writer.save(this.record(meta))
    // Last: what is in the index without a record is dropped from it.
    if (origin) await this.index.add(meta)
    return saved
  }

  async load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]> {
    const stored = await this.#fetch(ids)
    return [
      ...(await this.notes.named(
        stored.map((bytes, at) => (bytes ? this.#read(bytes, ids[at] as string) : undefined)),
      )),
    ]
  }

  async history(queries: readonly HistoryQuery[]): Promise<(History | undefined)[]> {
    const histories = await Promise.all(queries.map((query) => this.#history.read(query)))
    const metas = await this.notes.named(histories.map((history) => history?.meta))
    return histories.map((history, at) => {
      const meta = metas[at]
      return history && meta && meta !== history.meta ? { ...history, meta } : history
    })
  }

  /** `tag`: only while the message with this tag is held. */
  emit(handout: Handout, tag?: string): Promise<boolean> {
    return this.#emissions.add(this.keyOf(handout.id), handout, tag)
  }

  /** Those that were handed in with an origin: Redis keeps no list of its own. Such a one is in it as soon as its message is in the queue. */
  list(filter: ListFilter): Promise<MetaPage> {
    return this.index.list(filter)
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta> {
    return this.#watches.watch(ids, signal)
  }

  origins(ids: readonly string[]): Promise<(Origin | undefined)[]> {
    return this.notes.origins(ids)
  }

  keep(note: Note): Promise<boolean> {
    return this.notes.keep(note)
  }

  recall(key: string): Promise<string | undefined> {
    return this.notes.recall(key)
  }

  replace(note: Note): Promise<void> {
    return this.notes.replace(note)
  }

  async forget(ids: readonly string[]): Promise<void> {
    const keys = ids.flatMap((id) => [this.keyOf(id), logKeyOf(this.keyOf(id)), this.notes.originKey(id)])
    await Promise.all([
      ...pieces(keys, MAX_KEYS_PER_COMMAND).map((some) => this.connection.command('DEL', ...some)),
      ...pieces(ids, MAX_KEYS_PER_COMMAND).map((some) => this.index.remove(some)),
    ])
    this.#watches.forgotten(ids)
  }

  async revoke(ids: readonly string[], due?: number): Promise<void> {
    const stale = staleAfter(this.#options.expires)
    const expiry = stale === 0 ? NEVER_SCORE : Math.max(Date.now(), due ?? 0) + stale
    const calls = pieces(ids, MAX_KEYS_PER_COMMAND).map((some) =>
      this.connection.command('ZADD', this.#revokedKey(), ...some.flatMap((id) => [expiry, id])),
    )
    await Promise.all([...calls, this.#dropRevoked()])
  }

  async revoked(): Promise<readonly string[]> {
    while ((await this.#dropRevoked()) === MAX_KEYS_PER_COMMAND);
    const ids = await this.connection.command('ZREVRANGE', this.#revokedKey(), 0, MAX_REVOKED - 1)
    return (ids as string[]).reverse()
  }

  /** Drop revoke marks that have expired, at most 1000. Resolves with how many. */
  async #dropRevoked(): Promise<number> {
    return (await this.connection.script(
      DROP_REVOKED,
      [this.#revokedKey()],
      [Date.now(), MAX_KEYS_PER_COMMAND],
    )) as number
  }

  async close(): Promise<void> {
    this.#watches.close()
  }

  #revokedKey(): string {
    return `${this.#prefix}celeriac.revoked`
  }

  /** Bytes as they are stored; those that are read in one turn of the event loop are one command. */
  #fetch(ids: readonly string[]): Promise<(Buffer | null)[]> {
    return Promise.all(ids.map((id) => this.#reads.add(this.keyOf(id))))
  }

  async #readAll(keys: readonly string[]): Promise<(Buffer | null | Error)[]> {
    return (await Promise.all(pieces(keys, MAX_KEYS_PER_COMMAND).map((some) => this.#readSome(some)))).flat()
  }

  /** A command that fails is the failure of its own keys alone. */
  async #readSome(keys: readonly string[]): Promise<(Buffer | null | Error)[]> {
    try {
      return (await this.connection.commandBytes('MGET', ...keys)) as (Buffer | null)[]
    } catch (error) {
      return keys.map(() => error as Error)
    }
  }

  /** Whatever the bytes say, this is the record of the id in its key. */
  #read(bytes: Buffer, id: string): TaskMeta {
    const meta = readable(
      id,
      () => ({ ...readMeta(deserializeObject(bytes, this.#accept)), task_id: id }),
      () => ({ status: statusIn(bytes) ?? UNKNOWN }),
    )
    // Celery up to 5.3 writes UTC without saying so, which everybody else takes for local time.
    const { date_done } = meta
    return date_done && /T[\d:.]+$/.test(date_done) ? { ...meta, date_done: `${date_done}+00:00` } : meta
  }
}

/** Celery puts `_` between its `global_keyprefix` and a record's key, unless the prefix ends with a mark of its own (celery-wire §4.1). */
function resultPrefix(keyPrefix: string): string {
  return keyPrefix === '' || ':_-.'.includes(keyPrefix.at(-1) as string) ? keyPrefix : `${keyPrefix}_`
}
