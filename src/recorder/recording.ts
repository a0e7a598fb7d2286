/*
 * What is recorded of a fleet, and the questions that it answers. `Recorder` implements it.
 * Moments are ms since the epoch by the clock of the sender of an event, durations ms. Texts are as Python prints them,
 * as events have them; what a codec or `sensitive` covers is not among them.
 */

/** A job, as its events, its record and its submission metadata describe it. */
export interface RecordedJob {
  readonly id: string
  readonly task?: string | undefined
  /** Celery's state; or the name of an event of the task's own in capital letters. */
  readonly state: string
  readonly args?: string | undefined
  readonly kwargs?: string | undefined
  readonly result?: string | undefined
  /** As `ValueError('no such row')`. */
  readonly exception?: string | undefined
  readonly traceback?: string | undefined
  /** Of failures alone: what groups them. */
  readonly fingerprint?: string | undefined
  readonly queue?: string | undefined
  /** Host name of the worker that sent its last event, and of its caller where that sends events. */
  readonly worker?: string | undefined
  readonly client?: string | undefined
  readonly owner?: string | undefined
  readonly tags: readonly string[]
  readonly rootId?: string | undefined
  readonly parentId?: string | undefined
  readonly retries: number
  readonly eta?: string | undefined
  readonly expires?: string | undefined
  readonly sentAt?: number | undefined
  readonly receivedAt?: number | undefined
  readonly startedAt?: number | undefined
  readonly endedAt?: number | undefined
  /** When its first and its last event was sent. */
  readonly firstAt: number
  readonly changedAt: number
  /** From the first that is known of it to its first start, and of the last run. */
  readonly wait?: number | undefined
  readonly runtime?: number | undefined
}

/** One event of a job, in the order in which it was sent. */
export interface JobStep {
  /** Celery's, as `task-started`. */
  readonly type: string
  readonly at: number
  readonly worker: string
  readonly runtime?: number | undefined
  readonly exception?: string | undefined
  readonly retries?: number | undefined
}

/** A job with its events. */
export interface RecordedHistory {
  readonly job: RecordedJob
  /** The newest 1000. */
  readonly steps: readonly JobStep[]
}

/** Which jobs: those that fit all that is set. An empty list fits nothing. */
export interface JobFilter {
  readonly ids?: readonly string[] | undefined
  readonly states?: readonly string[] | undefined
  readonly tasks?: readonly string[] | undefined
  readonly queues?: readonly string[] | undefined
  readonly workers?: readonly string[] | undefined
  readonly owner?: string | undefined
  readonly tag?: string | undefined
  readonly rootId?: string | undefined
  readonly fingerprint?: string | undefined
  /** First seen at this moment or later; before this moment. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /**
   * Each word of it is found in the id, the task's name, a tag, the arguments, or the exception; 1 to 200 characters.
   * No character is special.
   */
  readonly q?: string | undefined
}

/** A page of the jobs that fit. */
export interface JobQuery extends JobFilter {
  /** 1 to 1000. */
  readonly limit: number
  readonly cursor?: string | undefined
}

/** Newest first. `cursor`: of the next page; absent at the end. */
export interface RecordedPage {
  readonly jobs: readonly RecordedJob[]
  readonly cursor?: string | undefined
}

/** Which changes of jobs; of its filter without states and times, so that a job which no longer fits them is there. */
export interface ChangeQuery extends Omit<JobFilter, 'states' | 'since' | 'until'> {
  /** Changes after this number; undefined: none, only the number of the last one. */
  readonly after?: number | undefined
  readonly limit: number
}

/** Jobs that have changed, each once, as they are now; the last that changed come first. */
export interface Changes {
  readonly jobs: readonly RecordedJob[]
  /** How many others that fit have changed. */
  readonly more: number
  /** Number of the last change, which is that of an event. */
  readonly last: number
  /** There were too many, or some are not kept any more: list the jobs again. */
  readonly isMissed?: boolean | undefined
}

/** Which workflows. */
export interface WorkflowQuery {
  /** Tasks of the root job, and its owner. */
  readonly tasks?: readonly string[] | undefined
  readonly owner?: string | undefined
  /** The newest job was first seen at this moment or later; before this moment. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

/** A job that others name as their root, with those. */
export interface RecordedWorkflow {
  readonly root: string
  /** Of the root job, where it was recorded. */
  readonly task?: string | undefined
  readonly state?: string | undefined
  /** Jobs, with the root. */
  readonly total: number
  readonly states: Readonly<Record<string, number>>
  readonly firstAt: number
  readonly changedAt: number
  /** When the last job ended, where all have. */
  readonly endedAt?: number | undefined
  /** States and times are of the newest 2000 jobs alone. */
  readonly isPartial?: true | undefined
}

/** Those with the newest job first. */
export interface RecordedWorkflowPage {
  readonly workflows: readonly RecordedWorkflow[]
  readonly cursor?: string | undefined
}

/** One value of a field, and how many jobs have it. */
export interface FacetValue {
  readonly value: string
  readonly count: number
}

/** How many jobs that fit have each value; at most 100 values of each. */
export interface Facets {
  readonly states: readonly FacetValue[]
  readonly tasks: readonly FacetValue[]
  readonly queues: readonly FacetValue[]
  readonly workers: readonly FacetValue[]
  readonly total: number
  /** The newest that fit were counted alone: there were too many to count all in time. */
  readonly isPartial: boolean
}

/** Length of a step of the statistics. */
export type StatsStep = '1s' | '1m' | '1h'

/** Which numbers, of which time. */
export interface StatsQuery {
  readonly from: number
  readonly to: number
  /** At most 1500 steps fit between `from` and `to`. */
  readonly step: StatsStep
  readonly by: 'all' | 'task' | 'queue'
  /** Of these alone. */
  readonly names?: readonly string[] | undefined
  readonly owner?: string | undefined
}

/** Times that half, 95 % and 99 % did not exceed, ms; wrong by at most 5 %. */
export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** What happened in some time; 0 where nothing did. */
export interface StatsSums {
  readonly sent: number
  readonly received: number
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  readonly retried: number
  readonly revoked: number
  /** Of the jobs that started, and of the runs that ended, ms; absent where there were none. */
  readonly wait?: Percentiles | undefined
  readonly run?: Percentiles | undefined
}

/** What happened in one step. */
export interface StatsPoint extends StatsSums {
  /** Its beginning. */
  readonly at: number
}

/** The numbers of one task or queue, or of all together. */
export interface StatsSeries {
  /** Of the task or queue; '' with `by: 'all'`. */
  readonly name: string
  /** Of all steps together. */
  readonly total: StatsSums
  /** Steps in which nothing happened are left out. */
  readonly points: readonly StatsPoint[]
}

/** Nothing was recorded then, or not all: no recorder ran, or events were lost. */
export interface Gap {
  readonly from: number
  readonly to: number
  /** `unrecorded`: no recorder ran. `lost`: events were dropped, `events` of them as far as it is known. */
  readonly reason: 'unrecorded' | 'lost'
  readonly events?: number | undefined
}

/** Series of numbers, and the gaps in them. */
export interface Stats {
  readonly step: StatsStep
  readonly series: readonly StatsSeries[]
  readonly gaps: readonly Gap[]
  /** Of one owner: only the newest jobs were counted, as there were too many to count all in time. */
  readonly isPartial?: boolean | undefined
}

/** Which groups of failures. */
export interface FailureQuery {
  readonly tasks?: readonly string[] | undefined
  readonly owner?: string | undefined
  /** Seen at this moment or later. */
  readonly since?: number | undefined
  readonly fingerprint?: string | undefined
  readonly q?: string | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

/** Failures of one task with one kind of error: the same class, and message but for numbers, ids and quotes. */
export interface FailureGroup {
  readonly fingerprint: string
  readonly task: string
  /** Class of the error, and the message of the last one. */
  readonly type: string
  readonly message: string
  readonly count: number
  readonly firstAt: number
  readonly lastAt: number
  /** When it came again after the task had succeeded without it for an hour or more; absent where it has not. */
  readonly regressedAt?: number | undefined
  /** Id of the last job that failed so. */
  readonly lastJob: string
}

/** The last seen first. */
export interface FailurePage {
  readonly groups: readonly FailureGroup[]
  readonly cursor?: string | undefined
}

/** A worker, as its events describe it. */
export interface RecordedWorker {
  readonly name: string
  readonly isAlive: boolean
  /** By the clock of the recorder. */
  readonly seenAt: number
  readonly startedAt?: number | undefined
  readonly stoppedAt?: number | undefined
  readonly active?: number | undefined
  readonly processed?: number | undefined
  readonly loadavg?: readonly number[] | undefined
  readonly pid?: number | undefined
  readonly software?: string | undefined
  readonly version?: string | undefined
  readonly system?: string | undefined
}

/** An event as it came, with its number in the file. */
export interface RecordedEvent {
  /** Rises; never used again. */
  readonly number: number
  readonly type: string
  readonly hostname: string
  readonly at: number
  readonly id?: string | undefined
  readonly task?: string | undefined
  readonly owner?: string | undefined
  /** All fields of the event, and `state`, the job's after it. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** Which events are followed. */
export interface FollowOptions {
  /** Events after this number; undefined: from now on. */
  readonly after?: number | undefined
  /** Types, with `*`. Undefined: all. */
  readonly types?: readonly string[] | undefined
  /** Of these tasks alone. */
  readonly tasks?: readonly string[] | undefined
  /** Of the jobs of this owner alone. */
  readonly owner?: string | undefined
  /** Ends it. */
  readonly signal: AbortSignal
}

/** `missed`: so many events between the number before and the next one are not kept any more. */
export type Followed =
  | { readonly kind: 'events'; readonly events: readonly RecordedEvent[] }
  | { readonly kind: 'missed'; readonly after: number; readonly before: number }

/** A change that was made, or refused. */
export interface AuditEntry {
  readonly at: number
  /** Id of the identity; `-` where the API is open. */
  readonly who: string
  readonly address?: string | undefined
  /** As `queue.purge`. */
  readonly action: string
  /** What it was done to, as `queue mail`. */
  readonly target: string
  /** HTTP status of the answer. */
  readonly status: number
  /** Facts without secrets and without payloads. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

/** Which entries of the audit log. */
export interface AuditQuery {
  readonly who?: string | undefined
  readonly action?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

/** The newest first. */
export interface AuditPage {
  readonly entries: readonly AuditEntry[]
  readonly cursor?: string | undefined
}

/** The state of the file, and of who writes it. */
export interface RecordingStatus {
  readonly file: string
  readonly bytes: number
  /** Whether a recorder runs now, in whatever process, and which. */
  readonly isRecording: boolean
  readonly recorder?: string | undefined
  readonly jobs: number
  readonly events: number
  /** Why nothing is recorded while one runs, as a full disk. */
  readonly problem?: string | undefined
}

/**
 * The record of a fleet: a SQLite file, which one of the processes that open it writes, and all read. Methods reject
 * with StoreUnavailableError, and with ArgumentError for a limit, a cursor or a search that cannot be.
 */
export interface Recording {
  jobs(query: JobQuery): Promise<RecordedPage>
  facets(filter: JobFilter): Promise<Facets>
  changes(query: ChangeQuery): Promise<Changes>
  workflows(query: WorkflowQuery): Promise<RecordedWorkflowPage>
  /** Names of the tasks that there are jobs of, and of the queues that these were in: some, where there are many. */
  tasks(): Promise<readonly string[]>
  queues(): Promise<readonly string[]>
  /** Asks the result backend for what is missing. Undefined where nothing is known. */
  job(id: string): Promise<RecordedHistory | undefined>
  stats(query: StatsQuery): Promise<Stats>
  failures(query: FailureQuery): Promise<FailurePage>
  /** Those seen in the last day, alive or not. */
  workers(): Promise<readonly RecordedWorker[]>
  gaps(range: { readonly from: number; readonly to: number }): Promise<readonly Gap[]>
  follow(options: FollowOptions): AsyncIterable<Followed>
  /** `written` is called whenever something was recorded, in whatever process, until the returned function is. */
  watch(written: () => void): () => void
  /** Remove all that is recorded of these jobs; with `ended`, of those that have ended. Resolves with their number. */
  forget(
    filter: Pick<JobFilter, 'ids' | 'owner' | 'tag' | 'tasks'>,
    options?: { readonly ended?: boolean | undefined },
  ): Promise<number>
  /** Write one entry: resolves when it is on the disk. */
  audit(entry: AuditEntry): Promise<void>
  auditLog(query: AuditQuery): Promise<AuditPage>
  status(): Promise<RecordingStatus>
}
