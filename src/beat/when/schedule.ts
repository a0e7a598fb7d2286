/** When something is due. Pure: knows neither clock nor store, so that every beat computes the same moments. */
export interface Schedule {
  /**
   * The first due moment strictly after `after`; undefined: never again.
   * Throws ArgumentError where `after` is an Invalid Date, whatever the schedule.
   */
  next(after: Date): Date | undefined
  /**
   * The schedule as plain data: stored, sent, and read back by `scheduleFrom` to one that is due at the same moments.
   */
  toJSON(): ScheduleSpec
  /** For people, one line: `cron 30 2 * * * (Europe/Berlin)`, `every 30s`. */
  describe(): string
}

/** A schedule as plain JSON data. `kind` says which other fields there are. */
export type ScheduleSpec = CronSpec | CrontabSpec | EverySpec | AtSpec | SolarSpec

/** Of `cron()`. */
export interface CronSpec {
  readonly kind: 'cron'
  /** Five fields, or six with seconds first. */
  readonly expression: string
  /** IANA name. */
  readonly tz: string
}

/** One field of a crontab: a number, text such as `'1-5,*\/10'` or `'mon-fri'`, or a list of these. */
export type CrontabField = number | string | readonly (number | string)[]

/** Of `crontab()`: Celery's words. An absent field is `'*'`. */
export interface CrontabSpec {
  readonly kind: 'crontab'
  readonly minute?: CrontabField | undefined
  readonly hour?: CrontabField | undefined
  readonly dayOfWeek?: CrontabField | undefined
  readonly dayOfMonth?: CrontabField | undefined
  readonly monthOfYear?: CrontabField | undefined
  /** IANA name. */
  readonly tz: string
}

/** Of `every()`. */
export interface EverySpec {
  readonly kind: 'every'
  /** Milliseconds between two due moments. */
  readonly interval: number
  /** ISO 8601; the first due moment. Absent: the multiples of the interval since 1970-01-01T00:00:00Z. */
  readonly from?: string | undefined
}

/** Of `at()`. */
export interface AtSpec {
  readonly kind: 'at'
  /** ISO 8601. */
  readonly date: string
}

/** What the sun does; Celery's names. */
export type SolarEvent =
  | 'dawn_astronomical'
  | 'dawn_nautical'
  | 'dawn_civil'
  | 'sunrise'
  | 'solar_noon'
  | 'sunset'
  | 'dusk_civil'
  | 'dusk_nautical'
  | 'dusk_astronomical'

/** Of `solar()`. */
export interface SolarSpec {
  readonly kind: 'solar'
  readonly event: SolarEvent
  /** Degrees, north positive: -90 to 90. */
  readonly lat: number
  /** Degrees, east positive: -180 to 180. */
  readonly lon: number
}
