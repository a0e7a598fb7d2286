/** For how long a task may run, ms; absent where that is decided elsewhere, 0 for any time. */
export interface TimeLimits {
  readonly timeLimit?: number | undefined
  readonly softTimeLimit?: number | undefined
}

/** The limits of one run: of each, the first that is set: by the call, by the task, by the worker, by the app. */
export function timeLimitsOf(call: TimeLimits, task: TimeLimits, worker: TimeLimits, app: TimeLimits): TimeLimits {
  const timeLimit = call.timeLimit ?? task.timeLimit ?? worker.timeLimit ?? app.timeLimit
  const softTimeLimit = call.softTimeLimit ?? task.softTimeLimit ?? worker.softTimeLimit ?? app.softTimeLimit
  return { timeLimit: timeLimit || undefined, softTimeLimit: softTimeLimit || undefined }
}
