/** What a child process is asked to do; the same for every side. It says what it measured, or `ready`. */
export type Order = Enqueue | Fill | Drain | Work | Ask | Version

interface Common {
  /** The broker, as in `redis://127.0.0.1:6379/0`. */
  readonly url: string
  /** Where results go. Absent: to the same server. */
  readonly backend?: string
  /** Where npm has installed what is measured beside ours. */
  readonly folder: string
}

/** Call `tasks` times, one process, `inFlight` calls unanswered at a time. Answers Cost. */
export interface Enqueue extends Common {
  readonly role: 'enqueue'
  readonly tasks: number
  readonly inFlight: number
}

/** Have `tasks` tasks wait, by the fastest way there is. */
export interface Fill extends Common {
  readonly role: 'fill'
  readonly tasks: number
}

/** Work off `warmup` tasks, then, with the clock running, `tasks` more. Answers Cost. */
export interface Drain extends Common {
  readonly role: 'drain'
  readonly tasks: number
  readonly warmup: number
}

/** Work until the parent lets go. Answers `ready`. */
export interface Work extends Common {
  readonly role: 'worker'
}

/** Call, await the result, pause (ms); `tasks` times, after `warmup` times without pause. Answers the round trips, sorted, ms. */
export interface Ask extends Common {
  readonly role: 'ask'
  readonly warmup: number
  readonly tasks: number
  readonly pause: number
}

/** Answers what is measured, in words. */
export interface Version extends Common {
  readonly role: 'version'
}

export const CONCURRENCY = 100
