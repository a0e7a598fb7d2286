import type { CompleteChord } from '../../../backend/chords.ts'
import type { Completion } from '../../../backend/unitOfWork.ts'
import type { AbortReason, Report } from '../../../protocol/job.ts'
import type { Outcome } from '../../../protocol/outcome.ts'
import type { LineLevel } from '../../../std/log.ts'
import type { PackedJob } from './packedJob.ts'

/** What a pool's thread or process is started with. */
export interface ChildData {
  readonly pool: 'threads' | 'processes'
  /** File URL of the task module. */
  readonly module: string
  /** The worker's stores, for tasks that call others. They carry passwords: never logged. */
  readonly broker: string
  readonly backend: string
  /** Each end of a job says how much memory the child uses. */
  readonly measures: boolean
}

/** From the pool to its child. A child runs one job at a time, so that nothing needs a number. */
export type ToChild =
  | {
      readonly type: 'run'
      readonly job: PackedJob
      readonly abort: AbortReason | undefined
      /** Its emissions are stored. */
      readonly emits: boolean
      /** Jobs that run together: `job` is the first of them. */
      readonly batch?: readonly BatchedJob[] | undefined
    }
  /** This many more emissions of the job were stored, or never will be, from the first. */
  | { readonly type: 'taken'; readonly id: string; readonly count: number; readonly item?: number | undefined }
  | { readonly type: 'abort'; readonly reason: AbortReason; readonly item?: number | undefined }
  /** The answer to `complete`: the settlement, or why there is none. */
  | { readonly type: 'completion'; readonly completion: Completion | LoadFailure }
  /** Run its last hooks, dispose of the resources and close the stores; answered by `closing`, then `closed`. */
  | { readonly type: 'close' }

/** One of the jobs that run together. Messages about it have its place in their list as `item`. */
export interface BatchedJob {
  readonly job: PackedJob
  readonly abort: AbortReason | undefined
  readonly emits: boolean
}

/** From a child to its pool. */
export type FromChild =
  | { readonly type: 'ready' }
  /** The module cannot be loaded. */
  | { readonly type: 'failed'; readonly error: LoadFailure }
  | { readonly type: 'report'; readonly report: Report; readonly item?: number }
  | {
      readonly type: 'event'
      readonly event: string
      readonly fields: Readonly<Record<string, unknown>>
      readonly item?: number
    }
  | { readonly type: 'emit'; readonly emission: string | Uint8Array; readonly item?: number }
  /** It is to end with this result in a transaction of its own; answered by `completion`. */
  | { readonly type: 'complete'; readonly result: unknown; readonly children: readonly string[] }
  /** What became of that: the chords that its commit completes, or that it is not written. */
  | { readonly type: 'completed'; readonly chords: readonly CompleteChord[] }
  | { readonly type: 'incomplete'; readonly isLost: boolean }
  /** `memory`: bytes, where the pool wants to know. */
  | { readonly type: 'done'; readonly outcome: Outcome; readonly memory?: number | undefined }
  /** The same of jobs that ran together. */
  | { readonly type: 'allDone'; readonly outcomes: readonly Outcome[]; readonly memory?: number | undefined }
  | {
      readonly type: 'log'
      readonly level: LineLevel
      readonly fields: object
      readonly message: string
    }
  /** Nothing caught this error: the child ends. */
  | { readonly type: 'uncaught'; readonly error: unknown }
  /** `limit`: how long its hooks and resources may take, ms, beside its stores. */
  | { readonly type: 'closing'; readonly limit: number }
  | { readonly type: 'closed' }

/** An error as it crosses: a structured clone loses a class of ours and the code. */
export interface LoadFailure {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
}
