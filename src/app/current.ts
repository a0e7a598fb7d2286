import { AsyncLocalStorage } from 'node:async_hooks'
import type { Duration } from '../std/duration.ts'
import type { Logger } from '../std/log.ts'

/** What a running task knows of itself, and how it speaks. */
export interface TaskContext<Progress = unknown> {
  readonly id: string
  /** Task name. */
  readonly task: string
  /** 1 at the first run, then 1 more after each retry. */
  readonly attempt: number
  readonly queue: string
  /** Custom headers of the call. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly parentId: string | undefined
  readonly rootId: string
  /** Host name of the worker. */
  readonly hostname: string
  /** The message was held before by a worker that did not finish it. */
  readonly redelivered: boolean
  /** Aborts at the soft time limit, or when the hard one abandons it (reason SoftTimeLimitExceeded), on revoke (TaskRevokedError) and at shutdown. */
  readonly signal: AbortSignal
  readonly log: Logger
  /**
   * Say how far it is: state PROGRESS with this value. Values that follow within 100 ms are folded, the last one stays.
   * Awaited, it lets other work run now and then, and rejects with the signal's reason once the task is to stop: a loop that awaits it can be cancelled.
   */
  progress(value: Progress): Promise<void>
  /** A state of its own, as `STEP 1`, with what goes with it. */
  updateState(state: string, meta?: unknown): Promise<void>
  /** Ends this run and asks for another: throws Retry. Without `countdown` the task's backoff decides. */
  retry(options?: { countdown?: Duration; cause?: unknown }): never
}

/** A context that keeps the ids of what its task sends. */
export interface Parent extends TaskContext {
  readonly children: string[]
}

const storage = new AsyncLocalStorage<Parent>()

/** The task being run, from anywhere below it; undefined outside of one. */
export function currentTask(): TaskContext | undefined {
  return storage.getStore()
}

/** Id of a task that is called directly: no message, no record. */
export const DIRECT = 'direct'

/** Parent and root of what is sent from here; undefined outside of a task that was itself sent. */
export function lineage(): { readonly parentId: string; readonly rootId: string } | undefined {
  const task = currentTask()
  if (task?.id !== DIRECT) return task && { parentId: task.id, rootId: task.rootId }
  return task.parentId === undefined ? undefined : { parentId: task.parentId, rootId: task.rootId }
}

/** The list that keeps the ids of what is sent from here; undefined outside of a task. */
export function childrenHere(): string[] | undefined {
  return storage.getStore()?.children
}

/** Run a function as this task. */
export function runAs<Result>(context: Parent, run: () => Result): Result {
  return storage.run(context, run)
}
