/** A job as the HTTP API shows it: what its server writes and its client reads. */
export interface JobDocument {
  readonly id: string
  readonly task: string | null
  /**
   * Celery's: PENDING, RECEIVED, STARTED (PROGRESS is shown so, too), RETRY, SUCCESS, FAILURE, REVOKED; one of the
   * task's own; or UNKNOWN where the record cannot be read so far.
   */
  readonly state: string
  /** Last value that the task reported, or what went with its own state; null where it reported none. */
  readonly progress: unknown
  /** 1 at the first run, 1 more after each retry and each run that was lost with its worker. */
  readonly attempt: number
  /** ISO 8601, or null where it has not happened. */
  readonly createdAt: string | null
  readonly startedAt: string | null
  readonly finishedAt: string | null
  /** W3C trace context of its run, where its message had one. */
  readonly traceparent?: string
  /** After SUCCESS, unless it cannot be read; not in lists. */
  readonly result?: unknown
  /** The result is too large to be here: `links.result` has it. */
  readonly resultOmitted?: true
  /**
   * After FAILURE and REVOKED, while RETRY waits, and of type `DecodeError` where the record cannot be read, whatever
   * the state.
   */
  readonly error?: JobError
  readonly links: JobLinks
}

/** A page of jobs, newest first. */
export interface JobPageDocument {
  readonly jobs: readonly JobDocument[]
  /** There may be more. */
  readonly cursor?: string
}

/** Why a job failed or was revoked, without the traceback, which is for the application alone. */
export interface JobError {
  /** Class name of the error in the worker. */
  readonly type: string
  readonly message: string
}

/** Paths of what belongs to a job. */
export interface JobLinks {
  readonly self: string
  readonly result: string
  readonly events: string
}
