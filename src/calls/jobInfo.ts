import { errorOf } from '../protocol/exception.ts'
import { childIds, isReference, type TaskMeta } from '../protocol/result.ts'
import { isFinal, PENDING, RECEIVED, RETRY, STARTED, SUCCESS } from '../protocol/states.ts'

/** What is known of one submitted task. */
export interface JobInfo {
  readonly id: string
  readonly task: string | undefined
  /** Celery's state, or one of the task's own; `UNKNOWN` where the record cannot be read so far. */
  readonly state: string
  readonly queue: string | undefined
  readonly worker: string | undefined
  /** How often it was retried. */
  readonly retries: number
  /** 1 at the first run, 1 more after each retry and each run that was lost with its worker. */
  readonly attempt: number
  readonly submittedAt: Date | undefined
  readonly startedAt: Date | undefined
  readonly finishedAt: Date | undefined
  /** W3C trace context of its run, where its message had one. */
  readonly traceparent?: string
  /** Last value of `ctx.progress`, or what went with a custom state, while that state lasts. */
  readonly progress: unknown
  /** Only after SUCCESS. */
  readonly result: unknown
  /** The result is in the payload store, and was not read for this: lists leave it out. */
  readonly resultOmitted?: true
  /**
   * Only after FAILURE and REVOKED, while RETRY waits, and of type `DecodeError` where the record cannot be read,
   * whatever the state.
   */
  readonly error: JobError | undefined
  /** Ids of the tasks that it sent, once it has ended. */
  readonly children: readonly string[]
}

/** Why a task failed or was revoked, as its worker recorded it. */
export interface JobError {
  readonly type: string
  readonly message: string
  readonly traceback: string | undefined
  /** Module of its class in Python; absent where its worker did not report it. */
  readonly module?: string
  /** Name of its class in Python, where it is not `type`. */
  readonly pythonType?: string
  /** Its arguments, where they are not just its message. */
  readonly args?: readonly unknown[]
}

const WITHOUT_PROGRESS: ReadonlySet<string> = new Set([PENDING, RECEIVED, STARTED, RETRY])

export function infoOf(meta: TaskMeta): JobInfo {
  const { status } = meta
  const error = errorOf(meta)
  const isOmitted = status === SUCCESS && isReference(meta.result)
  return {
    id: meta.task_id,
    task: meta.name,
    state: status,
    queue: meta.queue,
    worker: meta.worker,
    retries: meta.retries ?? 0,
    attempt: (meta.retries ?? 0) + (meta.lost ?? 0) + 1,
    submittedAt: date(meta.date_submitted),
    startedAt: date(meta.date_started),
    finishedAt: isFinal(status) ? date(meta.date_done) : undefined,
    ...(meta.traceparent !== undefined && { traceparent: meta.traceparent }),
    progress: meta.problem || isFinal(status) || WITHOUT_PROGRESS.has(status) ? undefined : meta.result,
    result: status === SUCCESS && !meta.problem && !isOmitted ? meta.result : undefined,
    ...(isOmitted && { resultOmitted: true }),
    error: error && { ...error, traceback: meta.traceback ?? undefined },
    children: childIds(meta.children),
  }
}

/** Other clients may write records, too: an invalid time is not known. */
function date(text: string | null | undefined): Date | undefined {
  const time = text ? new Date(text) : undefined
  return Number.isNaN(time?.getTime()) ? undefined : time
}
