import { type CallRetryOptions, parseCallRetry, type RetryPolicy } from '../config/retryOptions.ts'
import { customHeader } from '../protocol/callHeaders.ts'
import { errorInfo } from '../protocol/exception.ts'
import type { Job } from '../protocol/job.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { backoffDelay } from '../std/backoff.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import {
  CallError,
  EncodeError,
  Fatal,
  Retry,
  RetryAfter,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  WorkerLostError,
} from '../std/errors.ts'
import type { Logger } from '../std/log.ts'
import type { TaskDefinition } from './definition.ts'

/** Header of our own that carries a call's retry policy, beside Celery's. */
const RETRY_HEADER = 'celeriac_retry'

/** A call's own retry policy, as a header. */
export function retryHeader(policy: RetryPolicy | undefined): Record<string, unknown> {
  if (policy === undefined) return {}
  const { max, kind, delay, maxDelay, jitter, delays } = policy
  return { [RETRY_HEADER]: { max, kind, delay, maxDelay, jitter, ...(delays && { delays }) } }
}

/** The call's own policy, which travels as a header, over the task's. */
export function policyOf(task: RetryPolicy, job: Job): RetryPolicy {
  const header = customHeader(job.headers, RETRY_HEADER)
  if (header === undefined) return task
  const { max, kind, delay, maxDelay, jitter, delays } = (header ?? {}) as Partial<RetryPolicy>
  const backoff = delays ? { backoff: delays } : { backoff: kind, delay, maxDelay }
  try {
    const options = { max, jitter, ...backoff } as CallRetryOptions
    return { ...parseCallRetry(options, `header ${RETRY_HEADER}: retry`), on: task.on, except: task.except }
  } catch (error) {
    throw new Fatal((error as Error).message, { cause: error })
  }
}

function mayRetry(error: unknown, policy: RetryPolicy, retries: number): boolean {
  if (error instanceof Retry) return retries < (policy.max || DEFAULT_MAX_RETRIES)
  if (retries >= policy.max || NEVER_RETRIED.some((kind) => error instanceof kind)) return false
  if (policy.except.some((kind) => error instanceof kind)) return false
  if (error instanceof SoftTimeLimitExceeded) return policy.on?.includes(SoftTimeLimitExceeded) ?? false
  return policy.on === undefined || policy.on.some((kind) => error instanceof kind)
}

/** Whatever the policy says: repeating does not help. */
const NEVER_RETRIED = [Fatal, CallError, EncodeError]

/** A task without a policy that asks for a retry itself may do so this often: Celery's default. */
const DEFAULT_MAX_RETRIES = 3

/** What becomes of a run that threw this: it is repeated, or has failed. */
export function failureOf(error: unknown, policy: RetryPolicy, job: Job, log: Logger): Outcome {
  const info = errorInfo(causeOf(error))
  const delay = askedDelay(error, job, log)
  const asked = error instanceof RetryAfter && delay ? { holdBack: delay } : undefined
  if (!mayRetry(error, policy, job.retries)) return { kind: 'failure', error: info, ...asked }
  return { kind: 'retry', delay: Math.round(delay ?? backoffOf(error, policy, job, log)), error: info, ...asked }
}

/**
 * A run that was ended from outside by its hard time limit, or by the death of its thread, is retried by the task's
 * policy as if it had thrown that error. Any other end stays as it is.
 */
export function retryStopped(
  definition: TaskDefinition,
  job: Job,
  outcome: Outcome & { kind: 'stopped' },
  log: Logger,
): Outcome {
  const { by, error } = outcome
  if (by !== 'time limit' && by !== 'crash') return outcome
  const thrown = by === 'crash' ? new WorkerLostError(error.message) : new TimeLimitExceeded(error.message)
  // A policy of the message that cannot be read has failed the job before: it never began.
  const policy = policyOf(definition.options.retry, job)
  if (!mayRetry(thrown, policy, job.retries)) return outcome
  return { kind: 'retry', delay: Math.round(backoffOf(thrown, policy, job, log)), error }
}

/** What a task that asked for a retry names as its error, else what it threw. Never throws, whatever that is. */
export function causeOf(error: unknown): unknown {
  try {
    return error instanceof Retry && error.cause !== undefined ? error.cause : error
  } catch {
    return error
  }
}

/** No task waits longer for its next attempt, ms: a year. */
const MAX_ASKED_DELAY_MS = 365 * 86_400_000

/** How long the task asked to wait, ms; undefined where it did not, or its backoff decides as that is no time. */
function askedDelay(error: unknown, { id, task }: Job, log: Logger): number | undefined {
  if (!(error instanceof Retry) || error.delay === undefined) return undefined
  try {
    const delay: unknown = error.delay
    return Math.min(milliseconds(delay as Duration, `task ${task}: the delay of its ${error.name}`), MAX_ASKED_DELAY_MS)
  } catch (problem) {
    log.warn({ id, task, err: problem }, 'the task asked for a wait that is none: its backoff decides')
    return undefined
  }
}

function backoffOf(error: unknown, policy: RetryPolicy, { id, task, retries }: Job, log: Logger): number {
  const { backoff } = policy
  if (!backoff) return backoffDelay(policy, retries)
  try {
    const delay = milliseconds(backoff(retries + 1, causeOf(error)), `task ${task}: retry.backoff: its result`)
    return policy.jitter === 'full' ? Math.random() * delay : delay
  } catch (problem) {
    log.error({ id, task, err: problem }, 'the function retry.backoff failed: the wait is exponential')
    return backoffDelay(policy, retries)
  }
}
