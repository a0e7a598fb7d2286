import type { Config } from '../config/config.ts'
import { rejectedError } from '../protocol/exception.ts'
import type { Job } from '../protocol/job.ts'
import type { ErrorInfo, Outcome } from '../protocol/outcome.ts'
import { FAILURE, REVOKED, SUCCESS } from '../protocol/states.ts'
import type { RequestContext } from '../request/requestContext.ts'
import { asError } from '../std/thrown.ts'
import { runWithin } from '../tasks/current.ts'
import { requestOf } from '../tasks/runJob.ts'
import type { TaskFacts } from './signals.ts'

/** How a task ended, for good: not a retry, not a return to the queue. */
export interface TaskEnd extends TaskFacts {
  /** `IGNORED`: the task asked for that, and set its state itself. */
  readonly state: 'SUCCESS' | 'FAILURE' | 'REVOKED' | 'IGNORED'
  /** After SUCCESS. */
  readonly result: unknown
  /** After FAILURE and REVOKED. */
  readonly error: ErrorInfo | undefined
  /** ms of the last run; 0 where it never ran. */
  readonly runtime: number
  /** The request in which it was called. */
  readonly request: RequestContext | undefined
}

/** Runs when a task has ended. */
export type AfterTask = (end: TaskEnd) => unknown

/** What is known of a task that has ended. */
export interface Ended {
  readonly facts: TaskFacts
  readonly headers: Job['headers']
  readonly outcome: Outcome
  readonly runtime: number
}

/**
 * Run the hooks beside each other, within the task's request but in no task. Resolves when all have ended, and never
 * rejects: an error of a hook is logged, since the task's end is stored already.
 */
export async function runAfterTask(hooks: ReadonlySet<AfterTask>, ended: Ended, config: Config): Promise<void> {
  const told = endOf(ended.outcome)
  if (!told) return
  const { facts, headers, runtime } = ended
  const carried = requestOf({ ...facts, headers }, config.request, config.logger)
  const end: TaskEnd = Object.freeze({ ...facts, ...told, runtime, request: carried?.view })
  await runWithin(carried && { carried }, () => Promise.all([...hooks].map((hook) => runHook(hook, end, config))))
}

async function runHook(hook: AfterTask, end: TaskEnd, { logger }: Config): Promise<void> {
  try {
    await hook(end)
  } catch (error) {
    logger.error({ err: asError(error), id: end.id, task: end.task }, 'an afterTask hook threw')
  }
}

/** Undefined where it will run again. */
function endOf(outcome: Outcome): Pick<TaskEnd, 'state' | 'result' | 'error'> | undefined {
  switch (outcome.kind) {
    case 'success':
      return { state: SUCCESS, result: outcome.result, error: undefined }
    case 'failure':
      return { state: FAILURE, result: undefined, error: outcome.error }
    case 'reject':
      if (outcome.requeue) return undefined
      return { state: FAILURE, result: undefined, error: rejectedError(outcome.reason) }
    case 'stopped':
      if (outcome.by === 'shutdown') return undefined
      return { state: outcome.by === 'revoke' ? REVOKED : FAILURE, result: undefined, error: outcome.error }
    case 'ignore':
      return { state: 'IGNORED', result: undefined, error: undefined }
    case 'retry':
    case 'snooze':
    case 'replace':
      return undefined
  }
}
