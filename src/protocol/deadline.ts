import { isoOf } from '../std/clock.ts'
import { timeOf } from '../std/id.ts'
import { callFact, callHeaders, MOST } from './callHeaders.ts'
import { isoTime } from './iso.ts'
import type { TaskMessage } from './message.ts'
import type { ErrorInfo, Outcome } from './outcome.ts'

/*
 * The deadline of a task: from its first submission, over all its repeats. No run begins after it. It is a header of
 * ours; a message whose sender did not know the task's option gets it from the worker that takes it first.
 */

/** ms since the epoch; undefined where there is none. */
export function deadlineOf({ headers }: Pick<TaskMessage, 'headers'>): number | undefined {
  return callFact(headers, 'deadline')
}

/** `own`: the task's option, ms. */
export function withOwnDeadline(message: TaskMessage, own: number | undefined, now: number): TaskMessage {
  if (own === undefined || deadlineOf(message) !== undefined) return message
  const deadline = (timeOf(message.id) ?? now) + own
  return { ...message, headers: { ...message.headers, ...callHeaders({ deadline }) } }
}

/** No run may begin any more: its time is over, or its deadline. */
export function isTooLate(message: TaskMessage, now: number): boolean {
  const { expires } = message
  const deadline = deadlineOf(message)
  return (expires !== undefined && isoTime(expires) <= now) || (deadline !== undefined && deadline <= now)
}

/**
 * What becomes of a run at this moment: its next run is not made where it would begin after the deadline. Then a task
 * that was to be repeated fails with its error, whose traceback says so; one that has snoozed, or was to go back to its
 * queue, with DeadlineExceeded.
 */
export function withinDeadline(outcome: Outcome, headers: TaskMessage['headers'], now: number): Outcome {
  const delay = repeatDelay(outcome)
  if (delay === undefined) return outcome
  const deadline = deadlineOf({ headers })
  if (deadline === undefined || now + delay < deadline) return outcome
  const why = `its deadline is ${isoOf(deadline)}, and it would run again at ${isoOf(Math.min(now + delay, MOST))}`
  const { children } = outcome
  return { kind: 'failure', error: failureBy(outcome, why), ...(children && { children }) }
}

/** After this time, ms, the task runs again; undefined where it does not. */
function repeatDelay(outcome: Outcome): number | undefined {
  if (outcome.kind === 'retry' || outcome.kind === 'snooze') return outcome.delay
  return outcome.kind === 'reject' && outcome.requeue ? 0 : undefined
}

function failureBy(outcome: Outcome, why: string): ErrorInfo {
  if (outcome.kind === 'retry') return notRepeated(outcome.error, why)
  return deadlineExceeded(outcome.kind === 'reject' ? `${why} (${outcome.reason})` : why)
}

function notRepeated(error: ErrorInfo, why: string): ErrorInfo {
  return { ...error, traceback: `${error.traceback ?? `${error.type}: ${error.message}`}\nNot repeated: ${why}` }
}

function deadlineExceeded(why: string): ErrorInfo {
  return { type: 'DeadlineExceeded', message: why }
}
