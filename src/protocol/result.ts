import { DecodeError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { CODEC_HEADER, unopened } from './envelope.ts'
import { isFinal, UNKNOWN } from './states.ts'

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
  /** Ours: how many of its runs ended with their workers; absent where none did. */
  readonly lost?: number
  /** What it was called with: of Celery with `result_extended` alone. */
  readonly args?: unknown
  readonly kwargs?: unknown
  readonly parent_id?: string | null
  readonly group_id?: string | null
  /** Ours: when it was submitted and when it last started, ISO 8601. Celery ignores fields that it does not know. */
  readonly date_submitted?: string
  readonly date_started?: string
  /** Ours: the W3C trace context of its message, where that has one. */
  readonly traceparent?: string
  /**
   * Ours: the moment that it waits for in this state, ISO 8601; absent where it waits for none. Records that are not
   * final are kept from then on.
   */
  readonly date_due?: string
  /** Ours: how long the record is kept after its end, ms, 0 for ever; absent where the app's `resultExpires` holds. */
  readonly result_expires?: number
  /**
   * Never stored: why the stored record cannot be read. The other fields are what is known nevertheless; `status` is
   * UNKNOWN where its state is not.
   */
  readonly problem?: DecodeError
}

/** The only member of a result that is in a payload store: where it is there. */
export const PAYLOAD_MEMBER = 'celeriac.payload'

/** The result is in a payload store. A result of a task that looks so is put there, too. */
export function isReference(result: unknown): boolean {
  return isRecord(result) && Object.hasOwn(result, PAYLOAD_MEMBER) && Object.keys(result).length === 1
}

/** Ids as Celery's result tuples, which `children` holds (celery-wire §4.2). */
export function childTuples(ids: readonly string[]): readonly unknown[] {
  return ids.map((id) => [[id, null], null])
}

/** The ids in such a list of any writer; a group has its own id there. What has no id is left out. */
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
  /** Ours: class name and message in JavaScript, where Python is shown others. */
  readonly celeriac?: { readonly type: string; readonly message: string }
}

/**
 * A record that `read` cannot read: one job with what is known of it and a problem, so that it takes no other along.
 */
export function readable(id: string, read: () => TaskMeta, known: () => Partial<TaskMeta> = () => ({})): TaskMeta {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    const nothing = { status: UNKNOWN, result: null, traceback: null, date_done: null, children: [] }
    return { ...nothing, ...known(), task_id: id, problem: error }
  }
}

/** No later state will come: the job has ended, or not even the state of its record can be read. */
export function isOver({ status, problem }: TaskMeta): boolean {
  return isFinal(status) || (problem !== undefined && status === UNKNOWN)
}

/** Bytes at the beginning of a record in which its state is looked for. */
export const STATUS_HEAD_BYTES = 128
const JSON_STATUS = /^\{\s*"status"\s*:\s*"([^"\\]{1,100})"/
/** A map of msgpack whose first key is `status`, then a short text. */
const PACKED_STATUS = /^(?:[\x80-\x8f]|\xde..)\xa6status([\xa0-\xbf])/s

/**
 * The state of a record that cannot be read to its end: Celery and we write it first. Undefined where it does not begin
 * so.
 */
export function statusIn(record: string | Uint8Array): string | undefined {
  const head =
    typeof record === 'string'
      ? record.slice(0, STATUS_HEAD_BYTES)
      : Buffer.from(record.subarray(0, STATUS_HEAD_BYTES)).toString('latin1')
  const json = JSON_STATUS.exec(head)?.[1]
  if (json !== undefined) return json
  const packed = PACKED_STATUS.exec(head)
  if (!packed) return undefined
  const length = (packed[1] as string).charCodeAt(0) - 0xa0
  const status = head.slice(packed[0].length, packed[0].length + length)
  return status.length === length && length > 0 ? status : undefined
}

/**
 * Read a stored meta of any writer; fields that we do not know are kept, and of ours those of another type, and empty
 * texts, are left out. Throws DecodeError for anything else.
 */
export function readMeta(value: unknown): TaskMeta {
  if (!isRecord(value) || typeof value.task_id !== 'string' || typeof value.status !== 'string') {
    throw new DecodeError('result meta: expected an object with task_id and status')
  }
  const { task_id, status, result = null, traceback, date_done, children, problem: _, ...others } = value
  const rest: Record<string, unknown> = others
  if (sealedResult(result) !== undefined) rest.problem = NOT_OPENED
  for (const name of TEXT_FIELDS) if (rest[name] === '' || typeof rest[name] !== 'string') delete rest[name]
  for (const name of COUNT_FIELDS) if (rest[name] !== undefined && !Number.isSafeInteger(rest[name])) delete rest[name]
  return {
    ...rest,
    task_id,
    status,
    result,
    traceback: typeof traceback === 'string' ? traceback : null,
    date_done: typeof date_done === 'string' ? date_done : null,
    children: Array.isArray(children) ? children : [],
  }
}

/** What a codec has sealed in place of a result; undefined where nothing is sealed. */
export function sealedResult(result: unknown): unknown {
  if (typeof result !== 'object' || result === null || !(CODEC_HEADER in result)) return undefined
  return isRecord(result) ? result[CODEC_HEADER] : undefined
}

/**
 * Of each record that nothing has opened yet: one for all, since an error with its stack costs more than its reading.
 */
const NOT_OPENED: DecodeError = unopened('what the record says')

const COUNT_FIELDS = ['retries', 'lost', 'result_expires'] as const
const TEXT_FIELDS = ['name', 'queue', 'worker', 'date_submitted', 'date_started', 'date_due', 'traceparent'] as const
