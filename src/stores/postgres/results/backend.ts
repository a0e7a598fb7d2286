import type { BackendOptions, ResultBackend } from '../../../backend/backend.ts'
import type { KeptRows } from '../../../backend/bounds/keeping.ts'
import type { EventLog, History, HistoryQuery, Output } from '../../../backend/eventLog.ts'
import type { JobIndex } from '../../../backend/jobIndex.ts'
import type { RecordChange } from '../../../backend/recordChange.ts'
import { endOf, MAX_REVOKED, staleAfter } from '../../../backend/retention.ts'
import type { RevokedIds } from '../../../backend/revokedIds.ts'
import type { Reply, SubmissionMetadata } from '../../../backend/unitOfWork.ts'
import { type Versioned, watchRecords } from '../../../backend/watchers.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { pieces } from '../../../std/chunks.ts'
import { type Clock, systemClock } from '../../../std/clock.ts'
import type { Database } from '../connection/database.ts'
import { Gather } from '../connection/gather.ts'
import type { Listening } from '../connection/listening.ts'
import type { Statement } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'
import { changeStep, lockedRecord, lockStep } from './change.ts'
import { ChangeReader } from './changeReader.ts'
import { PostgresChords } from './chords.ts'
import { Cleaning } from './cleaning.ts'
import type { PostgresDeadLetters } from './deadLetters.ts'
import { LogRows } from './eventLog.ts'
import { Jobs } from './jobs.ts'
import { Notes } from './notes.ts'
import { Records, type RecordWrite } from './records.ts'
import { metaOf, STORED, storedOf } from './stored.ts'

/** Ids of one statement. */
const MAX_IDS = 1000
/** Writes, and reads, of one transaction. */
const MAX_GATHERED = 500

const LOAD = new RowsStatement(
  'load',
  { id: 'text' },
  `SELECT ${STORED} FROM given g JOIN celeriac.result r ON r.id = g.id`,
)
/** Locked first: an entry of a log that is added meanwhile would stay. */
const LOCK_ALL = new RowsStatement(
  'lock_records',
  { id: 'text' },
  'SELECT r.seq FROM given g JOIN celeriac.result r ON r.id = g.id ORDER BY r.id FOR UPDATE OF r',
)
const FORGET = new RowsStatement(
  'forget',
  { id: 'text' },
  `, gone AS (DELETE FROM celeriac.result r USING given g WHERE r.id = g.id RETURNING r.seq),
  events AS (DELETE FROM celeriac.event e USING gone g WHERE e.job = g.seq)
  DELETE FROM celeriac.origin o USING gone g WHERE o.seq = g.seq`,
)
const REVOKE = new RowsStatement(
  'revoke',
  { id: 'text' },
  `INSERT INTO celeriac.revoked (id, expires) SELECT DISTINCT id, $1::bigint FROM given ORDER BY id
  ON CONFLICT (id) DO UPDATE SET expires = excluded.expires`,
  1,
)
const REVOKED: Statement = {
  name: 'revoked',
  text: 'SELECT id FROM celeriac.revoked WHERE expires > $1::bigint ORDER BY expires DESC LIMIT $2::bigint',
}

/** Records in a database; if the broker uses the same one, in the same transactions. */
export class PostgresBackend implements ResultBackend {
  readonly knowsAll = true
  readonly url: string
  readonly records: Records
  readonly log: LogRows
  readonly notes: Notes
  readonly chords: PostgresChords
  readonly jobs: JobIndex = {
    scope: 'all',
    list: (filter) => this.#jobs.list(filter),
    metadata: (ids) => this.#jobs.metadata(ids),
  }
  readonly events: EventLog = {
    read: (queries) => this.#reading.add(queries),
    append: (output) => this.#emitting.add(output),
  }
  readonly revoked: RevokedIds = {
    add: (ids, due) => this.#revoke(ids, due),
    all: () => this.#revokedIds(),
  }
  readonly #database: Database
  readonly #options: BackendOptions
  readonly #clock: Clock
  readonly #storing = new Gather((writes: readonly RecordWrite[]) => this.#store(writes), { most: MAX_GATHERED })
  readonly #loading = new Gather((lists: readonly (readonly string[])[]) => this.#loadAll(lists), {
    runs: 2,
    most: MAX_GATHERED,
  })
  readonly #reading = new Gather((lists: readonly (readonly HistoryQuery[])[]) => this.#histories(lists), {
    most: MAX_GATHERED,
  })
  readonly #emitting = new Gather((outputs: readonly Output[]) => this.#emit(outputs), { most: MAX_GATHERED })
  readonly #jobs: Jobs
  #deadLetters: Promise<PostgresDeadLetters> | undefined
  readonly #changes: ChangeReader
  readonly #cleaning: Cleaning

  /** `close` leaves the database and what is listened to open. */
  constructor(database: Database, listening: Listening, options: BackendOptions) {
    this.url = database.url
    this.#database = database
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.records = new Records(options)
    this.log = new LogRows(options.eventLog)
    this.notes = new Notes(database, this.#clock)
    this.chords = new PostgresChords(database, { ...options, clock: this.#clock }, this.records)
    this.#jobs = new Jobs(database)
    this.#changes = new ChangeReader(database, listening, (ids) => this.#loading.add(ids))
    this.#cleaning = new Cleaning(database, options.expires, this.#clock, async () => (await this.deadLetters()).trim())
  }

  store(meta: TaskMeta, _reply?: Reply, metadata?: SubmissionMetadata): Promise<boolean> {
    return this.#storing.add({ meta, metadata })
  }

  async load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]> {
    if (ids.length === 0) return []
    return (await this.#loading.add(ids)).map((record) => record?.meta)
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta> {
    const load = async (wanted: readonly string[]): Promise<(Versioned | undefined)[]> => {
      if (wanted.length === 0) return []
      await this.#changes.ready()
      return [...(await this.#loading.add(wanted))]
    }
    return watchRecords(this.#changes.watchers, load, ids, signal)
  }

  change(id: string, change: RecordChange): Promise<boolean> {
    return this.#database.transaction(async (run) => {
      const [locked = []] = await run([lockStep(id)])
      const step = changeStep(this.records, lockedRecord(locked), change)
      if (step) await run([step, this.records.announcement([id])])
      return step !== undefined
    })
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const some of pieces(ids, MAX_IDS)) {
      const rows = LOCK_ALL.rows()
      for (const id of some) rows.add(id)
      await this.#database.run([LOCK_ALL.step(rows), FORGET.step(rows)], { repeatable: true })
    }
    this.#changes.watchers.forgotten(ids)
  }

  async rows(): Promise<KeptRows> {
    const { PostgresKeptRows } = await import('./keptRows.ts')
    return new PostgresKeptRows(this.#database)
  }

  async close(): Promise<void> {
    this.#cleaning.close()
    this.#changes.close()
  }

  /** Loaded when the first message dies, or is looked at. */
  deadLetters(): Promise<PostgresDeadLetters> {
    const parts = { database: this.#database, records: this.records, clock: this.#clock }
    this.#deadLetters ??= import('./deadLetters.ts').then(
      ({ PostgresDeadLetters }) => new PostgresDeadLetters({ ...parts, bounds: this.#options.deadLetters }),
    )
    return this.#deadLetters
  }

  async #store(writes: readonly RecordWrite[]): Promise<boolean[]> {
    const { steps, saved } = this.records.plan(writes)
    const ids = new Set(writes.map(({ meta }) => meta.task_id))
    return saved(await this.#database.run([...steps, this.records.announcement([...ids])]))
  }

  async #loadAll(lists: readonly (readonly string[])[]): Promise<(Versioned | undefined)[][]> {
    const ids = [...new Set(lists.flat())]
    const steps = pieces(ids, MAX_IDS).map((some) => {
      const rows = LOAD.rows()
      for (const id of some) rows.add(id)
      return LOAD.step(rows)
    })
    const found = new Map<string, Versioned>()
    for (const row of (await this.#database.run(steps, { repeatable: true })).flat()) {
      const stored = storedOf(row)
      found.set(stored.id, { meta: metaOf(stored), version: stored.version })
    }
    return lists.map((list) => list.map((id) => found.get(id)))
  }

  async #histories(lists: readonly (readonly HistoryQuery[])[]): Promise<(History | undefined)[][]> {
    const queries = lists.flat()
    const [answer = []] = await this.#database.run([this.log.readStep(queries)], { repeatable: true })
    const histories = this.log.histories(answer, queries.length)
    return lists.map((list) => histories.splice(0, list.length))
  }

  async #emit(outputs: readonly Output[]): Promise<boolean[]> {
    const steps = outputs.map((output) => this.log.emitStep(output))
    const given = steps.filter((step) => step !== undefined)
    if (given.length === 0) return outputs.map(() => false)
    const announcement = this.records.announcement(outputs.map(({ id }) => id))
    const answers = (await this.#database.run([...given, announcement])).values()
    return steps.map((step) => step !== undefined && (answers.next().value ?? []).length > 0)
  }

  async #revoke(ids: readonly string[], due?: number): Promise<void> {
    const expires = Math.ceil(endOf(staleAfter(this.#options.expires), Math.max(this.#clock.now(), due ?? 0)))
    for (const some of pieces(ids, MAX_IDS)) {
      const rows = REVOKE.rows()
      for (const id of some) rows.add(id)
      await this.#database.run([REVOKE.step(rows, expires)], { repeatable: true })
    }
  }

  async #revokedIds(): Promise<readonly string[]> {
    const step = { statement: REVOKED, values: [Math.floor(this.#clock.now()), MAX_REVOKED] }
    const [rows = []] = await this.#database.run([step], { repeatable: true })
    return rows.map(([id]) => id as string).reverse()
  }
}
