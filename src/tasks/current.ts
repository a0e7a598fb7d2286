import { AsyncLocalStorage } from 'node:async_hooks'
import type { ContextValues } from '../config/requestValues.ts'
import type { FailedTask } from '../protocol/failedTask.ts'
import type { SignatureLike } from '../protocol/signature.ts'
import type { Carried, ContextSource, RequestContext } from '../request/requestContext.ts'
import { absoluteUrl, type UrlQuery } from '../request/urlFor.ts'
import type { Duration } from '../std/duration.ts'
import type { Logger } from '../std/log.ts'
import type { MessageInfo } from './messageInfo.ts'
import type { Resource } from './resource.ts'
import type { WaitForOptions } from './waitTypes.ts'

/** What a running task knows of itself, and what it can report. */
export interface TaskContext<Progress = unknown, Values = ContextValues, Chunk = unknown> extends MessageInfo {
  readonly id: string
  /** Task name. */
  readonly task: string
  /** 1 at the first run, 1 more after each retry and each run that was lost with its worker. */
  readonly attempt: number
  readonly queue: string
  /** Custom headers of the call. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly parentId: string | undefined
  readonly rootId: string
  /** In an errback: the failed task that it is called for. Undefined elsewhere, and where Celery has called it. */
  readonly failed: FailedTask | undefined
  /** Ids of the tasks that it has sent so far. */
  readonly children: readonly string[]
  /** Host name of the worker. */
  readonly hostname: string
  /** The message was held before by a worker that did not finish it. */
  readonly redelivered: boolean
  /**
   * Aborts at the soft time limit, or when the hard one abandons it (reason SoftTimeLimitExceeded), on revoke
   * (TaskRevokedError) and at shutdown.
   */
  readonly signal: AbortSignal
  /** Lines for the worker's log; with the task's option `exposeLogs` also for those who follow the job. */
  readonly log: Logger
  /** The request in which it was called, or the task that sent it was; undefined where there was none. */
  readonly request: RequestContext<Values> | undefined
  /**
   * A resource that the app provides, such as a pool of database connections: made at the first call in this process,
   * or thread of a pool, and then shared by its tasks. Rejects with what its creation threw; the next call then tries
   * again. ArgumentError for what the app does not provide.
   */
  get<Value>(resource: Resource<Value>): Promise<Value>
  /**
   * Say how far it is: state PROGRESS with this value. Values that follow within 100 ms are folded, the last one stays.
   * Awaited, it lets other work run now and then, and rejects with the signal's reason once the task is to stop: a loop
   * that awaits it can be cancelled.
   */
  progress(value: Progress): Promise<void>
  /**
   * Emit a part of the output, as a token of text or a row: an event of its own, and no state. Subscribers receive all
   * of them, in order. Awaited, it waits while the store does not keep pace, and rejects as `progress`. Throws
   * EncodeError for a value that cannot be sent or takes more than 64 KiB, ArgumentError for one that is not awaited
   * when 10,000 others, or 16 MiB, have not been stored yet.
   */
  chunk(value: Chunk): Promise<void>
  /**
   * Wait for an answer from outside, as a person's approval: `notify` is called with a token, and its holder answers
   * with `POST /v1/waits/{token}` or `app.completeWait`. The state is WAITING meanwhile, and the task keeps its slot in
   * the worker. The answer is kept: another run of this job, after a crash or a retry, gets the same for the same name.
   * Throws TimeoutError when no answer came in time, the signal's reason, ArgumentError, NotSupportedError with
   * `rpc://` results and in a direct call.
   */
  waitFor<Value = unknown>(name: string, options: WaitForOptions): Promise<Value>
  /** A state of its own, as `STEP 1`, with what goes with it. */
  updateState(state: string, meta?: unknown): Promise<void>
  /**
   * Send an event of the task's own to all who watch the cluster at the moment, as `task-progress`: its type begins
   * with `task-`, its fields are JSON. Also where the worker sends no other events; none in a direct call and with
   * `alwaysEager`. It is not stored, and may be lost. Throws ArgumentError for another type and for fields of more than
   * 64 KiB, EncodeError for fields that are no JSON.
   */
  sendEvent(type: string, fields?: Readonly<Record<string, unknown>>): void
  /** Ends this run and asks for another: throws Retry. Without `countdown` the task's backoff decides. */
  retry(options?: { countdown?: Duration | undefined; cause?: unknown }): never
  /**
   * Ends this run and asks for another after this time, without counting an attempt: throws Snooze. The state is
   * SNOOZED meanwhile, and the slot is free. As often as it likes, until the task's deadline. Throws ArgumentError for
   * what is no duration.
   */
  snooze(time: Duration): never
  /**
   * Ends this run: a workflow replaces the task. It ends with the task's id, so that the callers wait for its end, and
   * has its callbacks, its errbacks, the rest of its chain and its place in a group. The result of a group is the list
   * of its results. Throws ArgumentError for what is no workflow, EncodeError for arguments that cannot be sent; the
   * task fails if the workflow is empty, or is a chord or a group that the stores cannot join.
   */
  replace(workflow: SignatureLike): never
  /**
   * Send one member more of the header of which this task is a member: its result is in the list that the body gets,
   * after those of the others. Resolves to its id, which is derived from that of this task: if this task runs again,
   * the same member is neither counted nor sent again. Rejects with ArgumentError where this task is no member of a
   * header, its chord has ended (on Redis after 10 s: a client of Celery may open it late), or what is added is a
   * group; NotSupportedError where the stores cannot join a chord, and with `alwaysEager`; as `applyAsync` for what
   * cannot be sent.
   */
  addToChord(signature: SignatureLike): Promise<string>
  /**
   * Complete this job with a result in a transaction of yours: your rows, the result, what follows from it and the
   * acknowledgement of its message are one commit. `client` as of `app.within`; commit before the function ends, which
   * returns the same result. Once that is committed, nothing changes the end of this job, whatever the function does
   * then; after a rollback it ends as any other, and one that returns has failed. Nothing is reported and emitted after
   * it. In a direct call, with `alwaysEager` and in an app under test it only checks the result.
   *
   * Rejects with WorkerLostError where another worker may have this job: the transaction cannot be committed then; with
   * ArgumentError as `app.within`, and with `acksLate: false`; with NotSupportedError where broker and result backend
   * are not one PostgreSQL database or one SQLite file, and in batches; EncodeError.
   */
  completeWithin(client: object, result: unknown): Promise<void>
}

/** A context that keeps the ids of what its task sends. */
export interface Parent extends TaskContext {
  readonly children: string[]
  /** What it was called in. */
  readonly source: ContextSource | undefined
  /** The app's own address, where one is configured. */
  readonly baseUrl: string | undefined
  /** As `JobHost.lend`. */
  lend?(): (() => void) | undefined
}

/** What is known wherever code runs: the task that it belongs to, and the request. */
interface Frame {
  readonly parent: Parent | undefined
  readonly source: ContextSource | undefined
}

const storage = new AsyncLocalStorage<Frame>()

/** The task being run, from anywhere below it; undefined outside of one. */
export function currentTask(): TaskContext | undefined {
  return storage.getStore()?.parent
}

/**
 * The request in which this runs: that of the handler, or the one in which the task was called; undefined where there
 * is none. `app.requestContext()` is the same with the types of the app's values. Throws what makes the context wrong,
 * as values that cannot be sent.
 */
export function requestContext(): RequestContext | undefined {
  return contextHere()?.view
}

/**
 * The absolute URL of a path of this application, for links in mails. Throws ConfigError where its address is not
 * known.
 */
export function urlFor(path: string, query?: UrlQuery): string {
  return absoluteUrl(contextHere()?.view.baseUrl ?? storage.getStore()?.parent?.baseUrl, path, query)
}

/** The context that goes with what is sent from here. */
export function contextHere(): Carried | undefined {
  return storage.getStore()?.source?.carried
}

/** The same, not asked for yet. */
export function sourceHere(): ContextSource | undefined {
  return storage.getStore()?.source
}

/** Run a function in a request, in the same task. */
export function runWithin<Result>(source: ContextSource | undefined, run: () => Result): Result {
  return storage.run({ parent: storage.getStore()?.parent, source }, run)
}

/** Run a function in no task and no request: what it starts outlives both. */
export function runOutside<Result>(run: () => Result): Result {
  return storage.run({ parent: undefined, source: undefined }, run)
}

/** Id of a task that is called directly: no message, no record. */
export const DIRECT_ID = 'direct'

/** Parent and root of what is sent from here; undefined outside of a task that was itself sent. */
export function lineage(): { readonly parentId: string; readonly rootId: string } | undefined {
  const task = currentTask()
  if (task?.id !== DIRECT_ID) return task && { parentId: task.id, rootId: task.rootId }
  return task.parentId === undefined ? undefined : { parentId: task.parentId, rootId: task.rootId }
}

/** The running task in which this is called; undefined outside of one, and in a direct call, which holds no slot. */
export function slotHolder(): TaskContext | undefined {
  const task = currentTask()
  return task && lineage()?.parentId === task.id ? task : undefined
}

/** The list that keeps the ids of what is sent from here; undefined outside of a task. */
export function childrenHere(): string[] | undefined {
  return storage.getStore()?.parent?.children
}

/**
 * The task begins to wait for another one: its slot is lent until the returned function is called. Undefined outside of
 * a task, and where its slot cannot be lent.
 */
export function lendSlot(): (() => void) | undefined {
  return storage.getStore()?.parent?.lend?.()
}

/** Run a function as this task. */
export function runAs<Result>(context: Parent, run: () => Result): Result {
  return storage.run({ parent: context, source: context.source }, run)
}
