import { createHash } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Event, JOBS_FORGOTTEN } from '../../protocol/event.ts'
import { isRecord } from '../../std/isRecord.ts'
import { Coverage } from '../file/coverage.ts'
import { type Claim, Lease } from '../file/lease.ts'
import { Names } from '../file/names.ts'
import { SEQ_PER_MS } from '../file/schema.ts'
import { TextIndex } from '../file/textIndex.ts'
import type { JobFilter } from '../recording.ts'
import { FailureGroups } from './failureGroups.ts'
import { exceptionIn } from './fingerprint.ts'
import type { Description, JobEntry } from './jobEntry.ts'
import { type JobRow, Jobs, searchedText } from './jobs.ts'
import { Ring } from './ring.ts'
import { isCounter, Rollups } from './rollups.ts'
import { Workers } from './workers.ts'

/** A job is searched for in the full text this long after it was first seen, ms; before, and meanwhile, in its row. */
const INDEX_DELAY_MS = 2000
/** Jobs that one transaction adds to the full text. */
const MAX_INDEXED = 4000
/** Jobs whose submission metadata are asked for again in one transaction. */
const MAX_UNDESCRIBED = 500
/** How many ids and texts of one event of forgotten jobs are obeyed. */
const MAX_FORGOTTEN = 10_000

/** What has come since the transaction before. */
export interface Batch {
  readonly claim: Claim
  /** Number of the recorder's time. */
  readonly coverage: number
  /** Until when all events that came are among these. */
  readonly until: number
  /** Each as JSON, as `Cluster.fold` has left it, in the order in which they came. */
  readonly events: readonly string[]
  /** Submission metadata by job. */
  readonly described: ReadonlyMap<string, Description>
  readonly losses: readonly { readonly since: number; readonly until: number; readonly events?: number | undefined }[]
}

export interface Ingested {
  /** False: the lease is lost, and nothing was written. */
  readonly isHeld: boolean
  /** Jobs without submission metadata, some of them. */
  readonly undescribed: readonly string[]
  /** Which jobs are to be forgotten. */
  readonly forget: readonly ForgetFilter[]
}

export type ForgetFilter = Pick<JobFilter, 'ids' | 'owner' | 'tag' | 'tasks'>

/** What the full text has of a job, added in so many steps. */
interface IndexedText {
  readonly texts: readonly string[]
  readonly pieces: number
}

/** Writes what has come as one transaction: all effects of each event, or none. */
export class Ingest {
  readonly #db: DatabaseSync
  readonly #names: Names
  readonly #jobs: Jobs
  readonly #rollups: Rollups
  readonly #failures: FailureGroups
  readonly #workers: Workers
  readonly #ring: Ring
  readonly #coverage: Coverage
  readonly #lease: Lease
  readonly #text: TextIndex
  readonly #isForgotten: StatementSync
  readonly #unindexed: StatementSync
  readonly #indexed: StatementSync
  readonly #setIndexed: StatementSync
  readonly #undescribed: StatementSync
  readonly #row: StatementSync
  readonly #version: StatementSync
  readonly #setPieces: StatementSync
  #seenVersion = -1
  #hasForgotten = true

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#names = new Names(db)
    this.#jobs = new Jobs(db, this.#names)
    this.#rollups = new Rollups(db, this.#names)
    this.#failures = new FailureGroups(db, this.#names)
    this.#workers = new Workers(db)
    this.#ring = new Ring(db, this.#names)
    this.#coverage = new Coverage(db)
    this.#lease = new Lease(db)
    this.#text = new TextIndex(db)
    this.#isForgotten = db.prepare('SELECT 1 FROM forgotten WHERE hash = ?')
    this.#unindexed = db.prepare('SELECT * FROM job WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?')
    this.#indexed = db.prepare('SELECT indexed FROM recorder')
    this.#setIndexed = db.prepare('UPDATE recorder SET indexed = ?')
    this.#undescribed = db.prepare('SELECT id FROM job WHERE described = 0 ORDER BY seq DESC LIMIT ?')
    this.#row = db.prepare('SELECT * FROM job WHERE seq = ?')
    this.#setPieces = db.prepare('UPDATE job SET pieces = ? WHERE seq = ?')
    this.#version = db.prepare('PRAGMA data_version')
  }

  write(batch: Batch): Ingested {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      this.#refresh()
      if (!this.#lease.renew(batch.claim)) {
        this.#db.exec('ROLLBACK')
        return { isHeld: false, undescribed: [], forget: [] }
      }
      const forget = this.#fold(batch)
      this.#save(batch)
      const undescribed = this.#undescribed.all(MAX_UNDESCRIBED) as { id: string }[]
      this.#db.exec('COMMIT')
      return { isHeld: true, undescribed: undescribed.map(({ id }) => id), forget }
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      this.clear()
      throw error
    }
  }

  /** The jobs before this one were dropped. */
  expire(before: number): void {
    this.#jobs.expire(before)
  }

  /** The file has changed beside this: what is in memory may be wrong. */
  clear(): void {
    this.#names.clear()
    this.#jobs.clear()
    this.#rollups.clear()
    this.#failures.clear()
    this.#workers.clear()
    this.#hasForgotten = true
  }

  /** Another process has written, as one that forgets jobs: then nothing in memory is right for sure. */
  #refresh(): void {
    const { data_version: version } = this.#version.get() as { data_version: number }
    if (version !== this.#seenVersion) this.clear()
    this.#seenVersion = version
    if (this.#hasForgotten) this.#hasForgotten = this.#db.prepare('SELECT 1 FROM forgotten LIMIT 1').get() !== undefined
  }

  #fold({ events, described, claim: { now } }: Batch): ForgetFilter[] {
    const forget: ForgetFilter[] = []
    for (const text of events) {
      const event = eventOf(text)
      if (event.type.startsWith('task-') && event.uuid !== undefined)
        this.#foldTask(event, event.uuid, text, described.get(event.uuid), now)
      else if (event.type.startsWith('worker-')) {
        if (this.#workers.fold(event, now)) this.#ring.add(event, text, now)
      } else if (event.type === JOBS_FORGOTTEN) forget.push(...forgetFilterOf(event))
      else this.#ring.add(event, text, now)
    }
    for (const [id, description] of described) {
      const entry = this.#jobs.find(id)
      if (!entry || entry.isDescribed) continue
      entry.describe(description)
      this.#jobs.change(entry)
    }
    return forget
  }

  #foldTask(event: Event, id: string, text: string, description: Description | undefined, now: number): void {
    const known = this.#jobs.find(id)
    if (!known && this.#hasForgotten && this.#isForgotten.get(hashOf(id)) !== undefined) return
    const entry = known ?? this.#jobs.add(id, now)
    if (entry.has(event, (chunk) => this.#jobs.steps(entry.seq, chunk))) return
    const { wait, run } = entry.fold(event)
    if (description && !entry.isDescribed) entry.describe(description)
    this.#jobs.change(entry)
    if (event.type !== 'task-sent') this.#workers.see(event.hostname, now)
    const { name: task, queue, state, exception } = entry.task
    const at = event.timestamp * 1000
    const counter = event.type.slice('task-'.length)
    if (isCounter(counter)) this.#rollups.count({ at, task, queue, counter, wait, run }, now)
    if (counter === 'failed') this.#failures.failed(id, task ?? '', exception ?? 'Error()', at, now)
    if (counter === 'succeeded') this.#failures.succeeded(task ?? '', at, now)
    this.#ring.add(event, text, now, { seq: entry.seq, state })
  }

  #save({ claim: { now }, coverage, until, losses }: Batch): void {
    const { indexed } = this.#indexed.get() as { indexed: number }
    const late = [...this.#jobs.changed].filter(({ seq, isNew }) => !isNew && seq <= indexed)
    const before = new Map(late.map((entry) => [entry, this.#textOf(entry)]))
    this.#jobs.save(now)
    for (const [entry, texts] of [...before].sort(([a], [b]) => a.seq - b.seq)) this.#reindex(entry, texts)
    this.#index(indexed, now)
    this.#rollups.save()
    this.#failures.save()
    this.#workers.save()
    this.#coverage.extend(coverage, until)
    for (const loss of losses) this.#coverage.lose(loss.since, loss.until, loss.events)
  }

  /** What the file has of a job. */
  #textOf({ seq }: JobEntry): IndexedText {
    const row = this.#row.get(seq) as JobRow | undefined
    return { texts: this.#textsOf(row), pieces: row?.pieces ?? 1 }
  }

  #textsOf(row: JobRow | undefined): readonly string[] {
    return row ? searchedText(row.id, this.#names.text(row.task), row) : []
  }

  /** A job that is in the full text has changed. */
  #reindex({ seq }: JobEntry, { texts: before, pieces }: IndexedText): void {
    const texts = this.#textsOf(this.#row.get(seq) as JobRow | undefined)
    const added = texts.filter((text) => !before.includes(text))
    if (before.every((text) => texts.includes(text))) {
      if (added.length === 0) return
      this.#text.extend(seq, added)
      this.#setPieces.run(pieces + 1, seq)
      return
    }
    this.#text.remove(seq, before, pieces)
    this.#text.extend(seq, texts)
    this.#setPieces.run(1, seq)
  }

  #index(indexed: number, now: number): void {
    const until = (now - INDEX_DELAY_MS) * SEQ_PER_MS
    const rows = this.#unindexed.all(indexed, until, MAX_INDEXED) as unknown as JobRow[]
    const last = rows.at(-1)
    if (!last) return
    this.#text.add(rows.map((row) => [row.seq, this.#textsOf(row)]))
    this.#setIndexed.run(last.seq)
  }
}

function eventOf(text: string): Event {
  const event = JSON.parse(text) as Event
  if (event.type !== 'task-failed' && event.type !== 'task-retried') return event
  return { ...event, exception: exceptionIn(event.exception, event.traceback) }
}

/** By which a forgotten id is known: the id itself is not kept. */
export function hashOf(id: string): Uint8Array {
  return createHash('sha256').update(id).digest().subarray(0, 16)
}

/** Which jobs an event says to forget; none where it is not well-formed. */
function forgetFilterOf({ jobs }: Event): ForgetFilter[] {
  if (!isRecord(jobs)) return []
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  const texts = (value: unknown): string[] | undefined =>
    Array.isArray(value) ? value.slice(0, MAX_FORGOTTEN).filter((one) => typeof one === 'string') : undefined
  const filter = { ids: texts(jobs.ids), owner: text(jobs.owner), tag: text(jobs.tag), tasks: texts(jobs.tasks) }
  return filter.ids || filter.owner !== undefined || filter.tag !== undefined ? [filter] : []
}
