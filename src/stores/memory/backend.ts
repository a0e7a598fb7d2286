import type { BackendOptions, ResultBackend } from '../../backend/backend.ts'
import type { KeptRow, KeptRows, Read } from '../../backend/bounds/keeping.ts'
import { positionOf } from '../../backend/cursor.ts'
import {
  DEFAULT_EVENT_LOG,
  type EventLog,
  emitted,
  type History,
  type HistoryQuery,
  isOnTheWay,
  keptChanges,
  type LoggedChange,
  type Output,
} from '../../backend/eventLog.ts'
import { fits } from '../../backend/jobFilter.ts'
import type { JobIndex, ListFilter, MetaPage } from '../../backend/jobIndex.ts'
import { hasWords, MAX_SEARCHED_RECORDS, wordsOf } from '../../backend/jobSearch.ts'
import type { RecordChange } from '../../backend/recordChange.ts'
import { endOf, lifetimeOf, MAX_REVOKED, NEVER, staleAfter } from '../../backend/retention.ts'
import type { RevokedIds } from '../../backend/revokedIds.ts'
import type { Reply, SubmissionMetadata } from '../../backend/unitOfWork.ts'
import { type Versioned, Watchers, watchRecords } from '../../backend/watchers.ts'
import { errorOf } from '../../protocol/exception.ts'
import type { ErrorInfo } from '../../protocol/outcome.ts'
import { changedRecord } from '../../protocol/record.ts'
import { readMeta, type TaskMeta } from '../../protocol/result.ts'
import { ALL_CONTENT_TYPES, deserialize, type Serialized, serialize } from '../../protocol/serializer.ts'
import { isFinal, PENDING, SUCCESS } from '../../protocol/states.ts'
import { type Clock, isoOf, systemClock } from '../../std/clock.ts'
import { RecentIds } from '../../std/recentIds.ts'
import { MemoryChords } from './chords.ts'
import type { MemoryDeadLetters } from './deadLetters.ts'
import { MemoryNotes } from './notes.ts'

interface Stored {
  readonly seq: number
  readonly version: number
  readonly state: string
  readonly task: string | undefined
  readonly submitted: string | undefined
  readonly metadata: SubmissionMetadata | undefined
  readonly serialized: Serialized
  readonly log: readonly Logged[]
  /** When it is dropped, ms since the epoch. */
  readonly end: number
}

/** An intermediate state, or an emission. */
interface Logged {
  readonly seq: number
  readonly version: number
  /** Number of the newest state up to here. */
  readonly state: number
  readonly serialized?: Serialized
  readonly emission?: string | Uint8Array
}

/**
 * Records in this process's memory, lost at its end: for tests and the eager mode. They are serialized nevertheless, so
 * that a value that another store refuses is refused here too.
 */
export class MemoryBackend implements ResultBackend {
  readonly knowsAll = true
  readonly url = 'memory:'
  readonly #options: BackendOptions
  readonly #clock: Clock
  readonly #records = new Map<string, Stored>()
  readonly notes: MemoryNotes
  readonly chords: MemoryChords
  readonly events: EventLog = {
    read: async (queries) => queries.map((query) => this.#history(query)),
    append: async (output) => this.#append(output),
  }
  readonly jobs: JobIndex = {
    scope: 'all',
    list: async (filter) => this.#list(filter),
    metadata: async (ids) => ids.map((id) => this.#find(id)?.metadata),
  }
  readonly revoked: RevokedIds = {
    add: async (ids, due = 0) => {
      const until = endOf(staleAfter(this.#options.expires), Math.max(this.#clock.now(), due))
      for (const id of ids) this.#revoked.add(id, until)
    },
    all: async () => this.#revoked.all(),
  }
  readonly #revoked: RecentIds
  /** Prevent the timers that drop records, by id. */
  readonly #cancels = new Map<string, () => void>()
  readonly #watchers = new Watchers()
  #count = 0
  #deadLetters: Promise<MemoryDeadLetters> | undefined

  constructor(options: BackendOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.notes = new MemoryNotes(this.#clock)
    this.chords = new MemoryChords({ ...options, clock: this.#clock }, (meta) => this.store(meta))
    this.#revoked = new RecentIds(MAX_REVOKED, this.#clock)
  }

  async store(meta: TaskMeta, _reply?: Reply, metadata?: SubmissionMetadata): Promise<boolean> {
    const known = this.#find(meta.task_id)
    if (known && (meta.status === PENDING || isFinal(known.state))) return false
    this.#save(meta, known, metadata)
    return true
  }

  #save(meta: TaskMeta, known: Stored | undefined, metadata?: SubmissionMetadata): void {
    const version = ++this.#count
    const serialized = serialize(meta, this.#options.serializer, 'meta')
    const now = this.#clock.now()
    const lifetime = lifetimeOf(meta, this.#options.expires, now)
    // A record that is not final is kept at least as long as its earlier states required.
    const end = Math.max(endOf(lifetime, now), isFinal(meta.status) ? 0 : (known?.end ?? 0))
    const stored: Stored = {
      seq: known?.seq ?? version,
      version,
      state: meta.status,
      task: meta.name ?? known?.task,
      submitted: known?.submitted ?? meta.date_submitted ?? isoOf(now),
      metadata: known ? known.metadata : metadata,
      serialized,
      log: this.#logged(known?.log ?? [], { version, state: meta.status, serialized }),
      end,
    }
    this.#records.set(meta.task_id, stored)
    this.#expire(meta.task_id, end)
    this.#watchers.tell(this.#versioned(stored))
  }

  async load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]> {
    return this.#load(ids).map((record) => record?.meta)
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta> {
    return watchRecords(this.#watchers, async (wanted) => this.#load(wanted), ids, signal)
  }

  async change(id: string, change: RecordChange): Promise<boolean> {
    const known = this.#find(id)
    if (!known || isFinal(known.state)) return false
    const meta = changedRecord(this.#read(known, known.serialized), change)
    const version = ++this.#count
    const now = this.#clock.now()
    const end = Math.max(known.end, endOf(lifetimeOf(meta, this.#options.expires, now), now))
    const { metadata, log } = known
    const { input } = change
    const stored: Stored = {
      ...known,
      version,
      serialized: serialize(meta, this.#options.serializer, 'meta'),
      metadata: input !== undefined && metadata?.input !== undefined ? { ...metadata, input } : metadata,
      // The state that the log has is still the newest.
      log: log.map((entry) => (entry.version === known.version ? { ...entry, version } : entry)),
      end,
    }
    this.#records.set(id, stored)
    this.#expire(id, end)
    this.#watchers.tell(this.#versioned(stored))
    return true
  }

  /** Loaded when the first message dies, or is looked at. */
  deadLetters(): Promise<MemoryDeadLetters> {
    const [clock, bounds] = [this.#clock, this.#options.deadLetters]
    const metadata = (id: string): SubmissionMetadata | undefined => this.#find(id)?.metadata
    const reopen = (meta: TaskMeta): void => {
      const known = this.#find(meta.task_id)
      if (known && known.state !== SUCCESS) this.#save(meta, known)
    }
    this.#deadLetters ??= import('./deadLetters.ts').then(
      ({ MemoryDeadLetters }) => new MemoryDeadLetters({ clock, bounds, metadata, reopen }),
    )
    return this.#deadLetters
  }

  #history({ id, after }: HistoryQuery): History | undefined {
    const stored = this.#find(id)
    if (!stored) return undefined
    const { log, version } = stored
    const newest = log.at(-1)
    const meta = this.#read(stored, stored.serialized)
    const logged: LoggedChange[] = log
      .filter(({ seq }) => seq > after)
      .map(({ seq, serialized = stored.serialized, emission }) =>
        emission === undefined ? { seq, meta: this.#read(stored, serialized) } : emitted(seq, emission, meta),
      )
    const [counted, state] = [newest?.version === version, newest?.state ?? 1]
    return { meta, counted, state, first: log[0]?.seq ?? 1, last: newest?.seq ?? 1, logged }
  }

  #append({ id, emissions }: Output): boolean {
    const known = this.#find(id)
    const limit = this.#options.eventLog ?? DEFAULT_EVENT_LOG
    if (!known || isFinal(known.state) || limit === 0) return false
    const version = ++this.#count
    const newest = known.log.at(-1)
    const [last, state] = [newest?.seq ?? 1, newest?.state ?? 1]
    const added = emissions.map((emission, at): Logged => ({ seq: last + at + 1, version, state, emission }))
    const kept = keptChanges(limit, Math.max(...emissions.map(({ length }) => length)))
    this.#records.set(id, { ...known, version, log: [...known.log, ...added].slice(-kept) })
    const [record] = this.#load([id])
    if (record) this.#watchers.tell(record)
    return true
  }

  #list({ limit, cursor, q, ...filter }: ListFilter): MetaPage {
    const before = positionOf(limit, cursor)
    const words = q === undefined ? undefined : wordsOf(q)
    const now = this.#clock.now()
    const fitting = [...this.#records]
      .filter(([, one]) => one.seq < before && one.end > now && isListed(one, filter))
      .sort(([, a], [, b]) => b.seq - a.seq)
    const found = words
      ? fitting.slice(0, MAX_SEARCHED_RECORDS).filter(([id, one]) => this.#has(id, one, words))
      : fitting
    const page = found.slice(0, limit)
    const metas = this.#load(page.map(([id]) => id)).flatMap((record) => (record ? [record.meta] : []))
    if (found.length > limit) return { metas, cursor: String(page.at(-1)?.[1].seq) }
    return words && fitting.length > MAX_SEARCHED_RECORDS
      ? { metas, cursor: String(fitting[MAX_SEARCHED_RECORDS - 1]?.[1].seq) }
      : { metas }
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#drop(id)
    this.#watchers.forgotten(ids)
  }

  async rows(): Promise<KeptRows> {
    const ended = (rows: readonly KeptRow[]): [string, Stored][] => {
      const wanted = new Set(rows.map(({ key }) => Number(key)))
      return [...this.#records].filter(([, { seq, state }]) => wanted.has(seq) && isFinal(state))
    }
    const page = (from: string, limit: number): readonly Stored[] => {
      const later = [...this.#records.values()].filter(({ seq }) => seq > Number(from))
      return later.sort((one, other) => one.seq - other.seq).slice(0, limit)
    }
    const readOf = (some: readonly Stored[], limit: number): Read => ({
      next: some.length < limit ? undefined : String(some.at(-1)?.seq),
    })
    return {
      sum: async (from, limit) => {
        const some = page(from, limit)
        const sum = { ...readOf(some, limit), results: 0, resultBytes: 0, events: 0, eventBytes: 0 }
        for (const stored of some) {
          const { bytes, events, eventBytes } = keptRowOf(stored)
          if (isFinal(stored.state)) sum.results++
          if (isFinal(stored.state)) sum.resultBytes += bytes
          sum.events += events
          sum.eventBytes += eventBytes
        }
        return sum
      },
      ended: async (from, limit, { until, oneOf }) => {
        const some = page(from, limit)
        const wanted = some.filter(({ state, end, seq }) => isFinal(state) && end <= until && seq % oneOf === 0)
        return { ...readOf(some, limit), rows: wanted.map(keptRowOf) }
      },
      drop: async (rows) => {
        for (const [id] of ended(rows)) this.#drop(id)
      },
      dropLogs: async (rows) => {
        for (const [id, stored] of ended(rows)) this.#records.set(id, { ...stored, log: stored.log.slice(-1) })
      },
    }
  }

  async close(): Promise<void> {
    for (const cancel of this.#cancels.values()) cancel()
    this.#cancels.clear()
  }

  #load(ids: readonly string[]): (Versioned | undefined)[] {
    return ids.map((id) => {
      const stored = this.#find(id)
      return stored && this.#versioned(stored)
    })
  }

  #versioned(stored: Stored): Versioned {
    return { meta: this.#read(stored, stored.serialized), version: stored.version }
  }

  #has(id: string, stored: Stored, words: readonly string[]): boolean {
    const { task, state: status, metadata, serialized } = stored
    const error = (): ErrorInfo | undefined => errorOf(this.#read(stored, serialized))
    return hasWords(words, { id, task, tags: metadata?.tags, status, error })
  }

  #read({ task, submitted }: Stored, { body, contentType, contentEncoding }: Serialized): TaskMeta {
    const meta = readMeta(deserialize(body, contentType, contentEncoding, ALL_CONTENT_TYPES))
    return { ...meta, name: task, date_submitted: submitted }
  }

  #logged(log: readonly Logged[], change: Pick<Stored, 'version' | 'state' | 'serialized'>): readonly Logged[] {
    const { version, state, serialized } = change
    const seq = (log.at(-1)?.seq ?? 1) + 1
    const limit = this.#options.eventLog ?? DEFAULT_EVENT_LOG
    if (limit === 0 || !isOnTheWay(state)) return log
    const kept = keptChanges(limit, serialized.body.length)
    return [...log, { seq, version, state: seq, serialized }].slice(-kept)
  }

  /** A record that has not expired: the clock may be ahead of the timer that drops it. */
  #find(id: string): Stored | undefined {
    const stored = this.#records.get(id)
    if (!stored || stored.end > this.#clock.now()) return stored
    this.#drop(id)
    return undefined
  }

  #expire(id: string, end: number): void {
    this.#cancels.get(id)?.()
    if (end === NEVER) return
    const late = (): void => (end > this.#clock.now() ? this.#expire(id, end) : this.#drop(id))
    this.#cancels.set(id, this.#clock.after(end - this.#clock.now(), late, true))
  }

  #drop(id: string): void {
    this.#cancels.get(id)?.()
    this.#cancels.delete(id)
    this.#records.delete(id)
  }
}

function keptRowOf({ seq, end, serialized, metadata, log }: Stored): KeptRow {
  const sizes = log.map((entry) => (entry.emission ?? entry.serialized?.body ?? '').length)
  return {
    key: String(seq),
    expires: end,
    bytes: serialized.body.length + (metadata?.input?.length ?? 0),
    events: log.length,
    eventBytes: sizes.reduce((sum, size) => sum + size, 0),
  }
}

function isListed(stored: Stored, filter: Omit<ListFilter, 'q' | 'limit' | 'cursor'>): boolean {
  if (!fits(stored, filter)) return false
  const { submitted = '', metadata } = stored
  if (filter.owner !== undefined && metadata?.owner !== filter.owner) return false
  if (filter.tag !== undefined && !metadata?.tags?.includes(filter.tag)) return false
  return filter.since === undefined || Date.parse(submitted) >= filter.since
}
