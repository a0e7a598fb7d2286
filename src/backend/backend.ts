import type { TaskMeta } from '../protocol/result.ts'
import type { Clock } from '../std/clock.ts'
import type { EventLog } from './eventLog.ts'
import type { JobIndex } from './jobIndex.ts'
import type { NoteStore } from './notes.ts'
import type { RevokedIds } from './revokedIds.ts'
import type { Reply, SubmissionMetadata } from './unitOfWork.ts'

/*
 * The result backend seam: what is known of each task.
 * Each sentence of these docs is a case of `testing/suites/backendSuite.ts`, which every backend passes.
 */

/** What a backend is opened with. */
export interface BackendOptions {
  /** How long the record of a finished task is kept, ms; 0: for ever. One that is not final is kept for a week after its last change or the moment that it waits for (`date_due`), or for this time if that is longer. */
  readonly expires: number
  readonly serializer: 'json' | 'msgpack'
  readonly accept: readonly ('json' | 'msgpack')[]
  /** Redis: Celery's `global_keyprefix`. */
  readonly keyPrefix?: string
  /** Told of settings of the store by which it could lose what it holds. */
  readonly warn?: (message: string) => void
  /** How long a call waits for a store that is away or busy, ms. */
  readonly storeTimeout?: number
  /** States on the way and emissions that are kept per task in `events`, the newest; default 1000, 0: none. */
  readonly eventLog?: number
  /** Where moments are read from. Default: the system's clock. */
  readonly clock?: Clock
}

/** What keeps the record of each task. What only some stores can do is a part of its own: absent where the store cannot. */
export interface ResultBackend {
  /** For people to read: no password in it. */
  readonly url: string
  /**
   * True: an id without a record was never submitted, or its record is gone. False: other clients (Python's) submit tasks without a record,
   * so a caller that waits for such an id waits on.
   */
  readonly knowsAll: boolean
  /** True: only the process that submitted a task reads its record. */
  readonly callerOnly?: boolean
  /** For people: why an id may be unknown here although it was submitted. */
  readonly hint?: string
  /**
   * Save a state. Resolves true when it was saved; false when a final state was there already, which stays.
   * PENDING is saved only where nothing is known. `reply` says where rpc:// answers; others ignore it. `metadata` is kept with the first
   * record of an id, where `jobs` is there to read it.
   */
  store(meta: TaskMeta, reply?: Reply, metadata?: SubmissionMetadata): Promise<boolean>
  /** Many at once, in the order asked; undefined where nothing is known. */
  load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]>
  /**
   * The newest meta of each task: once now where it is known, then after each change, in order; intermediate ones may be skipped, and
   * the same one comes again after an `events.append`. Ends after every id became final, or on abort. Pushed where the store can.
   */
  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta>
  /** Drop the records. Unknown ids are no error. A watch of one in this process ends with UnknownJobError. */
  forget(ids: readonly string[]): Promise<void>
  /** End what it runs. The store it is a part of is closed by itself. */
  close(): Promise<void>
  /** Tasks that must not run. */
  readonly revoked: RevokedIds
  /** States on the way and what tasks emit, to be read again. */
  readonly events?: EventLog
  /** Lists of jobs. */
  readonly jobs?: JobIndex
  /** Keys and values that expire. */
  readonly notes?: NoteStore
}
