import type { BackendOptions, ResultBackend } from '../../../backend/backend.ts'
import type { KeptRows } from '../../../backend/bounds/keeping.ts'
import { positionOf } from '../../../backend/cursor.ts'
import {
  DEFAULT_EVENT_LOG,
  type EventLog,
  type History,
  type HistoryQuery,
  type Output,
} from '../../../backend/eventLog.ts'
import type { JobIndex, ListFilter, MetaPage } from '../../../backend/jobIndex.ts'
import { wordsOf } from '../../../backend/jobSearch.ts'
import type { NoteStore } from '../../../backend/notes.ts'
import type { RecordChange } from '../../../backend/recordChange.ts'
import { endOf, MAX_REVOKED, NEVER, staleAfter } from '../../../backend/retention.ts'
import type { RevokedIds } from '../../../backend/revokedIds.ts'
import type { Reply, SubmissionMetadata } from '../../../backend/unitOfWork.ts'
import { type Versioned, Watchers, watchRecords } from '../../../backend/watchers.ts'
import { readRecord } from '../../../protocol/packedRecord.ts'
import { changedRecord } from '../../../protocol/record.ts'
import { readable, statusIn, type TaskMeta } from '../../../protocol/result.ts'
import { ALL_CONTENT_TYPES, deserialize } from '../../../protocol/serializer.ts'
import { isFinal, UNKNOWN } from '../../../protocol/states.ts'
import { pieces } from '../../../std/chunks.ts'
import { type Clock, systemClock } from '../../../std/clock.ts'
import { isStoreTrouble } from '../database.ts'
import type { SqliteFile } from '../file.ts'
import { changeWindow, writeInWindows } from '../window.ts'
import { SqliteChords } from './chords.ts'
import type { SqliteDeadLetters } from './deadLetters.ts'
import { SqliteEventLog, type StoredRow } from './eventLog.ts'
import { SqliteNotes } from './notes.ts'
import { ResultStatements, SqliteRecords } from './records.ts'
import { SqliteSearch } from './search.ts'

interface Row extends StoredRow {
  readonly seq: number
}

/** How often expired records are dropped, ms, and how many records one transaction reads for it. */
const CLEAN_INTERVAL_MS = 60_000
const MAX_CLEANED_PER_TRANSACTION = 1000
/** Each id may have a log of a thousand entries. */
const MAX_IDS_PER_TRANSACTION = 100

/** Delay before the next attempt when a change could not be read, ms. */
const READ_RETRY_DELAY_MS = 500

/** Records in a SQLite file; if the broker uses the same file, in the same transactions. */
export class SqliteBackend implements ResultBackend {
  readonly knowsAll = true
  readonly url: string
  readonly file: SqliteFile
  readonly options: BackendOptions
  readonly #clock: Clock
  readonly #watchers: Watchers
  readonly #statements: ResultStatements
  readonly noteRows: SqliteNotes
  readonly records: SqliteRecords
  readonly chords: SqliteChords
  readonly notes: NoteStore = {
    get: (key) => this.file.read(() => this.noteRows.get(key)),
    put: (note) => this.file.writer.write(() => this.noteRows.put(note)),
    putIfAbsent: (note) => this.file.writer.write(() => this.noteRows.putIfAbsent(note)),
    replace: (...note) => this.file.writer.write(() => this.noteRows.replace(...note)),
  }
  readonly events: EventLog = {
    read: (queries) => this.file.read(() => queries.map((query) => this.#history(query))),
    append: (output) => this.file.writer.write(() => this.log(output)),
  }
  readonly jobs: JobIndex = {
    scope: 'all',
    list: (filter) => this.#list(filter),
    metadata: (ids) => this.file.read(() => ids.map((id) => this.noteRows.metadata(id))),
  }
  readonly revoked: RevokedIds = {
    add: (ids, due) => this.#revoke(ids, due),
    all: () => this.file.read(() => this.#revokedIds()),
  }
  #deadLetters: Promise<SqliteDeadLetters> | undefined
  readonly #log: SqliteEventLog
  readonly #search: SqliteSearch
  readonly #cleaning: NodeJS.Timeout
  #seen = 0
  #again: NodeJS.Timeout | undefined
  #stopListening: () => void = () => undefined

  /** `close` leaves `file` open. */
  constructor(file: SqliteFile, options: BackendOptions) {
    this.file = file
    this.url = file.url
    this.options = options
    this.#clock = options.clock ?? systemClock
    this.#statements = new ResultStatements(this.file.db)
    this.noteRows = new SqliteNotes(this.file.db, this.#clock)
    this.#log = new SqliteEventLog(this.file.db, options.eventLog ?? DEFAULT_EVENT_LOG)
    this.records = new SqliteRecords(file, { options, clock: this.#clock, notes: this.noteRows, log: this.#log })
    this.chords = new SqliteChords(file, { ...options, clock: this.#clock }, (meta) => this.records.save(meta, false))
    this.#search = new SqliteSearch(this.file, (row) => this.#read(row).meta)
    this.#watchers = new Watchers((used) => (used ? this.#listen() : this.#stopListening()))
    this.#cleaning = setInterval(() => {
      // A store that cannot be written now is cleaned a minute later; callers that need it meanwhile get the error.
      this.#clean().catch(() => undefined)
    }, CLEAN_INTERVAL_MS).unref()
  }

  store(meta: TaskMeta, _reply?: Reply, metadata?: SubmissionMetadata): Promise<boolean> {
    return this.file.writer.write(() => this.records.save(meta, false, metadata))
  }

  /** Inside a transaction: drop the PENDING record of a task that was not sent, and has no other message. */
  unsave(id: string): void {
    this.#statements.unsave.run(id, id)
  }

  load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]> {
    return this.file.read(() => this.#load(ids).map((record) => record?.meta))
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta> {
    return watchRecords(this.#watchers, (wanted) => this.file.read(() => this.#load(wanted)), ids, signal)
  }

  change(id: string, change: RecordChange): Promise<boolean> {
    return this.file.writer.write(() => this.changeRecord(id, change))
  }

  /** Inside a transaction: the record as it is. */
  recordOf(id: string): TaskMeta | undefined {
    return this.#load([id])[0]?.meta
  }

  /** Inside a transaction: `ResultBackend.change`. */
  changeRecord(id: string, change: RecordChange): boolean {
    const known = this.recordOf(id)
    if (!known || known.problem || isFinal(known.status)) return false
    const meta = changedRecord(known, change)
    const { body, contentType, expires } = this.records.written(meta)
    const version = this.file.nextVersion()
    this.#log.keepCounted(id, version)
    this.#statements.change.run(version, contentType, body, expires, id)
    if (change.input !== undefined) this.noteRows.changeInput(id, change.input)
    this.file.touch('results')
    return true
  }

  /** Loaded when the first message dies, or is looked at. */
  deadLetters(): Promise<SqliteDeadLetters> {
    const [file, clock, bounds] = [this.file, this.#clock, this.options.deadLetters]
    this.#deadLetters ??= import('./deadLetters.ts').then(
      ({ SqliteDeadLetters }) =>
        new SqliteDeadLetters({ file, notes: this.noteRows, records: this.records, clock, bounds }),
    )
    return this.#deadLetters
  }

  #history(query: HistoryQuery): History | undefined {
    return this.#log.read(query, (row) => this.#read(row).meta)
  }

  /** Inside a transaction: `EventLog.append`. */
  log(output: Output): boolean {
    const kept = this.#log.append(output, this.file.nextVersion())
    if (kept) this.file.touch('results')
    return kept
  }

  async #list({ q, limit, cursor, ...filter }: ListFilter): Promise<MetaPage> {
    const before = positionOf(limit, cursor)
    if (q !== undefined) return this.#search.page(wordsOf(q), filter, { before, limit })
    const { state = null, task = null, tasks, owner, tag, since = null } = filter
    const common = { before, state, task, tasks: tasks ? JSON.stringify(tasks) : null, since }
    const { list, listTagged, listOwned } = this.#statements
    const rows = await this.file.read(() => {
      const wanted = { ...common, limit: limit + 1 }
      if (owner !== undefined) return listOwned.all({ ...wanted, owner, tag: tag ?? null }) as unknown as Row[]
      return (tag === undefined ? list.all(wanted) : listTagged.all({ ...wanted, tag })) as unknown as Row[]
    })
    const page = rows.slice(0, limit)
    const metas = page.map((row) => this.#read(row).meta)
    return rows.length > limit ? { metas, cursor: String(page.at(-1)?.seq) } : { metas }
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const some of pieces(ids, MAX_IDS_PER_TRANSACTION)) {
      await this.file.writer.write(() => {
        for (const id of some) this.#statements.forget.run(id)
      })
    }
    this.#watchers.forgotten(ids)
  }

  async #revoke(ids: readonly string[], due?: number): Promise<void> {
    const expires = endOf(staleAfter(this.options.expires), Math.max(this.#clock.now(), due ?? 0))
    for (const some of pieces(ids, MAX_IDS_PER_TRANSACTION)) {
      await this.file.writer.write(() => {
        for (const id of some) this.#statements.revoke.run(id, expires)
      })
    }
  }

  #revokedIds(): readonly string[] {
    const rows = this.#statements.revoked.all(this.#clock.now(), MAX_REVOKED)
    return (rows as unknown as { id: string }[]).map((row) => row.id).reverse()
  }

  async rows(): Promise<KeptRows> {
    const { SqliteKeptRows } = await import('./keptRows.ts')
    return new SqliteKeptRows(this.file)
  }

  async close(): Promise<void> {
    clearInterval(this.#cleaning)
    clearTimeout(this.#again)
    this.#stopListening()
  }

  #load(ids: readonly string[]): (Versioned | undefined)[] {
    return ids.map((id) => {
      const row = this.#statements.load.get(id) as Row | undefined
      return row && this.#read(row)
    })
  }

  #read({ id, task, state, format, meta, version, created }: StoredRow): Versioned {
    const encoding = typeof meta === 'string' ? 'utf-8' : 'binary'
    const read = readable(
      id,
      () => readRecord(id, deserialize(meta, format, encoding, ALL_CONTENT_TYPES)),
      () => ({ status: state ?? statusIn(meta) ?? UNKNOWN }),
    )
    const name = read.name ?? task ?? undefined
    return { meta: { ...read, name, date_submitted: new Date(created).toISOString() }, version }
  }

  #listen(): void {
    this.#seen = this.file.version
    this.#stopListening = this.file.onChange('results', () => this.#announce())
  }

  #announce(): void {
    try {
      const rows = this.#statements.changed.all(this.#seen) as unknown as { id: string; version: number }[]
      for (const { id, version } of rows) {
        if (this.#watchers.watches(id)) this.#tell(id)
        this.#seen = version
      }
    } catch (error) {
      if (!isStoreTrouble(error)) throw error
      // No caller waits for this read. The subscribers are notified when the store can be read again.
      clearTimeout(this.#again)
      this.#again = setTimeout(() => this.#announce(), READ_RETRY_DELAY_MS).unref()
    }
  }

  #tell(id: string): void {
    try {
      const [record] = this.#load([id])
      if (record) this.#watchers.tell(record)
    } catch (error) {
      if (isStoreTrouble(error)) throw error
      this.#watchers.fail(id, error)
    }
  }

  #changeAll(change: (limit: number) => number): Promise<void> {
    return writeInWindows(this.file.writer, () => changeWindow(change), { unref: true })
  }

  /**
   * Drop expired records, a window at a time. Records are in the order of their submission, so the search ends at the
   * first that is too young to have expired: that needs no index, which would make every write slower.
   */
  async #clean(): Promise<void> {
    const { window, drop, dropRevoked } = this.#statements
    for (let after = 0; ; ) {
      const now = this.#clock.now()
      const rows = window.all(after, MAX_CLEANED_PER_TRANSACTION) as unknown as {
        seq: number
        created: number
        expires: number
      }[]
      const gone = rows.filter((row) => row.expires < now)
      if (gone.length > 0) {
        await this.#changeAll((limit) => {
          const some = gone.splice(0, limit)
          for (const { seq } of some) drop.run(seq)
          return some.length
        })
      }
      const last = rows.at(-1)
      if (rows.length < MAX_CLEANED_PER_TRANSACTION || !last || last.created > now - (this.options.expires || NEVER))
        break
      after = last.seq
    }
    await this.#changeAll((limit) => Number(dropRevoked.run(this.#clock.now(), limit).changes))
    await this.#changeAll((limit) => this.noteRows.clean(this.#clock.now(), limit))
    await this.chords.dropGone()
    const letter = this.file.db.prepare('SELECT 1 FROM celeriac_dead_letter LIMIT 1').get()
    if (letter !== undefined) await (await this.deadLetters()).trim()
  }
}
