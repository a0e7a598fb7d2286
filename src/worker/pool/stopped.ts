import { errorInfo } from '../../protocol/exception.ts'
import type { ErrorInfo, Outcome, StopReason } from '../../protocol/outcome.ts'
import { TaskRevokedError, TimeLimitExceeded, WorkerLostError } from '../../std/errors.ts'

/** The outcome of a job that was ended by force. `error` says more than the reason alone does. */
export function stopped(id: string, by: StopReason, error: Error = reasonError(id, by)): Outcome {
  return { kind: 'stopped', by, terminated: true, error: withoutStack(errorInfo(error)) }
}

function reasonError(id: string, by: StopReason): Error {
  if (by === 'time limit') return new TimeLimitExceeded('the time limit is over')
  if (by === 'revoke') return new TaskRevokedError(id, 'terminated')
  if (by === 'shutdown') return new WorkerLostError('the worker shut down before the task ended')
  return new WorkerLostError('the thread or process that ran the task died')
}

/** The stack is the pool's, not the task's: it would mislead. */
function withoutStack(error: ErrorInfo): ErrorInfo {
  const { traceback: _, ...rest } = error
  return rest
}
