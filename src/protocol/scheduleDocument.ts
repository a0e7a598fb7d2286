/** When an entry of a schedule is due, as plain data: `cron()`, `crontab()`, `every()`, `at()` and `solar()`. */
export type WhenDocument =
  | { readonly kind: 'cron'; readonly expression: string; readonly tz?: string }
  | {
      readonly kind: 'crontab'
      readonly minute?: CrontabFieldDocument
      readonly hour?: CrontabFieldDocument
      readonly dayOfWeek?: CrontabFieldDocument
      readonly dayOfMonth?: CrontabFieldDocument
      readonly monthOfYear?: CrontabFieldDocument
      readonly tz?: string
    }
  /** `interval`: ms, or a time as `30s`. `from`: ISO 8601, the first moment. */
  | { readonly kind: 'every'; readonly interval: number | string; readonly from?: string }
  /** ISO 8601 */
  | { readonly kind: 'at'; readonly date: string }
  | { readonly kind: 'solar'; readonly event: string; readonly lat: number; readonly lon: number }

/** As `*\/10`, `mon-fri`, 30, or a list of these. */
export type CrontabFieldDocument = number | string | readonly (number | string)[]

/** Runs whose time passed while no beat ran: none, one for all, or each, the newest up to a limit. */
export type MissedDocument = 'skip' | 'once' | { readonly all: number }
/** What happens to a run whose predecessor still waits or runs. */
export type OverlapDocument = 'allow' | 'skip' | 'queue' | 'cancel'

/** An entry of the schedule. Moments are ISO 8601. */
export interface ScheduleDocument {
  readonly name: string
  /** For people: `every 30s`. */
  readonly when: string
  readonly schedule: WhenDocument
  readonly task: string
  /** What its calls are made with: `…` in place of what its task calls `sensitive`. */
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** The arguments are not shown: the app seals them. */
  readonly concealed?: true
  /** Of its calls. Headers and stamps are shown to admins alone. */
  readonly options: Readonly<Record<string, unknown>>
  readonly missed: MissedDocument
  readonly overlap: OverlapDocument
  /** Each run is sent up to so much later, ms. */
  readonly jitter: number
  /** Nothing is due before, and after. */
  readonly start?: string
  readonly end?: string
  /** `code`: the code of the app defines it, so it cannot be removed. */
  readonly source: 'code' | 'call'
  readonly paused: boolean
  /** When it is sent next; absent: it is paused, or it is never due again. */
  readonly nextRunAt?: string
  /** For how long that moment has passed, ms: no beat runs, or it cannot keep up. */
  readonly late?: number
  readonly lastRunAt?: string
  /** The job that it sent last. */
  readonly lastJob?: string
  /** A run waits for that one to end. */
  readonly waiting: boolean
  /** How many were sent. */
  readonly runs: number
  /** Another one after each change of its definition or its pause: what `If-Match` takes, in quotes. */
  readonly version: string
  /** The next moments, where they are asked for. */
  readonly next?: readonly string[]
}

/** When a schedule is due that no entry has yet. */
export interface ScheduleMomentsDocument {
  /** For people: `every 30s`. */
  readonly when: string
  /** ISO 8601. */
  readonly next: readonly string[]
}

/** A page of entries, by name. */
export interface SchedulePage {
  readonly schedules: readonly ScheduleDocument[]
  /** Where the next page begins; absent at the end. */
  readonly cursor?: string
}

/** What an entry can be changed to; what is absent stays. */
export interface ScheduleChangeDocument {
  readonly schedule?: WhenDocument
  readonly task?: string
  /** The task's input, as `POST /tasks/{name}` takes it; or arguments, positional and by name. */
  readonly input?: unknown
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** In place of all options that its calls had. */
  readonly options?: Readonly<Record<string, unknown>>
  readonly missed?: MissedDocument
  readonly overlap?: OverlapDocument
  /** ms, or a time as `30s`. */
  readonly jitter?: number | string
  /** ISO 8601; null: none. */
  readonly start?: string | null
  readonly end?: string | null
}

/** A new entry. */
export interface NewScheduleDocument extends ScheduleChangeDocument {
  readonly name: string
  readonly schedule: WhenDocument
  readonly task: string
  readonly paused?: boolean
}

/** A run that was asked for. */
export interface ScheduledRunDocument {
  /** The job's. */
  readonly id: string
  readonly links: { readonly self: string }
}
