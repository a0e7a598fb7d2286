import type { TaskMeta } from '../protocol/result.ts'
import type { Clock } from '../std/clock.ts'
import type { KeptRows } from './bounds/keeping.ts'
import type { ChordStore } from './chords.ts'
import type { DeadLetterBounds, DeadLetterStore } from './dead/deadLetters.ts'
import type { EventLog } from './eventLog.ts'
import type { JobIndex } from './jobIndex.ts'
import type { NoteStore } from './notes.ts'
import type { RecordChange } from './recordChange.ts'
import type { RevokedIds } from './revokedIds.ts'
import type { SavedGroups } from './savedGroups.ts'
import type { Reply, SubmissionMetadata } from './unitOfWork.ts'

/*
 * The result backend seam: what is known of each task.
 * Each sentence of these docs is a case of `testing/suites/backendSuite.ts`, which every backend passes.
 */

/** What a backend is opened with. */
export interface BackendOptions {
  /**
   * How long the record of a finished task is kept, ms; 0: for ever. A record that is not final is kept for a week
   * after its last change or after the moment that it waits for (`date_due`), or for this time if that is longer.
   */
  readonly expires: number
  readonly serializer: 'json' | 'msgpack'
  readonly accept: readonly ('json' | 'msgpack')[]
  /** Redis: Celery's `global_keyprefix`. */
  readonly keyPrefix?: string
  /** Called for each setting of the store with which it could lose data. */
  readonly warn?: (message: string) => void
  /** How long a call waits for a store that is unavailable or busy, ms. */
  readonly storeTimeout?: number
  /** How many intermediate states and emissions are kept per task in `events`, the newest; default 1000, 0: none. */
  readonly eventLog?: number
  /** How many dead letters are kept, how many bytes, and how long. Default: 100,000, 1 GiB, for 30 days. */
  readonly deadLetters?: DeadLetterBounds
  /** Where moments are read from. Default: the system's clock. */
  readonly clock?: Clock
}

/**
 * Keeps the record of each task. Each capability that only some stores have is a part of its own: absent where the
 * store cannot do it.
 */
export interface ResultBackend {
  /** For people to read: no password in it. */
  readonly url: string
  /**
   * True: an id without a record was never submitted, or its record is gone. False: other clients (Python's) submit
   * tasks without a record, so a caller that waits for such an id continues to wait.
   */
  readonly knowsAll: boolean
  /** True: only the process that submitted a task reads its record. */
  readonly callerOnly?: boolean
  /** For people: why an id may be unknown here although it was submitted. */
  readonly hint?: string
  /**
   * Save a state. Resolves true when it was saved; false when a final state was stored before, which stays. PENDING is
   * saved only where there is no record. `reply` is where rpc:// sends the record; other backends ignore it. `metadata`
   * is kept with the first record of an id, where `jobs` is there to read it.
   */
  store(meta: TaskMeta, reply?: Reply, metadata?: SubmissionMetadata): Promise<boolean>
  /** The records of many tasks, in the order of the ids; undefined where there is none. */
  load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]>
  /**
   * The newest record of each task: once now if there is one, then after each change, in order; intermediate changes
   * may be skipped, and the same record is repeated after an `events.append`. Ends after every id became final, or on
   * abort. The store pushes the changes if it can.
   */
  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta>
  /**
   * The end of each task alone, those that have come together in one list: for callers that wait for many. Ends and
   * throws as `watch`. Absent where `watch` costs no more.
   */
  watchEnds?(ids: readonly string[], signal: AbortSignal): AsyncIterable<readonly TaskMeta[]>
  /**
   * Change what the record of a task says beside its state, and the input that is kept with it, unless the state is
   * final. False where it is, or there is no record. The record is kept at least as long as before. Absent where
   * records are not changed.
   */
  change?(id: string, change: RecordChange): Promise<boolean>
  /** Drop the records. Unknown ids are no error. A watch of one in this process ends with UnknownJobError. */
  forget(ids: readonly string[]): Promise<void>
  /** Stop what it runs. The store that it belongs to is closed separately. */
  close(): Promise<void>
  /** Tasks that must not run. */
  readonly revoked: RevokedIds
  /** Intermediate states and emissions of tasks, which can be read again. */
  readonly events?: EventLog
  /** Lists of jobs. */
  readonly jobs?: JobIndex
  /** Keys and values that expire. */
  readonly notes?: NoteStore
  /** Groups that are saved. Absent: they are notes. */
  readonly groups?: SavedGroups
  /** Joins of groups. */
  readonly chords?: ChordStore
  /** What is kept, for bounds. Absent where nothing is stored. */
  rows?(): Promise<KeptRows>
  /** Messages that workers have given up; loaded when they are first needed. */
  deadLetters?(): Promise<DeadLetterStore>
}
