/* What is recorded of a fleet, over HTTP. Moments are ISO 8601, durations ms; texts are as Python prints them. */

/** A job, as its events describe it. */
export interface RecordedJobDocument {
  readonly id: string
  readonly task: string | null
  readonly state: string
  readonly args?: string
  readonly kwargs?: string
  readonly result?: string
  readonly exception?: string
  /** Not in lists. */
  readonly traceback?: string
  readonly fingerprint?: string
  readonly queue?: string
  readonly worker?: string
  readonly client?: string
  readonly owner?: string
  readonly tags: readonly string[]
  readonly root?: string
  readonly parent?: string
  readonly retries: number
  readonly eta?: string
  readonly expires?: string
  readonly sentAt?: string
  readonly receivedAt?: string
  readonly startedAt?: string
  readonly endedAt?: string
  readonly firstAt: string
  readonly changedAt: string
  readonly wait?: number
  readonly runtime?: number
  readonly links: { readonly self: string; readonly history: string }
}

/** One event of a job. */
export interface JobStepDocument {
  /** Celery's, as `task-started`. */
  readonly type: string
  readonly at: string
  readonly worker: string
  readonly runtime?: number
  readonly exception?: string
  readonly retries?: number
}

export interface JobHistoryDocument {
  readonly job: RecordedJobDocument
  /** In the order in which they were sent; the newest 1000. */
  readonly steps: readonly JobStepDocument[]
}

/** What a job was called with. */
export interface JobInputDocument {
  /** A list; `…` where a codec covers them. */
  readonly args: unknown
  /** Keyword arguments, or the members of the one input; `…` likewise. */
  readonly kwargs: unknown
  /** Something of it may be shown as `…`: what a codec or the option `sensitive` of its task covers. */
  readonly concealed?: true
}

export interface FacetDocument {
  readonly value: string
  readonly count: number
}

export interface FacetsDocument {
  readonly states: readonly FacetDocument[]
  readonly tasks: readonly FacetDocument[]
  readonly queues: readonly FacetDocument[]
  readonly workers: readonly FacetDocument[]
  readonly total: number
  /** The newest were counted alone. */
  readonly isPartial: boolean
}

export interface RecordedPageDocument {
  readonly jobs: readonly RecordedJobDocument[]
  /** Where they were asked for. */
  readonly facets?: FacetsDocument
  /** There may be more. */
  readonly cursor?: string
}

/** What was submitted again, or would be. */
export interface RetriedDocument {
  /** Jobs that fit. */
  readonly ids: readonly string[]
  /** Ids of the new jobs, by those of the old ones. */
  readonly retried: Readonly<Record<string, string>>
  /** Submitted again before. */
  readonly before: readonly string[]
  readonly inputNotKept: readonly string[]
  /** Recorded as fitting, but without a record, or in another state by now. */
  readonly unfit: readonly string[]
  readonly cursor?: string
}

/** What was revoked, or would be. */
export interface RevokedDocument {
  /** Jobs that fit and had not ended, as far as it was recorded. */
  readonly ids: readonly string[]
  /** How many of them were revoked; in a dry run 0. */
  readonly revoked: number
  /** Those that had ended before they could be revoked. */
  readonly ended: readonly string[]
  readonly cursor?: string
}

export interface PercentilesDocument {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** What happened in some time. */
export interface StatsSumsDocument {
  readonly sent: number
  readonly received: number
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  readonly retried: number
  readonly revoked: number
  readonly wait?: PercentilesDocument
  readonly run?: PercentilesDocument
}

/** What happened in one step of time. */
export interface StatsPointDocument extends StatsSumsDocument {
  readonly at: string
}

/** Nothing was recorded then, or not all. */
export interface GapDocument {
  readonly from: string
  readonly to: string
  readonly reason: 'unrecorded' | 'lost'
  readonly events?: number
}

export interface StatsDocument {
  readonly from: string
  readonly to: string
  readonly step: '1s' | '1m' | '1h'
  readonly series: readonly {
    readonly name: string
    /** Of all steps together. */
    readonly total: StatsSumsDocument
    /** Empty where only sums were asked for. */
    readonly points: readonly StatsPointDocument[]
  }[]
  readonly gaps: readonly GapDocument[]
}

/** Failures of one task with one kind of error. */
export interface FailureDocument {
  readonly fingerprint: string
  readonly task: string
  readonly type: string
  readonly message: string
  readonly count: number
  readonly firstAt: string
  readonly lastAt: string
  readonly regressedAt?: string
  readonly lastJob: string
}

export interface FailurePageDocument {
  readonly failures: readonly FailureDocument[]
  /** There may be more. */
  readonly cursor?: string
}

/** A workflow: a root job, and at least one other job that names it as its root. */
export interface RecordedWorkflowDocument {
  /** Id of the root job. */
  readonly root: string
  /** Of the root job; null where it was not recorded. */
  readonly task: string | null
  /** State of the root job; null where it was not recorded. */
  readonly state: string | null
  /** Jobs, with the root. */
  readonly total: number
  /** How many are in each state. */
  readonly states: Readonly<Record<string, number>>
  readonly firstAt: string
  readonly changedAt: string
  /** When its last job ended; absent while one has not. */
  readonly endedAt?: string
  /** It has very many jobs: only the newest were looked at for states and times. */
  readonly isPartial?: true
}

export interface RecordedWorkflowPageDocument {
  readonly workflows: readonly RecordedWorkflowDocument[]
  /** There may be more. */
  readonly cursor?: string
}

/** One event of the fleet, as the data of a server-sent event. */
export interface FleetEventDocument {
  readonly type: string
  readonly hostname: string
  readonly at: string
  readonly id?: string
  readonly task?: string
  /** The fields of the event, and `state`, the job's after it. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** What a rule of the alerts found. */
export interface AlertReadingDocument {
  /** As `queue mail`; empty where the rule is about all. */
  readonly subject: string
  /** A share, or ms. */
  readonly value: number
  readonly text: string
}

/** A rule, what it finds now, and its alerts. */
export interface AlertRuleDocument {
  readonly rule: string
  readonly on: string
  readonly readings: readonly AlertReadingDocument[]
  readonly alerts: readonly (AlertReadingDocument & {
    readonly status: 'pending' | 'firing' | 'recovering'
    readonly startedAt: string
    readonly firedAt?: string
  })[]
  /** Why it cannot be looked at. */
  readonly problem?: string
}
