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
 * that was to be repeated fails with its error, whose traceback says so; one that has snoozed with DeadlineExceeded.
 */
export function withinDeadline(outcome: Outcome, headers: TaskMessage['headers'], now: number): Outcome {
  if (outcome.kind !== 'retry' && outcome.kind !== 'snooze') return outcome
  const deadline = deadlineOf({ headers })
  if (deadline === undefined || now + outcome.delay < deadline) return outcome
  const why = `its deadline is ${isoOf(deadline)}, and it would run again at ${isoOf(Math.min(now + outcome.delay, MOST))}`
  const { children } = outcome
  const error = outcome.kind === 'retry' ? notRepeated(outcome.error, why) : deadlineExceeded(why)
  return { kind: 'failure', error, ...(children && { children }) }
}

function notRepeated(error: ErrorInfo, why: string): ErrorInfo {
  return { ...error, traceback: `${error.traceback ?? `${error.type}: ${error.message}`}\nNot repeated: ${why}` }
}

function deadlineExceeded(why: string): ErrorInfo {
  return { type: 'DeadlineExceeded', message: why }
}
