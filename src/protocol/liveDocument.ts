import type { QueueDocument } from './queueDocument.ts'
import type { FailureDocument, RecordedJobDocument, StatsPointDocument } from './recordedDocument.ts'
import type { WorkerDocument } from './workerDocument.ts'

/* The data of `GET /live`: what has changed since the last message of the same kind on this stream. */

/** What a stream of changes may watch; each is also the name of its messages. */
export type LiveSubject = 'jobs' | 'stats' | 'queues' | 'workers' | 'failures'

/** Jobs that have changed and fit the filter, each once, as they are now; the last that changed come first. */
export interface LiveJobsDocument {
  readonly jobs: readonly RecordedJobDocument[]
  /** How many others have changed, too: list them again to see them. */
  readonly more: number
}

/** Steps of a second whose numbers have changed: each replaces the one with the same `at`. */
export interface LiveStatsDocument {
  readonly step: '1s'
  readonly series: readonly { readonly name: string; readonly points: readonly StatsPointDocument[] }[]
}

/** The first message has all queues. A queue whose messages only grow older has not changed. */
export interface LiveQueuesDocument {
  readonly changed: readonly QueueDocument[]
  /** Names of those that are not listed any more. */
  readonly gone: readonly string[]
  /** As in the list of queues; absent where the store does not know it. */
  readonly delayed?: number
  readonly held?: number
}

/** The first message has all workers. Times that pass, and small changes of CPU and memory, are no change. */
export interface LiveWorkersDocument {
  readonly changed: readonly WorkerDocument[]
  /** Names of those that are not listed any more. */
  readonly gone: readonly string[]
}

/** Groups of failures that are new or were seen again, the last seen first. */
export interface LiveFailuresDocument {
  readonly changed: readonly FailureDocument[]
}

/** So many changes between two numbers are not in the messages: list the jobs again. */
export interface LiveResetDocument {
  readonly after: number
  readonly before: number
}

/** It cannot be read now, as while a store is down. Its next message says that it can be read again. */
export interface LiveProblemDocument {
  readonly watch: LiveSubject
  readonly detail: string
}
