import { DecodeError } from '../std/errors.ts'
import { isRecord } from './signature.ts'

/**
 * What a result backend stores of a task: Celery's meta (celery-wire §4.2), always with its extended fields, and a
 * few of ours.
 */
export interface TaskMeta {
  readonly task_id: string
  readonly status: string
  /**
   * The result; for a custom state or PROGRESS its meta; for FAILURE, RETRY, REVOKED an encoded exception. Plain
   * data, not yet serialized.
   */
  readonly result: unknown
  readonly traceback: string | null
  /** ISO 8601, or null until the state is final. */
  readonly date_done: string | null
  readonly children: readonly unknown[]
  /** Task name. Absent when only an id is known (a revoke by id). */
  readonly name?: string
  readonly queue?: string
  /** Host name of the worker. */
  readonly worker?: string
  readonly retries?: number
  readonly parent_id?: string | null
  readonly group_id?: string | null
  /** Ours: when it was submitted and when it last started, ISO 8601. Celery ignores fields that it does not know. */
  readonly date_submitted?: string
  readonly date_started?: string
}

/** Ids as Celery's result tuples, which `children` holds (celery-wire §4.2). */
export function childTuples(ids: readonly string[]): readonly unknown[] {
  return ids.map((id) => [[id, null], null])
}

/** The ids in such a list, by whomever it was written; a group has its own id there. What has no id is left out. */
export function childIds(children: readonly unknown[]): readonly string[] {
  return children.flatMap((child) => {
    const [own] = Array.isArray(child) ? child : []
    const id: unknown = Array.isArray(own) ? own[0] : own
    return typeof id === 'string' ? [id] : []
  })
}

/** Celery's encoded exception (celery-wire §4.3). */
export interface EncodedException {
  readonly exc_type: string
  readonly exc_message: readonly unknown[] | string
  readonly exc_module: string | null
}

/**
 * Read a stored meta, by whomever it was written; fields that we do not know are kept. Throws DecodeError for
 * anything else.
 */
export function readMeta(value: unknown): TaskMeta {
  if (!isRecord(value) || typeof value.task_id !== 'string' || typeof value.status !== 'string') {
    throw new DecodeError('result meta: expected an object with task_id and status')
  }
  const { task_id, status, result = null, traceback, date_done, children } = value
  return {
    ...value,
    task_id,
    status,
    result,
    traceback: typeof traceback === 'string' ? traceback : null,
    date_done: typeof date_done === 'string' ? date_done : null,
    children: Array.isArray(children) ? children : [],
  }
}
