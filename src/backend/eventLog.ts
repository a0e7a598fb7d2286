import { type Emission, readEmission } from '../protocol/emission.ts'
import { emptyRecord } from '../protocol/record.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { isFinal, PENDING, STARTED } from '../protocol/states.ts'
import { DecodeError } from '../std/errors.ts'

/** A state that a task was in, or what it emitted while it ran. */
export interface Change {
  /**
   * Its number in the task's life, which never changes: 1 is PENDING, each later change is higher, the end is the
   * highest. Absent where it was not counted: an intermediate state that a Python worker wrote, or any intermediate
   * state where the store keeps no log.
   */
  readonly seq: number | undefined
  /** The record in this state; with an emission what is known of the record: STARTED, and which attempt. */
  readonly meta: TaskMeta
  /** What was emitted; the state did not change. */
  readonly emission?: Emission
}

/** An intermediate state, or an emission, as a log keeps it. */
export interface LoggedChange extends Change {
  readonly seq: number
}

/**
 * A task's record and the content of its log, at one moment. PENDING and the end are not in the log: the record
 * contains them.
 */
export interface History {
  /** The record as it is now. */
  readonly meta: TaskMeta
  /** The record's state is the newest state of the log. */
  readonly counted: boolean
  /** Number of the newest state of the log, even if emissions have pushed it out; 1: the log has had no state. */
  readonly state: number
  /** Numbers of the oldest and the newest entry of the log; both 1 where it is empty. */
  readonly first: number
  readonly last: number
  /** The entries of the log after the number asked for, in order. */
  readonly logged: readonly LoggedChange[]
}

/** What one run of a task emits, in order. */
export interface Output {
  readonly id: string
  /** Name of the run, of letters, digits and `-`: different for each run. */
  readonly run: string
  /** Number, within the run, of the first of these emissions, from 1. */
  readonly from: number
  /** As `writeEmission` writes them. */
  readonly emissions: readonly (string | Uint8Array)[]
  /**
   * They were sent before, and the store was unavailable: a store that may have kept them nevertheless must not keep
   * one twice.
   */
  readonly again: boolean
}

/** Where to read from: `after` is the number of the last known change, 0 for none. */
export interface HistoryQuery {
  readonly id: string
  readonly after: number
}

/**
 * The intermediate states and the emissions of each task, a part of the result backend. Its suite is
 * `testing/suites/eventLogSuite.ts`.
 */
export interface EventLog {
  /**
   * The record and the content of its log, at one moment, in the order asked: each intermediate state is logged in the
   * write that saves it, numbered from 2 without a gap, and kept as long as the record. Undefined where there is no
   * record.
   */
  read(queries: readonly HistoryQuery[]): Promise<(History | undefined)[]>
  /**
   * Add what a task emits to its log, with the next numbers, in one write; watches of the task yield its record again.
   * False, and nothing is kept, where the task is not known, has ended, or has no log.
   */
  append(output: Output): Promise<boolean>
}

/** How many intermediate states and emissions are kept per task, unless the app configures another number. */
export const DEFAULT_EVENT_LOG = 1000
/** A log drops its oldest entries above about this many bytes, but keeps at least `MIN_LOG_ENTRIES`. */
export const MAX_LOG_BYTES: number = 2 ** 20
export const MIN_LOG_ENTRIES = 16

/** A log is shortened each time this many entries were added. */
export const LOG_TRIM_INTERVAL = 16

/** True for a state that a log keeps: all but the first and the last. */
export function isOnTheWay(state: string): boolean {
  return state !== PENDING && !isFinal(state)
}

/**
 * How many entries a log keeps where the newest has this size; `limit` is the app's. Few long ones, many short ones.
 */
export function keptChanges(limit: number, size: number): number {
  return Math.min(limit, Math.max(MIN_LOG_ENTRIES, Math.floor(MAX_LOG_BYTES / Math.max(1, size))))
}

/** The history of a task in a store without a log. */
export function unlogged(meta: TaskMeta): History {
  return { meta, counted: false, state: 1, first: 1, last: 1, logged: [] }
}

/** The number of the record's state; undefined where it was not counted. */
export function seqOf({ meta, counted, state, last }: History): number | undefined {
  if (isFinal(meta.status)) return last + 1
  return counted || !isOnTheWay(meta.status) ? state : undefined
}

/** The number of the newest change. */
export function newestOf({ meta, last }: History): number {
  return isFinal(meta.status) ? last + 1 : last
}

/**
 * All later changes, in order; the record's state is the last of the states. If the log has dropped the task's current
 * state, it comes before the entries of the log.
 */
export function changesAfter(history: History, after: number): Change[] {
  const { meta, counted, state, first, last, logged } = history
  const changes: Change[] = after < 1 ? [{ seq: 1, meta: pendingOf(meta) }] : []
  const isDropped = state > 1 && state < first
  if (isDropped && counted && after < state && !isFinal(meta.status)) changes.push({ seq: state, meta })
  changes.push(...logged)
  if (!isFinal(meta.status)) {
    if (isOnTheWay(meta.status) && !counted) changes.push({ seq: undefined, meta })
  } else if (after <= last) changes.push({ seq: last + 1, meta })
  return changes
}

/** Changes after that number were dropped from the log. */
export function isBroken({ first }: History, after: number): boolean {
  return first > Math.max(after, 1) + 1
}

/**
 * An emission as a log has it; its record contains what is known of the run whatever else is in the log. An emission
 * that cannot be read becomes a state with a problem.
 */
export function emitted(seq: number, body: string | Uint8Array, record: TaskMeta): LoggedChange {
  const known = { ...pendingOf(record), status: STARTED, worker: record.worker }
  try {
    const emission = readEmission(body)
    return { seq, meta: { ...known, retries: emission.attempt - 1 }, emission }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return { seq, meta: { ...known, retries: record.retries, problem: error } }
  }
}

/** The record as it was when the task was submitted. */
function pendingOf({ task_id, name, queue, parent_id, date_submitted }: TaskMeta): TaskMeta {
  return emptyRecord(task_id, PENDING, { name, queue, parent_id, date_submitted, retries: 0 })
}
