import type { TaskMeta } from '../protocol/result.ts'
import type { Handout, History, HistoryQuery } from './eventLog.ts'
import type { Note, Origin, Reply } from './unitOfWork.ts'

/*
 * The result backend seam: what is known of each task.
 * Each sentence of these docs is a case of `testing/suites/backendSuite.ts`, which every backend passes.
 */

/** A page of records, newest first. `cursor` asks for the next page; absent at the end. */
export interface MetaPage {
  readonly metas: readonly TaskMeta[]
  readonly cursor?: string
}

/** Which records are listed, and how many: those that fit all that is named. */
export interface ListFilter {
  readonly state?: string | undefined
  readonly task?: string | undefined
  /** Names of which the task has one. */
  readonly tasks?: readonly string[] | undefined
  /** Whose they are (`Origin.owner`), and a tag that they have. */
  readonly owner?: string | undefined
  readonly tag?: string | undefined
  /** Submitted at this moment or later, ms since the epoch. */
  readonly since?: number | undefined
  /**
   * Text of 1 to 200 characters, and not blanks alone: each of its words, parted by blanks, is found in the id, the task's name, a tag, or the
   * class or message of the error (FAILURE, REVOKED, RETRY). Any part of these will do, in upper or lower case as Unicode has them; no
   * character is special. Arguments, results, progress and tracebacks are not searched.
   */
  readonly q?: string | undefined
  /** 1 to 1000. */
  readonly limit: number
  readonly cursor?: string | undefined
}

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
  /** States on the way and emissions that are kept per task for `history`, the newest; default 1000, 0: none. */
  readonly eventLog?: number
}

/** What keeps the record of each task. */
export interface ResultBackend {
  /** For people to read: no password in it. */
  readonly url: string
  /**
   * True: an id without a record was never submitted, or its record is gone. False: others submit tasks there without one (Python
   * clients), so whoever waits for such an id waits on.
   */
  readonly knowsAll: boolean
  /** True: only the process that submitted a task reads its record. */
  readonly callerOnly?: boolean
  /** For people: why an id may be unknown here although it was submitted. */
  readonly hint?: string
  /**
   * Save a state. Resolves true when it was saved; false when a final state was there already, which stays.
   * PENDING is saved only where nothing is known. `reply` says where rpc:// answers; others ignore it. `origin` is kept with the first
   * record of an id, where `origins` is there to read it.
   */
  store(meta: TaskMeta, reply?: Reply, origin?: Origin): Promise<boolean>
  /** Many at once, in the order asked; undefined where nothing is known. */
  load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]>
  /**
   * The newest meta of each task: once now where it is known, then after each change, in order; intermediate ones may be skipped, and
   * the same one comes again after an `emit`. Ends after every id became final, or on abort. Pushed where the store can.
   */
  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta>
  /**
   * The record and what its log keeps, at one moment, where the store keeps one: each state on the way is logged in the write that
   * saves it, numbered from 2 without a gap, and kept as long as the record. Undefined where nothing is known.
   */
  history?(queries: readonly HistoryQuery[]): Promise<(History | undefined)[]>
  /**
   * Add what a task hands out to its log, numbered on, in one write; whoever watches it is told. False, and nothing is kept, where the
   * task is not known, has ended, or has no log. Only with `history`.
   */
  emit?(handout: Handout): Promise<boolean>
  /**
   * Which records `list` has: `all`, or `marked`, those that were submitted with an origin, be it an empty one. Absent where there is no
   * `list`.
   */
  readonly lists?: 'all' | 'marked'
  /**
   * Records by page, newest submission first, where the store can list. Where it has those marked, submissions of one millisecond come in
   * the order of their ids, and a page may be short, or empty, although there is a next one; so may one of
   * a search (`q`) anywhere, which looks at a bounded number of records. ArgumentError for a limit, a cursor or a search that is none.
   */
  list?(filter: ListFilter): Promise<MetaPage>
  /** Submission metadata of jobs; undefined where nothing was, or it has expired. Kept as long as the record, on `redis:` for the same time from the submission. */
  origins?(ids: readonly string[]): Promise<(Origin | undefined)[]>
  /** Keep a note, unless one of its key is there that has not expired. Resolves true when it was kept. */
  keep?(note: Note): Promise<boolean>
  /** The value of a note; undefined where none is, or it has expired. */
  recall?(key: string): Promise<string | undefined>
  /** Keep a note, whatever is there of its key. One that has expired already drops it. */
  replace?(note: Note): Promise<void>
  /** Drop the records. Unknown ids are no error. Whoever watches one in this process gets UnknownJobError. */
  forget(ids: readonly string[]): Promise<void>
  /** Remember that a task must not run, as long as a record that is not final: from `due` on, ms since the epoch, where it waits for that moment. `revoked` answers the newest 50,000, the oldest first, across restarts. */
  revoke(ids: readonly string[], due?: number): Promise<void>
  revoked(): Promise<readonly string[]>
  close(): Promise<void>
}
