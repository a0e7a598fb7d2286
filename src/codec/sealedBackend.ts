import type { ResultBackend } from '../backend/backend.ts'
import type { ChordStore, ChordWrites } from '../backend/chords.ts'
import type { DeadLetterStore } from '../backend/dead/deadLetters.ts'
import type { EventLog, History } from '../backend/eventLog.ts'
import type { JobIndex } from '../backend/jobIndex.ts'
import type { RecordChange } from '../backend/recordChange.ts'
import type { Reply, SubmissionMetadata } from '../backend/unitOfWork.ts'
import type { TaskMeta } from '../protocol/result.ts'
import type { Seals } from './seals.ts'

/** A result backend that seals what it stores, and opens what it reads. */
export class SealedBackend implements ResultBackend {
  readonly url: string
  readonly knowsAll: boolean
  readonly callerOnly?: boolean
  readonly hint?: string
  readonly revoked: ResultBackend['revoked']
  readonly watchEnds?: NonNullable<ResultBackend['watchEnds']>
  readonly change?: NonNullable<ResultBackend['change']>
  readonly events?: EventLog
  readonly jobs?: JobIndex
  readonly notes?: NonNullable<ResultBackend['notes']>
  readonly groups?: NonNullable<ResultBackend['groups']>
  readonly chords?: ChordStore
  readonly rows?: NonNullable<ResultBackend['rows']>
  readonly deadLetters?: NonNullable<ResultBackend['deadLetters']>
  readonly #inner: ResultBackend
  readonly #seals: Seals
  readonly #open = (meta: TaskMeta): TaskMeta => this.#seals.records.open(meta)
  readonly #opened = (meta: TaskMeta | undefined): TaskMeta | undefined => meta && this.#open(meta)

  constructor(inner: ResultBackend, seals: Seals) {
    this.#inner = inner
    this.#seals = seals
    const { url, knowsAll, callerOnly, hint, revoked, notes, groups, watchEnds, change, events, jobs, chords } = inner
    const { rows, deadLetters } = inner
    this.url = url
    this.knowsAll = knowsAll
    this.revoked = revoked
    if (callerOnly !== undefined) this.callerOnly = callerOnly
    if (hint !== undefined) this.hint = hint
    if (notes) this.notes = notes
    if (groups) this.groups = groups
    if (watchEnds) this.watchEnds = (ids, signal) => this.#ends(watchEnds.call(inner, ids, signal))
    if (change) this.change = async (id, record) => change.call(inner, id, this.#changed(id, record))
    if (events) this.events = this.#events(events)
    if (jobs) this.jobs = this.#jobs(jobs)
    if (chords) this.chords = sealedChords(chords, seals)
    if (rows) this.rows = () => rows.call(inner)
    if (deadLetters) this.deadLetters = async () => sealedLetters(await deadLetters.call(inner), seals)
  }

  async store(meta: TaskMeta, reply?: Reply, metadata?: SubmissionMetadata): Promise<boolean> {
    const { records, messages } = this.#seals
    return this.#inner.store(records.seal(meta), reply, metadata && messages.sealMetadata(meta.task_id, metadata))
  }

  async load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]> {
    return (await this.#inner.load(ids)).map(this.#opened)
  }

  async *watch(ids: readonly string[], signal: AbortSignal): AsyncGenerator<TaskMeta, void, void> {
    for await (const meta of this.#inner.watch(ids, signal)) yield this.#open(meta)
  }

  forget(ids: readonly string[]): Promise<void> {
    return this.#inner.forget(ids)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  async *#ends(ends: AsyncIterable<readonly TaskMeta[]>): AsyncGenerator<readonly TaskMeta[], void, void> {
    for await (const metas of ends) yield metas.map(this.#open)
  }

  #changed(id: string, change: RecordChange): RecordChange {
    const { input } = change
    return input === undefined ? change : { ...change, ...this.#seals.messages.sealMetadata(id, { input }) }
  }

  #events(events: EventLog): EventLog {
    return {
      read: async (queries) => (await events.read(queries)).map((history) => history && this.#history(history)),
      append: async (output) => events.append(this.#seals.output(output)),
    }
  }

  #history(history: History): History {
    const { meta, logged } = history
    return { ...history, meta: this.#open(meta), logged: logged.map((change) => this.#seals.change(change)) }
  }

  #jobs(jobs: JobIndex): JobIndex {
    const { messages } = this.#seals
    return {
      scope: jobs.scope,
      list: async (filter) => {
        const page = await jobs.list(filter)
        return { ...page, metas: page.metas.map(this.#open) }
      },
      metadata: async (ids) =>
        (await jobs.metadata(ids)).map((metadata, at) => messages.openMetadata(ids[at] as string, metadata)),
    }
  }
}

/**
 * Messages are given as they are kept, as by a broker: one is sent again without its key. Another input is sealed, also
 * in a message that came in clear.
 */
function sealedLetters(letters: DeadLetterStore, { messages, records }: Seals): DeadLetterStore {
  return {
    put: (all) => letters.put(all),
    list: (query) => letters.list(query),
    load: (ids) => letters.load(ids),
    edit: async (id, version, envelope) => letters.edit(id, version, messages.seal(envelope)),
    drop: (ids) => letters.drop(ids),
    remove: (id, version) => letters.remove(id, version),
    count: () => letters.count(),
    amount: () => letters.amount(),
    trim: () => letters.trim(),
    reopen: async (metas) => letters.reopen(metas.map((meta) => records.seal(meta))),
  }
}

function sealedChords(chords: ChordStore, seals: Seals): ChordStore {
  const { writes } = chords
  return {
    shared: chords.shared,
    ...(chords.opensLate && { opensLate: chords.opensLate }),
    onComplete: (listener) => chords.onComplete((chord) => listener(seals.complete(chord))),
    complete: async (...given) => (await chords.complete(...given)).map((chord) => seals.complete(chord)),
    parts: async (group, from) => {
      const slice = await chords.parts(group, from)
      return { ...slice, parts: slice.parts.map((part) => seals.openPart(part)) }
    },
    progress: (group) => chords.progress(group),
    writes: sealedWrites(writes, seals),
  }
}

function sealedWrites(writes: ChordWrites, seals: Seals): ChordWrites {
  const { records } = seals
  return {
    open: async (opened, due) =>
      writes.open(
        opened.map((chord) => seals.openChord(chord)),
        due,
      ),
    sending: (groups, until) => writes.sending(groups, until),
    adding: async (member, until, due) => writes.adding(seals.addedMember(member), until, due),
    end: async ({ meta, also, parts }) => {
      const own = meta && records.seal(meta)
      return writes.end({
        ...(own && { meta: own }),
        ...(also && { also: also.map((one) => records.seal(one)) }),
        parts: parts.map((part) => seals.part(part, meta, own)),
      })
    },
    isOpen: (group) => writes.isOpen(group),
    close: (group) => writes.close(group),
  }
}
