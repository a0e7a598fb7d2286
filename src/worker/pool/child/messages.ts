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
    }
  /** This many more emissions of the job were stored, or never will be, from the first. */
  | { readonly type: 'taken'; readonly id: string; readonly count: number }
  | { readonly type: 'abort'; readonly reason: AbortReason }
  /** Run its last hooks, dispose of the resources and close the stores; answered by `closing`, then `closed`. */
  | { readonly type: 'close' }

/** From a child to its pool. */
export type FromChild =
  | { readonly type: 'ready' }
  /** The module cannot be loaded. */
  | { readonly type: 'failed'; readonly error: LoadFailure }
  | { readonly type: 'report'; readonly report: Report }
  | { readonly type: 'event'; readonly event: string; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly type: 'emit'; readonly emission: string | Uint8Array }
  /** `memory`: bytes, where the pool wants to know. */
  | { readonly type: 'done'; readonly outcome: Outcome; readonly memory?: number | undefined }
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
