import { callFact } from './callHeaders.ts'
import { encodeException, revokedError } from './exception.ts'
import { isoTime } from './iso.ts'
import type { TaskMessage } from './message.ts'
import type { ErrorInfo } from './outcome.ts'
import type { TaskMeta } from './result.ts'
import { FAILURE, PENDING, REVOKED } from './states.ts'
import { isTraceparent } from './traceContext.ts'

/*
 * Every record is built here. The order of the fields is the order in which they are stored. Times are ISO 8601. A fact
 * that is unknown has no key: msgpack would carry a key without a value.
 */

/** What a record says of its task beside its state and its result. */
export type RecordFacts = Partial<Omit<TaskMeta, 'task_id' | 'status' | 'result' | 'traceback' | 'problem'>>

/** A state with the result and the traceback that belong to it. */
export type RecordState = Pick<TaskMeta, 'status' | 'result' | 'traceback'>

/** A record without a result. */
export function emptyRecord(id: string, status: string, facts: RecordFacts = {}): TaskMeta {
  return { task_id: id, status, result: null, traceback: null, date_done: null, children: [], ...facts }
}

/** The record of a task that was just submitted. */
export function pendingRecord(message: TaskMessage, queue: string, submitted: string): TaskMeta {
  const meta: TaskMeta = {
    task_id: message.id,
    status: PENDING,
    result: null,
    traceback: null,
    date_done: null,
    children: [],
    name: message.task,
    queue,
    retries: 0,
    parent_id: message.parentId ?? null,
    date_submitted: submitted,
  }
  const kept = callFact(message.headers, 'resultExpires')
  if (message.eta === undefined && kept === undefined) return meta
  return { ...meta, ...(message.eta !== undefined && { date_due: dueOf(message.eta) }), ...keptFor(kept) }
}

function dueOf(eta: string): string {
  return new Date(isoTime(eta)).toISOString()
}

/** The field of a record that is kept for a time of its own, ms. */
export function keptFor(resultExpires: number | undefined): Pick<TaskMeta, 'result_expires'> {
  return resultExpires === undefined ? {} : { result_expires: resultExpires }
}

/** One run of a task, as its worker knows it. */
export interface RunFacts {
  readonly message: TaskMessage
  readonly queue: string
  readonly worker: string
  /** How many runs before ended with their workers. */
  readonly lost: number
  /** Absent where its id does not contain it. */
  readonly submitted: string | undefined
  /** Absent where the task never ran. */
  readonly started: string | undefined
  /** How long its record is kept after its end, ms; undefined: as the app says. */
  readonly resultExpires: number | undefined
}

/** The record that a worker stores of a run; `done`: when it ended, null in a state on the way. */
export function runRecord(run: RunFacts, state: RecordState, done: string | null): TaskMeta {
  const { id, task, retries, parentId, group } = run.message
  const meta: { -readonly [Key in keyof TaskMeta]: TaskMeta[Key] } = {
    // These two first: stores look for them there.
    status: state.status,
    date_submitted: run.submitted,
    task_id: id,
    result: state.result,
    traceback: state.traceback,
    date_done: done,
    children: [],
    name: task,
    queue: run.queue,
    worker: run.worker,
    retries,
    parent_id: parentId ?? null,
    group_id: group ?? null,
  }
  const { traceparent } = run.message.headers
  if (isTraceparent(traceparent)) meta.traceparent = traceparent
  if (run.started !== undefined) meta.date_started = run.started
  if (run.lost > 0) meta.lost = run.lost
  if (run.resultExpires !== undefined) meta.result_expires = run.resultExpires
  return meta
}

/** FAILURE of a task that never ran. */
export function failedRecord(id: string, error: ErrorInfo, done: string, facts: RecordFacts): TaskMeta {
  return {
    task_id: id,
    status: FAILURE,
    result: encodeException(error),
    traceback: null,
    date_done: done,
    children: [],
    ...facts,
  }
}

/**
 * REVOKED: `known` is the record before, `reason` is one of Celery's reasons, or ours: `purged`, and `dropped` for the
 * oldest in a full queue.
 */
export function revokedRecord(
  id: string,
  known: Partial<TaskMeta> | undefined,
  reason: 'revoked' | 'expired' | 'terminated' | 'purged' | 'dropped: its queue was full',
  done: string,
): TaskMeta {
  const { problem: _, ...facts } = known ?? {}
  return {
    children: [],
    ...facts,
    task_id: id,
    status: REVOKED,
    result: encodeException(revokedError(reason)),
    traceback: null,
    date_done: done,
  }
}

/** The record of a task that is never sent: it ends as the task before it did. */
export function unsentRecord(id: string, state: RecordState, done: string, facts: RecordFacts): TaskMeta {
  return { ...state, task_id: id, date_done: done, children: [], ...facts }
}

/** The record of a job that waits, in another queue, or due at another moment: ISO 8601, null is at once. */
export function changedRecord(
  meta: TaskMeta,
  { queue, due }: { readonly queue?: string | undefined; readonly due?: string | null | undefined },
): TaskMeta {
  const { date_due: before, problem: _, ...rest } = meta
  const date_due = due === undefined ? before : (due ?? undefined)
  return { ...rest, ...(queue !== undefined && { queue }), ...(date_due !== undefined && { date_due }) }
}
