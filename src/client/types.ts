import type { Task } from '../calls/task.ts'
import type { JobError } from '../protocol/jobDocument.ts'
import type { OnError } from '../protocol/onError.ts'
import type { SignatureLike } from '../protocol/signature.ts'

export type { AuditEntryDocument, AuditPageDocument } from '../protocol/auditDocument.ts'
export type {
  DeadLetterContentDocument,
  DeadLetterDocument,
  DeadLetterPageDocument,
  DeathDocument,
  RedrivenDocument,
} from '../protocol/deadLetterDocument.ts'
export type {
  DoctorDocument,
  DoctorStoreDocument,
  DoctorWorkerDocument,
  FindingDocument,
  JobDiagnosisDocument,
} from '../protocol/doctorDocument.ts'
export type { ForgottenJobs, RemovedParts } from '../protocol/forgottenJobs.ts'
export type { JobDocument, JobError, JobLinks, JobPageDocument } from '../protocol/jobDocument.ts'
export type { KnownTaskDocument, KnownTaskListDocument } from '../protocol/knownTaskDocument.ts'
export type { LimitDocument, LimitPage } from '../protocol/limitDocument.ts'
export type { LiveSubject } from '../protocol/liveDocument.ts'
export type { AbilitiesDocument, MeDocument } from '../protocol/meDocument.ts'
export type { OnError } from '../protocol/onError.ts'
export type {
  PurgedQueueDocument,
  QueueDocument,
  QueueListDocument,
  QueueMessageDocument,
  QueueMessagesDocument,
} from '../protocol/queueDocument.ts'
export type {
  CrontabFieldDocument,
  MissedDocument,
  NewScheduleDocument,
  OverlapDocument,
  ScheduleChangeDocument,
  ScheduleDocument,
  ScheduledRunDocument,
  ScheduleMomentsDocument,
  SchedulePage,
  WhenDocument,
} from '../protocol/scheduleDocument.ts'
export type { SignatureLike } from '../protocol/signature.ts'
export type {
  RunningTaskDocument,
  WorkerActionDocument,
  WorkerDocument,
  WorkerListDocument,
  WorkerPoolDocument,
  WorkerQueueDocument,
  WorkerStackDocument,
} from '../protocol/workerDocument.ts'
export type { WorkflowEdge, WorkflowNode, WorkflowTree } from '../protocol/workflowTree.ts'

/* What the types of tasks become on the other side of HTTP. Types alone: nothing of the server is loaded. */

// biome-ignore lint/suspicious/noExplicitAny: a task of any types but the one that is looked for.
type Any = any

/** The tasks among the exports of a module (or the members of an object), by their names on the wire. */
export type TasksOf<Module> = {
  readonly [Key in keyof Module as Module[Key] extends Task<Any, Any, Any, Any, Any, infer Name>
    ? Name
    : never]: Module[Key]
}

/** What a call takes: the one input object, or the list of arguments. */
export type InputOf<T> = T extends Task<Any, Any, Any, infer Call, Any, Any> ? Call : never

/** What a task returned, as the client gets it: bytes are bytes, nothing is null, the rest is what JSON makes of it. */
export type OutputOf<T> = T extends Task<Any, infer Result, Any, Any, Any, Any> ? Received<Result> : never

/** The result as an event carries it: JSON, so that bytes are base64. */
export type EventResultOf<T> = T extends Task<Any, infer Result, Any, Any, Any, Any> ? JsonOf<Result> : never

/** What a task reports on its way, as the client gets it. */
export type ProgressOf<T> = T extends Task<Any, Any, infer Progress, Any, Any, Any> ? JsonOf<Progress> : never

/** `Uint8Array<ArrayBuffer>`, by a name that TypeScript before 5.7 knows too. */
type Bytes = ReturnType<typeof Uint8Array.of>

/** A result as the client gets it: bytes are bytes, nothing is null. */
export type Received<Result> = unknown extends Result
  ? Result
  : Result extends Uint8Array
    ? Bytes
    : Result extends void
      ? null
      : JsonOf<Result>

/** What JSON makes of a value: dates and bytes are text; an integer that a number cannot hold is a bigint. */
export type JsonOf<Value> = unknown extends Value
  ? Value
  : Value extends string | number | boolean | null | undefined
    ? Value
    : Value extends bigint
      ? number | bigint
      : Value extends Date | Uint8Array
        ? string
        : Value extends object
          ? { [Key in keyof Value]: JsonOf<Value[Key]> }
          : never

/** What a task emits while it runs, as the client gets it. */
export type ChunkOf<T> = T extends Task<Any, Any, Any, Any, Any, Any, infer Chunk> ? JsonOf<Chunk> : never

/** A line of a task's log. */
export interface LoggedLine {
  /** Of the run that wrote it: 1 at the first, 1 more after each retry and each run that was lost with its worker. */
  readonly attempt: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** ISO 8601. */
  readonly time: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Something that happened to a job. `id` is its place in the job's life: what `lastEventId` takes. */
export type JobEvent<Result = unknown, Progress = unknown, Chunk = unknown> =
  | {
      readonly type: 'state'
      readonly id: string
      readonly state: string
      readonly attempt: number
      readonly progress?: unknown
      readonly error?: JobError
    }
  | { readonly type: 'progress'; readonly id: string; readonly data: Progress }
  /** A part of its output that it emitted. */
  | { readonly type: 'chunk'; readonly id: string; readonly attempt: number; readonly data: Chunk }
  /** A line of its log, where the task exposes them. */
  | ({ readonly type: 'log'; readonly id: string } & LoggedLine)
  | { readonly type: 'result'; readonly id: string; readonly data: Result }
  | { readonly type: 'error'; readonly id: string; readonly state: 'FAILURE' | 'REVOKED'; readonly error: JobError }
  /** Events are missing here: they were longer ago than the server keeps. */
  | { readonly type: 'reset'; readonly id: string }

/** A workflow, or the call of a task, as the document that `POST /v1/workflows` takes. Absent and null are the same. */
export interface WorkflowDocument {
  /** An exposed task, or `celery.chain`, `.group`, `.chord`, `.map`, `.starmap`, `.chunks`. */
  readonly task: string
  readonly args?: readonly unknown[] | null | undefined
  /** Of a chain and a group `tasks`, of a chord `header` and `body`. */
  readonly kwargs?: Readonly<Record<string, unknown>> | null | undefined
  readonly options?: WorkflowDocumentOptions | null | undefined
  readonly subtask_type?: string | null | undefined
  /** True: it does not take the result of the step before it. */
  readonly immutable?: boolean | null | undefined
}

/** The options that a client may set. */
export interface WorkflowDocumentOptions {
  /** s from now. */
  readonly countdown?: number | null | undefined
  /** ISO 8601. */
  readonly eta?: string | null | undefined
  /** s from now, or ISO 8601. */
  readonly expires?: number | string | null | undefined
  /** 0 to 255. */
  readonly priority?: number | null | undefined
  /** Called with the result, when it has succeeded. */
  readonly link?: SignatureLike | WorkflowDocument | readonly (SignatureLike | WorkflowDocument)[] | null | undefined
  /** Called with the id of the task, when it has failed. */
  readonly link_error?:
    | SignatureLike
    | WorkflowDocument
    | readonly (SignatureLike | WorkflowDocument)[]
    | null
    | undefined
  /** Of a chord, or of a group that something follows: what becomes of it when a member fails. */
  readonly on_error?: OnError | null | undefined
  /** `ctx.stamps` in the task; of a workflow: in all its tasks and links. At most 16. */
  readonly stamps?: Readonly<Record<string, string | number | boolean>> | null | undefined
}
