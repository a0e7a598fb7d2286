/** For how long a task may run, ms; absent where that is decided elsewhere, 0 for any time. */
export interface TimeLimits {
  readonly timeLimit?: number | undefined
  readonly softTimeLimit?: number | undefined
}

/**
 * The limits of one run: of each, the first that is set: by the call, by the task, by the worker, by the app.
 * `changed`: those of the task since they were changed while the worker runs.
 */
export function timeLimitsOf(
  call: TimeLimits,
  task: TimeLimits,
  worker: TimeLimits,
  app: TimeLimits,
  changed?: TimeLimits,
): TimeLimits {
  if (changed) return timeLimitsOf(ownLimits(call, task), changed, worker, app)
  const timeLimit = call.timeLimit ?? task.timeLimit ?? worker.timeLimit ?? app.timeLimit
  const softTimeLimit = call.softTimeLimit ?? task.softTimeLimit ?? worker.softTimeLimit ?? app.softTimeLimit
  return { timeLimit: timeLimit || undefined, softTimeLimit: softTimeLimit || undefined }
}

/** Those of the call alone: its message has those of the task too. */
function ownLimits(call: TimeLimits, task: TimeLimits): TimeLimits {
  return {
    timeLimit: call.timeLimit === task.timeLimit ? undefined : call.timeLimit,
    softTimeLimit: call.softTimeLimit === task.softTimeLimit ? undefined : call.softTimeLimit,
  }
}
