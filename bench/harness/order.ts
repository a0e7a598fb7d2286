import type { WorkflowKind } from './workflows.ts'

/** What a child process is asked to do; the same for every side. It answers with messages, in the order that is given here. */
export type Order = (Version | Fill | Enqueue | Drain | Work | Idle | Ask | Flow) & Place

export interface Place {
  /** The broker, as in `redis://127.0.0.1:6379/0` or `sqlite:/tmp/store.db`. */
  readonly url: string
  /** Where results go: the same, or `rpc://`. */
  readonly backend: string
  /** The folder of the celeriac that is measured. */
  readonly root: string
  /** Where npm has installed the peer; '' for none. */
  readonly folder: string
}

/** Answers what is measured, in words. */
export interface Version {
  readonly role: 'version'
}

/** Have tasks 0 to `tasks` - 1 wait, by the fastest way there is. Answers `filled`. */
export interface Fill {
  readonly role: 'fill'
  readonly tasks: number
}

/**
 * Call as often as possible, `inFlight` calls unanswered at a time, until the time is over. With `bulk` one call after the
 * other, each with so many tasks. Answers `begin`, Cost, Cost, Ended.
 */
export interface Enqueue extends Phases {
  readonly role: 'enqueue'
  readonly inFlight: number
  readonly bulk?: number
}

/** Work off `tasks` tasks, all of them. The ledger is written at the end. Answers `begin`, Cost, Cost, Ended. */
export interface Drain extends Phases {
  readonly role: 'drain'
  readonly tasks: number
  readonly ledger: string
}

/** Work until the parent disconnects. The ledger, for `tasks` tasks, is written at the end. Answers `ready`. */
export interface Work {
  readonly role: 'work'
  readonly tasks: number
  readonly ledger: string
  /** Tasks at the same time, where the side lets it choose; default CONCURRENCY. */
  readonly concurrency?: number
  /** Where to write, at the end, when each task has started: ms since the epoch by number, as JSON. */
  readonly starts?: string
}

/** A worker without work: `settle` seconds, then the measured `window` seconds. Answers `begin`, Ended. */
export interface Idle {
  readonly role: 'idle'
  readonly settle: number
  readonly window: number
}

/**
 * Call, await the result, pause (ms), for `window` seconds, after `warmup` calls without pause. With `starts` no result is
 * awaited, and every call is followed by the pause. Answers Asked.
 */
export interface Ask {
  readonly role: 'ask'
  readonly starts?: boolean
  readonly warmup: number
  readonly window: number
  readonly pause: number
}

/**
 * Send workflows of `size` members or steps, and await the end of each before the next: `warmup` of them, then more for
 * `window` seconds, at least one. Their tasks are numbered from `first` on. Answers `begin` after the warm-up, Flowed.
 */
export interface Flow {
  readonly role: 'flow'
  readonly kind: WorkflowKind
  readonly size: number
  readonly first: number
  readonly warmup: number
  readonly window: number
}

/**
 * The first `cold` tasks of a process are measured apart, as its code is cold; their time is half of the window at most. The window
 * of the warm tasks is from there, until it is over or all tasks are done.
 */
export interface Phases {
  readonly cold: number
  /** s. */
  readonly window: number
}

/** How much of something there was, how long it took, and the processor time of the process in all, its threads included. */
export interface Cost {
  readonly tasks: number
  readonly seconds: number
  readonly cpuMicroseconds: number
}

/** A sample of a worker's memory: tasks done so far, resident bytes. */
export type RssSample = readonly [done: number, bytes: number]

export interface Ended {
  /** Of the whole life of the process. */
  readonly tasks: number
  /** Statements of SQLite: of an idle worker those of the window. Absent: not counted by the process. */
  readonly operations?: number
  readonly rss?: readonly RssSample[]
}

export interface Asked extends Cost {
  /** ms, sorted; without those of the warm-up. */
  readonly roundTrips: readonly number[]
  /** Calls, those of the warm-up included: tasks 0 to `calls` - 1. */
  readonly calls: number
  /** When each call began, ms since the epoch, those of the warm-up included. Absent: not measured. */
  readonly sent?: readonly number[]
}

/** `tasks` are those of the measured workflows. */
export interface Flowed extends Cost {
  /** From the call until all is sent, and until its end, ms, sorted; without those of the warm-up. */
  readonly sent: readonly number[]
  readonly ended: readonly number[]
  /** Workflows, those of the warm-up included. */
  readonly workflows: number
}

/** Tasks that a worker runs at the same time, where the side lets it choose. */
export const CONCURRENCY = 100
