import type { BackendOptions, ResultBackend } from '../../../backend/backend.ts'
import type { KeptRows } from '../../../backend/bounds/keeping.ts'
import {
  DEFAULT_EVENT_LOG,
  type EventLog,
  type History,
  type HistoryQuery,
  type Output,
} from '../../../backend/eventLog.ts'
import type { JobIndex } from '../../../backend/jobIndex.ts'
import type { RecordChange } from '../../../backend/recordChange.ts'
import { staleAfter } from '../../../backend/retention.ts'
import type { SavedGroups } from '../../../backend/savedGroups.ts'
import type { Reply, SubmissionMetadata } from '../../../backend/unitOfWork.ts'
import { changedRecord } from '../../../protocol/record.ts'
import { readable, readMeta, statusIn, type TaskMeta } from '../../../protocol/result.ts'
import { CONTENT_TYPES, deserializeObject } from '../../../protocol/serializer.ts'
import { isFinal, UNKNOWN } from '../../../protocol/states.ts'
import { pieces } from '../../../std/chunks.ts'
import { type Clock, systemClock } from '../../../std/clock.ts'
import { type ChangedRecord, changeStored } from '../change.ts'
import { Batch } from '../connection/batch.ts'
import type { RedisConnection } from '../connection/connection.ts'
import { RedisChords } from './chords.ts'
import type { RedisDeadLetters } from './deadLetters.ts'
import { logKeyOf, RedisEventLog } from './eventLog.ts'
import { RedisJobIndex } from './jobIndex.ts'
import { RedisNotes } from './notes.ts'
import { RedisEmissions } from './output.ts'
import { RedisWriter, recordOf, type StoredRecord } from './recordScript.ts'
import { RedisRevoked } from './revoked.ts'
import { RedisSavedGroups } from './savedGroups.ts'
import { RedisWatches } from './watch.ts'

/** A record, as it is read and as it is stored. */
interface Stored {
  readonly meta: TaskMeta
  readonly bytes: Uint8Array
}

/** Celery's prefix of the records' keys. */
const RECORD_PREFIX = 'celery-task-meta-'
const MAX_KEYS_PER_COMMAND = 1000
/** Records in Redis, where Python's Celery keeps its own: each side reads the other's. */
export class RedisBackend implements ResultBackend {
  readonly knowsAll = false
  readonly url: string
  readonly connection: RedisConnection
  readonly #options: BackendOptions
  readonly #clock: Clock
  readonly #prefix: string
  readonly #accept: ReadonlySet<string>
  readonly #writer: RedisWriter
  readonly #watches: RedisWatches
  readonly notes: RedisNotes
  readonly index: RedisJobIndex
  readonly jobs: JobIndex
  readonly revoked: RedisRevoked
  readonly chords: RedisChords
  readonly groups: SavedGroups
  readonly events: EventLog = {
    read: (queries) => this.#histories(queries),
    append: (output) => this.append(output),
  }
  #deadLetters: Promise<RedisDeadLetters> | undefined
  readonly #log: RedisEventLog
  readonly #emissions: RedisEmissions
  readonly #reads = new Batch<string, Buffer | null>((keys) => this.#readAll(keys))

  /** `heldKey`: key of the held messages, if the broker is on this database. `close` leaves `connection` open. */
  constructor(connection: RedisConnection, options: BackendOptions, heldKey = '') {
    this.connection = connection
    this.url = connection.url
    this.#options = options
    const { clock = systemClock } = options
    this.#clock = clock
    this.#prefix = resultPrefix(options.keyPrefix ?? '')
    this.#accept = new Set(options.accept.map((name) => CONTENT_TYPES[name]))
    this.#writer = new RedisWriter(connection)
    this.notes = new RedisNotes(connection, this.#prefix, options.expires, clock)
    const keyOf = (id: string): string => this.keyOf(id)
    const fetch = (ids: readonly string[]): Promise<(Buffer | null)[]> => this.#fetch(ids)
    const read = (bytes: Buffer, id: string): TaskMeta => this.#read(bytes, id)
    this.index = new RedisJobIndex(connection, { prefix: this.#prefix, expires: options.expires, clock }, this.notes, {
      keyOf,
      fetch,
      read,
    })
    // Redis has no list of its own: the jobs that were submitted with metadata, each listed as soon as its message is
    // in the queue.
    this.jobs = {
      scope: 'marked',
      list: (filter) => this.index.list(filter),
      metadata: (ids) => this.notes.metadata(ids),
    }
    this.revoked = new RedisRevoked(connection, `${this.#prefix}celeriac.revoked`, options.expires, clock)
    const { expires, serializer } = options
    const keeping = { prefix: this.#prefix, expires, serializer, accept: this.#accept, clock }
    this.chords = new RedisChords(connection, keeping, (meta) => this.record(meta))
    this.groups = new RedisSavedGroups(connection, keeping)
    this.#log = new RedisEventLog(connection, { keyOf, read })
    const { eventLog: limit = DEFAULT_EVENT_LOG } = options
    this.#emissions = new RedisEmissions(connection, heldKey, { ttl: staleAfter(expires), limit })
    this.#watches = new RedisWatches(connection, { channelOf: keyOf, fetch, read })
  }

  /** Key of a task's record, and channel on which it is published. */
  keyOf(id: string): string {
    return `${this.#prefix}${RECORD_PREFIX}${id}`
  }

  /** What a script with `STORE_LUA` saves for a record. Throws EncodeError. */
  record(meta: TaskMeta): StoredRecord {
    const { serializer, expires, eventLog = DEFAULT_EVENT_LOG } = this.#options
    return recordOf(meta, this.keyOf(meta.task_id), { serializer, expires, eventLog, now: this.#clock.now() })
  }

  async store(meta: TaskMeta, _reply?: Reply, metadata?: SubmissionMetadata): Promise<boolean> {
    // First: the owner must be known as soon as the record can be read.
    if (metadata) await this.notes.addMetadata(meta, metadata)
    const saved = await this.#writer.save(this.record(meta))
    // Last: an id in the index without a record would be dropped from it.
    if (metadata) await this.index.add(meta)
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

  /** Loaded when the first message dies, or is looked at. */
  deadLetters(): Promise<RedisDeadLetters> {
    const [connection, prefix, clock, bounds] = [this.connection, this.#prefix, this.#clock, this.#options.deadLetters]
    const record = (meta: TaskMeta): StoredRecord => this.record(meta)
    this.#deadLetters ??= import('./deadLetters.ts').then(
      ({ RedisDeadLetters }) => new RedisDeadLetters({ connection, prefix, clock, bounds, record }),
    )
    return this.#deadLetters
  }

  async #histories(queries: readonly HistoryQuery[]): Promise<(History | undefined)[]> {
    const histories = await Promise.all(queries.map((query) => this.#log.read(query)))
    const metas = await this.notes.named(histories.map((history) => history?.meta))
    return histories.map((history, at) => {
      const meta = metas[at]
      return history && meta && meta !== history.meta ? { ...history, meta } : history
    })
  }

  /** `EventLog.append`; with `tag` only while the message with this tag is held. */
  append(output: Output, tag?: string): Promise<boolean> {
    return this.#emissions.add(this.keyOf(output.id), output, tag)
  }

  /** The record of a task, and its bytes. */
  async stored(id: string): Promise<Stored | undefined> {
    const [bytes] = await this.#fetch([id])
    if (!bytes) return undefined
    const [meta] = await this.notes.named([this.#read(bytes, id)])
    return meta && { meta, bytes }
  }

  /** What a record becomes by a change; undefined for one that is final, or cannot be read. */
  changed({ meta, bytes }: Stored, change: RecordChange): ChangedRecord | undefined {
    if (meta.problem || isFinal(meta.status)) return undefined
    const record = this.record(changedRecord(meta, change))
    return { known: bytes, record, metadataKey: this.notes.metadataKey(meta.task_id), input: change.input }
  }

  async change(id: string, change: RecordChange): Promise<boolean> {
    for (;;) {
      const stored = await this.stored(id)
      const changed = stored && this.changed(stored, change)
      if (!changed) return false
      if (await changeStored(this.connection, changed)) return true
    }
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta> {
    return this.#watches.watch(ids, signal)
  }

  watchEnds(ids: readonly string[], signal: AbortSignal): AsyncIterable<readonly TaskMeta[]> {
    return this.#watches.watchEnds(ids, signal)
  }

  async forget(ids: readonly string[]): Promise<void> {
    const keys = ids.flatMap((id) => [this.keyOf(id), logKeyOf(this.keyOf(id)), this.notes.metadataKey(id)])
    await Promise.all([
      ...pieces(keys, MAX_KEYS_PER_COMMAND).map((some) => this.connection.command('DEL', ...some)),
      ...pieces(ids, MAX_KEYS_PER_COMMAND).map((some) => this.index.remove(some)),
    ])
    this.#watches.forgotten(ids)
  }

  async rows(): Promise<KeptRows> {
    const { RedisKeptRows } = await import('./keptRows.ts')
    const { key: jobs } = this.index
    return new RedisKeptRows(this.connection, { record: this.keyOf(''), metadata: this.notes.metadataPrefix, jobs })
  }

  async close(): Promise<void> {
    this.#watches.close()
  }

  /** The stored bytes; those that are read in one turn of the event loop are one command. */
  #fetch(ids: readonly string[]): Promise<(Buffer | null)[]> {
    return Promise.all(ids.map((id) => this.#reads.add(this.keyOf(id))))
  }

  async #readAll(keys: readonly string[]): Promise<(Buffer | null | Error)[]> {
    return (await Promise.all(pieces(keys, MAX_KEYS_PER_COMMAND).map((some) => this.#readSome(some)))).flat()
  }

  /** A command that fails fails its own keys alone. */
  async #readSome(keys: readonly string[]): Promise<(Buffer | null | Error)[]> {
    try {
      return (await this.connection.commandBytes('MGET', ...keys)) as (Buffer | null)[]
    } catch (error) {
      return keys.map(() => error as Error)
    }
  }

  /** Whatever id the bytes contain, this is the record of the id in its key. */
  #read(bytes: Buffer, id: string): TaskMeta {
    const meta = readable(
      id,
      () => ({ ...readMeta(deserializeObject(bytes, this.#accept)), task_id: id }),
      () => ({ status: statusIn(bytes) ?? UNKNOWN }),
    )
    // Celery up to 5.3 writes UTC without an offset, which other readers take for local time.
    const { date_done } = meta
    return date_done && /T[\d:.]+$/.test(date_done) ? { ...meta, date_done: `${date_done}+00:00` } : meta
  }
}

/**
 * Celery puts `_` between its `global_keyprefix` and a record's key, unless the prefix ends with a separator of its own
 * (celery-wire §4.1).
 */
function resultPrefix(keyPrefix: string): string {
  return keyPrefix === '' || ':_-.'.includes(keyPrefix.at(-1) as string) ? keyPrefix : `${keyPrefix}_`
}
