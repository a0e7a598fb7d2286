/*
 * What workers answer (celery-wire §5.3), Celery's and ours. Times are in seconds.
 */

/** What one worker answered, by its host name: `{ ok: … }` or `{ error: … }`, as Celery words it. */
export type ControlReply<Value = unknown> = Readonly<Record<string, Value>>

/** A command that was refused, or that the worker does not know. */
export interface CommandError {
  readonly error: string
}

/** A command that was obeyed, in Celery's words. */
export interface CommandDone {
  readonly ok: string
}

/** The answer to a command. */
export type CommandAnswer = CommandDone | CommandError

/** The answers of all workers that replied, by host name. */
export type Answers<Value> = Readonly<Record<string, Value | CommandError>>

/** A task that a worker holds. */
export interface TaskInfo {
  readonly id: string
  readonly name: string
  /** With `safe`, and where it is very long: text. */
  readonly args: readonly unknown[] | string
  readonly kwargs: Readonly<Record<string, unknown>> | string
  readonly type: string
  readonly hostname: string
  /** Since the epoch; null before it runs. */
  readonly time_start: number | null
  readonly acknowledged: boolean
  readonly delivery_info: {
    readonly exchange: string
    readonly routing_key: string
    readonly priority: number | null
    readonly redelivered: boolean | null
  }
  readonly worker_pid: number | null
}

/** A task that a worker of Celery holds until its time. */
export interface ScheduledTask {
  /** ISO 8601 */
  readonly eta: string | null
  readonly priority: number
  readonly request: TaskInfo
}

/** A queue that a worker takes from; there is more in it, as kombu describes a queue. */
export interface ActiveQueue {
  readonly name: string
  readonly exchange: Readonly<Record<string, unknown>>
  readonly routing_key: string
  /** Of one of our workers: nothing is taken from it until it is resumed. */
  readonly paused?: true
  readonly [fact: string]: unknown
}

/** What a worker did, and with what; there is more in it. */
export interface WorkerStats {
  /** Runs that have begun, by the name of the task. */
  readonly total: Readonly<Record<string, number>>
  readonly pid: number
  readonly clock: string
  readonly uptime: number
  readonly pool: Readonly<Record<string, unknown>>
  readonly broker: Readonly<Record<string, unknown>>
  readonly prefetch_count: number
  /** Of one of our workers: those of its queues that are paused, where some are. */
  readonly paused_queues?: readonly string[]
  /** `N/A` on systems without it. */
  readonly rusage: Readonly<Record<string, number>> | string
  readonly [fact: string]: unknown
}

/** A limit of all workers, as one of ours reads it in the store. */
export interface LimitInfo {
  /** As `task:mail.send`, `queue:slow`, `github`. */
  readonly rule: string
  /** Empty: it has no keys. */
  readonly key: string
  /** How much is held, of how much; null: any number. */
  readonly held: number
  readonly concurrency: number | null
  /** As `100/m`; null: any. */
  readonly rate: string | null
  readonly burst: number | null
  /** Messages that wait and need it, as far as they are counted. */
  readonly waiting: number
  readonly paused: boolean
  /** Nothing begins until then, since the epoch. */
  readonly until: number | null
  readonly breaker: 'closed' | 'open' | 'half-open' | null
}

/** What was given up, as one of our workers reads it in the store. */
export interface DeadLettersInfo {
  /** How many, by queue. */
  readonly count: Readonly<Record<string, number>>
  readonly letters: readonly {
    readonly id: string
    readonly name: string | null
    readonly queue: string
    readonly reason: string
    readonly error: string
    /** When, since the epoch. */
    readonly died: number
    readonly hostname: string
    readonly retries: number | null
  }[]
}

/** What was sent again. */
export interface RedriveAnswer extends CommandDone {
  readonly ids: readonly string[]
  /** No dead letter any more: another worker may have sent it. */
  readonly gone: readonly string[]
  /** Not sent, as their jobs have succeeded. */
  readonly succeeded: readonly string[]
}

/** One of our workers. */
export interface WorkerAbout {
  readonly software: string
  readonly version: string
  readonly node: string
  /** Its clock, since the epoch. */
  readonly time: number
  /** It takes tasks; if not, `reason` says why, and `quiet` that a command did it. */
  readonly ready: boolean
  readonly quiet: boolean
  readonly reason: string | null
  /** Memory of its main process, bytes. */
  readonly rss?: number
  /** How busy the event loop of its main thread was since the last look, 0 to 1. */
  readonly loop?: number
}

/** What one of our workers executes now. */
export interface RunningTask {
  readonly id: string
  readonly name: string
  readonly time_start: number | null
  readonly runtime: number | null
  readonly pool: string
  /** Number of its thread or process in the worker, from 1; null in the worker's own thread. */
  readonly slot: number | null
  readonly worker_pid: number
  /** Innermost call first, as `encode (/srv/tasks.ts:12:5)`; null while it waits, and in the worker's own thread. */
  readonly stack: readonly string[] | null
}

/** A CPU profile that a worker has taken. */
export interface WrittenProfile extends CommandDone {
  /** On the worker's machine; empty with `content`. */
  readonly path: string
  /** With `content`: JSON text, as a file `.cpuprofile` has it. */
  readonly profile?: string
  readonly slot: number | null
  readonly pid: number
}
