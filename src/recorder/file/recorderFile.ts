import type { DatabaseSync } from 'node:sqlite'
import type { RecorderLimits } from '../../config/recorderOptions.ts'
import { FileCheck } from '../../stores/sqlite/fileCheck.ts'
import { type Batch, Ingest, type Ingested } from '../fold/ingest.ts'
import { type ForgetCommand, Forgetting, type Forgotten } from '../keep/forgetting.ts'
import { Retention } from '../keep/retention.ts'
import { ChangeQueries } from '../query/changeQueries.ts'
import { EventQueries, type EventsAnswer, type EventsQuery } from '../query/eventQueries.ts'
import { FailureQueries } from '../query/failureQueries.ts'
import { FleetQueries } from '../query/fleetQueries.ts'
import { JobQueries } from '../query/jobQueries.ts'
import { StatsQueries } from '../query/statsQueries.ts'
import { WorkflowQueries } from '../query/workflowQueries.ts'
import type {
  AuditEntry,
  AuditPage,
  AuditQuery,
  ChangeQuery,
  Changes,
  Facets,
  FailurePage,
  FailureQuery,
  Gap,
  JobFilter,
  JobQuery,
  RecordedHistory,
  RecordedPage,
  RecordedWorker,
  RecordedWorkflowPage,
  RecordingStatus,
  Stats,
  StatsQuery,
  WorkflowQuery,
} from '../recording.ts'
import { Coverage } from './coverage.ts'
import { type Claim, Lease } from './lease.ts'
import { identityOf, isCorrupt, isTextCorrupt, openRecorderFile, putAside } from './openFile.ts'
import { TextIndex } from './textIndex.ts'

export interface FileFacts {
  readonly path: string
  /** The broker whose events it has. */
  readonly fleet: string
  readonly limits: RecorderLimits
}

/** A text that the process which records keeps. */
export interface Note {
  readonly key: string
  readonly value: string
  readonly holder: string
}

/** What the thread of a file does. `now`: by the clock of the app. */
export interface FileCalls {
  /** Returns where the file was put that was damaged. */
  open(now: number): string | undefined
  /** Returns who records from now on, until its lease ends. */
  claim(claim: Claim): string
  /** A recorder begins. Returns the number of its time. */
  begin(now: number): number
  release(holder: string, now: number): void
  ingest(batch: Batch): Ingested
  /** Drop some of what is too old. True where more is. */
  keep(now: number): boolean
  /** One step. */
  forget(command: ForgetCommand): Forgotten
  audit(entry: AuditEntry, now: number): void
  problem(problem: string | null, now: number): void
  /** False, and nothing is written, where this process does not record. */
  putNote(note: Note, now: number): boolean
  note(key: string, now: number): string | undefined
  jobs(query: JobQuery, now: number): RecordedPage
  facets(filter: JobFilter, now: number): Facets
  changes(query: ChangeQuery, now: number): Changes
  workflows(query: WorkflowQuery, now: number): RecordedWorkflowPage
  tasks(now: number): readonly string[]
  queues(now: number): readonly string[]
  history(id: string, now: number): RecordedHistory | undefined
  stats(query: StatsQuery, now: number): Stats
  failures(query: FailureQuery, now: number): FailurePage
  workers(now: number): readonly RecordedWorker[]
  gaps(range: { readonly from: number; readonly to: number }, now: number): readonly Gap[]
  /** Number of the newest event. */
  lastEvent(now: number): number
  eventsAfter(query: EventsQuery, now: number): EventsAnswer
  auditLog(query: AuditQuery, now: number): AuditPage
  status(now: number): RecordingStatus
}

/** What answers the calls on one connection. */
interface Parts {
  readonly db: DatabaseSync
  readonly check: FileCheck | undefined
  readonly jobs: JobQueries
  readonly changes: ChangeQueries
  readonly workflows: WorkflowQueries
  readonly stats: StatsQueries
  readonly failures: FailureQueries
  readonly events: EventQueries
  readonly fleet: FleetQueries
  readonly lease: Lease
  readonly coverage: Coverage
  readonly text: TextIndex
  ingest?: Ingest
  forgetting?: Forgetting
  retention?: Retention
}

/** One open recorder's file, in a thread of its own: all of its methods block. */
export class RecorderFile {
  readonly #facts: FileFacts
  #parts: Parts | undefined
  /** Where the file was put that was damaged, until it is reported. */
  #setAside: string | undefined
  /** Which file was found damaged. */
  #damaged: string | undefined

  constructor(facts: FileFacts) {
    this.#facts = facts
  }

  /** Every call by name. */
  readonly calls: FileCalls = {
    open: (now) => this.#setAsideOf(now),
    claim: (claim) => this.#claim(claim),
    begin: (now) =>
      this.#write(now, ({ coverage, lease }) => {
        lease.receive()
        return coverage.begin(now)
      }),
    release: (holder, now) => this.#write(now, ({ lease }) => lease.release(holder)),
    ingest: (batch) => this.#ingest(batch),
    keep: (now) => this.#keep(now),
    forget: (command) => this.#forget(command),
    audit: (entry, now) => this.#audit(entry, now),
    problem: (problem, now) =>
      this.#write(now, ({ db }) => {
        db.prepare('UPDATE recorder SET problem = ?').run(problem)
      }),
    putNote: (note, now) => this.#putNote(note, now),
    note: (key, now) => this.#open(now).fleet.note(key),
    jobs: (query, now) => this.#open(now).jobs.jobs(query),
    changes: (query, now) => this.#open(now).changes.changes(query),
    workflows: (query, now) => this.#open(now).workflows.workflows(query),
    tasks: (now) => this.#open(now).jobs.values('task'),
    queues: (now) => this.#open(now).jobs.values('queue'),
    facets: (filter, now) => this.#open(now).jobs.facets(filter),
    history: (id, now) => this.#open(now).jobs.history(id),
    stats: (query, now) => {
      const { stats, fleet } = this.#open(now)
      return { ...stats.stats(query), gaps: fleet.gaps(query, now) }
    },
    failures: (query, now) => this.#open(now).failures.failures(query),
    workers: (now) => this.#open(now).fleet.workers(now),
    gaps: (range, now) => this.#open(now).fleet.gaps(range, now),
    lastEvent: (now) => this.#open(now).events.last(),
    eventsAfter: (query, now) => this.#open(now).events.after(query),
    auditLog: (query, now) => this.#open(now).fleet.auditLog(query),
    status: (now) => this.#open(now).fleet.status(now),
  }

  /** Changes whenever another connection has committed; undefined while it is closed. */
  version(): number {
    const row = this.#parts?.db.prepare('PRAGMA data_version').get() as { data_version: number } | undefined
    return row?.data_version ?? -1
  }

  /**
   * After an error: a file that is damaged is put aside before the next call, unless another process has done so; a
   * full text that is damaged is made again, a few thousand jobs in each transaction.
   */
  failed(error: unknown): void {
    const { path } = this.#facts
    if (isTextCorrupt(error)) this.#parts?.text.dropAll()
    if (!isCorrupt(error) || path === ':memory:') return
    this.#damaged = identityOf(path)
    this.close()
  }

  close(): void {
    this.#parts?.db.close()
    this.#parts = undefined
  }

  #setAsideOf(now: number): string | undefined {
    this.#open(now)
    const setAside = this.#setAside
    this.#setAside = undefined
    return setAside
  }

  #open(now: number): Parts {
    // A file that was removed or replaced is opened again: its name has the record.
    if (this.#parts?.check?.problem()) this.close()
    if (this.#parts) return this.#parts
    const { path, fleet } = this.#facts
    if (this.#damaged !== undefined && this.#damaged === identityOf(path)) this.#setAside = putAside(path, now)
    this.#damaged = undefined
    const { db, setAside } = openRecorderFile(path, fleet, now)
    this.#setAside = setAside ?? this.#setAside
    const jobs = new JobQueries(db)
    const events = new EventQueries(db, jobs.names)
    this.#parts = {
      db,
      check: path === ':memory:' ? undefined : new FileCheck(path, db),
      jobs,
      stats: new StatsQueries(db, jobs),
      failures: new FailureQueries(db, jobs),
      events,
      changes: new ChangeQueries(db, jobs, events),
      workflows: new WorkflowQueries(db, jobs.names),
      fleet: new FleetQueries(db, path),
      lease: new Lease(db),
      coverage: new Coverage(db),
      text: new TextIndex(db),
    }
    return this.#parts
  }

  #claim(claim: Claim): string {
    const { lease } = this.#open(claim.now)
    // Without the lock of a writer: most claims are of processes that wait.
    return lease.holderFor(claim) ?? this.#write(claim.now, () => lease.claim(claim))
  }

  #ingest(batch: Batch): Ingested {
    const parts = this.#open(batch.claim.now)
    parts.ingest ??= new Ingest(parts.db)
    return parts.ingest.write(batch)
  }

  #keep(now: number): boolean {
    const parts = this.#open(now)
    parts.retention ??= new Retention(parts.db, this.#facts.limits)
    const more = parts.retention.step(now)
    parts.ingest?.expire(parts.retention.expired)
    return more
  }

  #forget(command: ForgetCommand): Forgotten {
    const parts = this.#open(command.now)
    parts.forgetting ??= new Forgetting(parts.db)
    const forgotten = parts.forgetting.forget(command)
    parts.ingest?.clear()
    parts.jobs.names.clear()
    return forgotten
  }

  #audit(entry: AuditEntry, now: number): void {
    const { at, who, action } = entry
    const { db } = this.#open(now)
    // A commit that a power cut may take back is no audit.
    db.exec('PRAGMA synchronous = FULL')
    try {
      this.#write(now, () => {
        db.prepare('INSERT INTO audit (at, who, action, entry) VALUES (?, ?, ?, ?)').run(
          ...[at, who, action],
          JSON.stringify(entry),
        )
      })
    } finally {
      db.exec('PRAGMA synchronous = NORMAL')
    }
  }

  #putNote({ key, value, holder }: Note, now: number): boolean {
    return this.#write(now, ({ db, lease }) => {
      if (lease.current(now) !== holder) return false
      db.prepare('INSERT INTO note VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value').run(
        key,
        value,
      )
      return true
    })
  }

  #write<Value>(now: number, work: (parts: Parts) => Value): Value {
    const parts = this.#open(now)
    parts.db.exec('BEGIN IMMEDIATE')
    try {
      const value = work(parts)
      parts.db.exec('COMMIT')
      return value
    } catch (error) {
      if (parts.db.isTransaction) parts.db.exec('ROLLBACK')
      throw error
    }
  }
}
