/** A worker of a fleet, ours or Celery's, as the HTTP API shows it. What a worker does not answer is absent. */
export interface WorkerDocument {
  /** Its host name, as `celeriac@web-1`. */
  readonly name: string
  /** False: it did not answer in time, but its events were recorded within the last hour. */
  readonly answers: boolean
  /** When its last event came, ISO 8601. Absent: no recorder runs, or it sends no events. */
  readonly seenAt?: string
  /** `celeriac`; of Celery's `py-celery`, and absent where no recorder runs. */
  readonly software?: string
  readonly version?: string
  /** Version of Node. */
  readonly node?: string
  /** It takes tasks; if not, `reason` says why, and `quiet` that a command did it. */
  readonly ready?: boolean
  readonly quiet?: boolean
  readonly reason?: string
  readonly pid?: number
  /** Seconds. */
  readonly uptime?: number
  readonly pool?: WorkerPoolDocument
  readonly autoscale?: { readonly min: number; readonly max: number }
  /** Messages that it takes ahead at most; 0: any number. */
  readonly prefetch?: number
  readonly queues?: readonly WorkerQueueDocument[]
  /** What it runs now. */
  readonly running?: readonly RunningTaskDocument[]
  /** Messages that it has taken, and that do not run yet. */
  readonly reserved?: number
  /** Runs that have begun since it started, of all tasks and by task. */
  readonly processed?: number
  readonly tasks?: Readonly<Record<string, number>>
  /** Of its main process since it started, seconds; and since the last look, 1: one core. */
  readonly cpuSeconds?: number
  readonly cpu?: number
  /** Memory of its main process now, and at most since it started, bytes. */
  readonly rss?: number
  readonly maxRss?: number
  /** How busy the event loop of its main thread was since the last look, 0 to 1. */
  readonly loop?: number
}

/** Where a worker runs tasks. */
export interface WorkerPoolDocument {
  /** As the worker names it: `celeriac:threads`, `celery.concurrency.prefork:TaskPool`; some of Celery's do not. */
  readonly kind?: string
  /** Tasks that may run at once. */
  readonly size?: number
  readonly pids?: readonly number[]
}

/** A queue that a worker takes from. */
export interface WorkerQueueDocument {
  readonly name: string
  /** Nothing is taken from it until it is resumed. */
  readonly paused?: true
}

/** A task that a worker runs. */
export interface RunningTaskDocument {
  readonly id: string
  readonly task: string
  /** Texts of the arguments; `…` where a codec covers them. */
  readonly args?: string
  readonly kwargs?: string
  /** ISO 8601. */
  readonly startedAt?: string
  /** Seconds. */
  readonly age?: number
  readonly queue?: string
  readonly pid?: number
}

/** The workers that answered, and those whose events were recorded within the last hour. */
export interface WorkerListDocument {
  readonly workers: readonly WorkerDocument[]
}

/** What a worker answered to a command. */
export interface WorkerActionDocument {
  readonly worker: string
  /** In its own words. */
  readonly ok: string
}

/** What a slot executes now. */
export interface WorkerStackDocument {
  readonly id: string
  readonly task: string
  /** Seconds. */
  readonly age?: number
  readonly pool: string
  /** Number of its thread or process in the worker, from 1; absent in the worker's own thread. */
  readonly slot?: number
  readonly pid: number
  /** Innermost call first, as `encode (/srv/tasks.ts:12:5)`; absent while it waits, and in the worker's own thread. */
  readonly stack?: readonly string[]
}
