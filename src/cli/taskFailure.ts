import { CeleriacError, TaskError, TaskRevokedError } from '../std/errors.ts'

/** The error to end with for what waiting for a task threw: says which task, how it ended, and the error's type. */
export function taskFailure(error: unknown, task: string | undefined): unknown {
  const name = task === undefined ? 'task' : `task ${task}`
  if (error instanceof TaskError) {
    const text = error.message === '' ? error.type : `${error.type}: ${error.message}`
    return new CeleriacError('COMMAND_FAILED', `${name} failed: ${text}`, { cause: error })
  }
  if (error instanceof TaskRevokedError) {
    return new CeleriacError('COMMAND_FAILED', `${name} was revoked: ${error.message}`, { cause: error })
  }
  return error
}
