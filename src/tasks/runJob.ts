import type { Config } from '../config/config.ts'
import { type ErrorClass, parseRetry, type RetryOptions, type RetryPolicy } from '../config/retryOptions.ts'
import { assertEncodable } from '../protocol/encoding.ts'
import { errorInfo } from '../protocol/exception.ts'
import type { Job } from '../protocol/job.ts'
import type { ErrorInfo, Outcome, StopReason } from '../protocol/outcome.ts'
import { type Carried, CONTEXT_HEADER } from '../request/requestContext.ts'
import { readContext } from '../request/wire.ts'
import { backoffDelay } from '../std/backoff.ts'
import {
  ArgumentError,
  CallError,
  EncodeError,
  Fatal,
  Ignore,
  Reject,
  Retry,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  WorkerLostError,
} from '../std/errors.ts'
import { validate } from '../std/schema.ts'
import { bindCall, checkArguments, invoke } from './bind.ts'
import { runAs } from './current.ts'
import type { TaskDefinition } from './definition.ts'
import { JobContext, type JobHost } from './jobContext.ts'
import type { JobServices } from './jobServices.ts'
import { compose, type Middleware } from './middleware.ts'
import { Replacement } from './replacement.ts'
import { runEndHooks } from './taskHooks.ts'

/** What run middleware sees: a task about to run. */
export interface Run {
  readonly job: Job
  readonly args: readonly unknown[]
}

/** Header of our own that carries a call's retry policy, beside Celery's. */
export const RETRY_HEADER = 'celeriac_retry'

/**
 * Run one job to its end: arguments checked, middleware around the function, the result checked, and whatever was
 * thrown turned into an outcome by the retry policy. Never rejects.
 */
export async function runJob(
  definition: TaskDefinition,
  job: Job,
  host: JobHost,
  layers: readonly Middleware<Run, unknown>[],
  { resultSerializer: serializer, request, clock }: Pick<Config, 'resultSerializer' | 'request' | 'clock'>,
  services: JobServices,
): Promise<Outcome> {
  const carried = requestOf(job, request, host.log)
  const source = carried && { carried }
  const { baseUrl } = request
  const { resources } = services
  const context = new JobContext(job, definition, host, { serializer, clock, source, baseUrl, resources, services })
  const { hooks } = definition
  let policy = definition.options.retry
  let outcome: Outcome
  let thrown: unknown
  try {
    policy = policyOf(policy, job)
    if (hooks?.beforeStart) await runAs(context, async () => hooks.beforeStart?.(context))
    const result = await runAs(context, () => runLayers(definition, job, context, layers))
    assertEncodable(result, 'result', serializer)
    outcome = { kind: 'success', result }
  } catch (error) {
    outcome = safeOutcomeOf(error, policy, job, host)
    if (outcome.kind === 'failure' && isOneOf(error, definition.options.throws))
      outcome = { ...outcome, expected: true }
    thrown = error
  }
  if (hooks) await runAs(context, () => runEndHooks(hooks, outcome, thrown, context))
  context.end()
  return withChildren(outcome, context)
}

/**
 * The request that a job was called in. A context that cannot be read is logged and skipped: it is no reason to lose
 * the job.
 */
export function requestOf(
  { id, task, headers }: Pick<Job, 'id' | 'task' | 'headers'>,
  config: Config['request'],
  log: JobHost['log'],
): Carried | undefined {
  const header = headers[CONTEXT_HEADER]
  if (header === undefined || header === null) return undefined
  const read = readContext(header, config)
  if ('carried' in read) return read.carried
  log.warn({ id, task, problem: read.problem }, `the header ${CONTEXT_HEADER} is ignored: it cannot be read`)
  return undefined
}

function withChildren(outcome: Outcome, { children }: JobContext): Outcome {
  return children.length === 0 ? outcome : { ...outcome, children }
}

function runLayers(
  definition: TaskDefinition,
  job: Job,
  context: JobContext,
  layers: readonly Middleware<Run, unknown>[],
): unknown {
  if (layers.length === 0) return runFunction(definition, job, job.args, context)
  const core = async (run: Run): Promise<unknown> => runFunction(definition, job, run.args, context)
  return compose(layers, core)({ job, args: job.args })
}

/** The function between its schemas. A promise only where something in it is one: this is run for every task. */
function runFunction(definition: TaskDefinition, job: Job, args: readonly unknown[], context: JobContext): unknown {
  const bound = boundArgs(definition, args, job.kwargs)
  if (!definition.input && !definition.output && !definition.params) return invoke(definition, bound, context)
  return runChecked(definition, bound, context)
}

async function runChecked(
  definition: TaskDefinition,
  bound: readonly unknown[],
  context: JobContext,
): Promise<unknown> {
  const { output, name } = definition
  const result = await invoke(definition, await checkedArgs(definition, bound), context)
  return output ? validate(output, result, `task ${name}: result`) : result
}

function boundArgs(definition: TaskDefinition, args: readonly unknown[], kwargs: Job['kwargs']): readonly unknown[] {
  try {
    return bindCall(definition, { args, kwargs })
  } catch (error) {
    throw callError(error)
  }
}

async function checkedArgs(definition: TaskDefinition, bound: readonly unknown[]): Promise<readonly unknown[]> {
  try {
    return await checkArguments(definition, bound)
  } catch (error) {
    throw callError(error)
  }
}

/** Wrong arguments do not get better by repeating. What else a schema throws may. */
function callError(error: unknown): unknown {
  return error instanceof ArgumentError ? new CallError(error.message, { cause: error }) : error
}

/** Anything may be thrown, also what throws when it is looked at. */
function safeOutcomeOf(error: unknown, policy: RetryPolicy, job: Job, host: JobHost): Outcome {
  try {
    return outcomeOf(error, policy, job, host)
  } catch {
    // Its class cannot even be asked for, so no policy applies.
    return { kind: 'failure', error: errorInfo(error) }
  }
}

/** Anything may be thrown, also what throws when it is looked at. */
function isOneOf(error: unknown, classes: readonly ErrorClass[]): boolean {
  if (classes.length === 0) return false
  try {
    const reason = error instanceof Retry && error.cause !== undefined ? error.cause : error
    return classes.some((kind) => reason instanceof kind)
  } catch {
    return false
  }
}

function outcomeOf(error: unknown, policy: RetryPolicy, job: Job, host: JobHost): Outcome {
  if (error instanceof Ignore) return { kind: 'ignore' }
  if (error instanceof Replacement) return { kind: 'replace', workflow: error.workflow }
  if (error instanceof Reject) return { kind: 'reject', requeue: error.requeue, reason: error.message }
  if (host.signal.aborted && host.signal.reason !== 'soft time limit') {
    const by: StopReason = host.signal.reason === 'shutdown' ? 'shutdown' : 'revoke'
    return { kind: 'stopped', by, terminated: false, error: errorInfo(error) }
  }
  const reason = limitError(error, host)
  const info = errorInfo(reason instanceof Retry && reason.cause !== undefined ? reason.cause : reason)
  if (!mayRetry(reason, policy, job.retries)) return { kind: 'failure', error: info }
  return { kind: 'retry', delay: retryDelay(reason, policy, job.retries), error: info }
}

/**
 * A run that was ended from outside by its hard time limit, or by the death of its thread, is retried by the task's
 * policy as if it had thrown that error. Any other end stays as it is.
 */
export function retryStopped(definition: TaskDefinition, job: Job, outcome: Outcome & { kind: 'stopped' }): Outcome {
  const { by, error } = outcome
  if (by !== 'time limit' && by !== 'crash') return outcome
  const thrown = by === 'crash' ? new WorkerLostError(error.message) : new TimeLimitExceeded(error.message)
  // A policy of the message that cannot be read has failed the job before: it never began.
  const policy = policyOf(definition.options.retry, job)
  if (!mayRetry(thrown, policy, job.retries)) return outcome
  return { kind: 'retry', delay: retryDelay(thrown, policy, job.retries), error }
}

/**
 * What takes a signal often rejects with an AbortError of its own (Node's timers, fetch): at the soft limit it stands
 * for that.
 */
function limitError(error: unknown, host: JobHost): unknown {
  const aborted = host.signal.aborted && error instanceof Error && error.name === 'AbortError'
  return aborted ? new SoftTimeLimitExceeded(undefined, { cause: error }) : error
}

/** The call's own policy, which travels as a header, over the task's. */
function policyOf(task: RetryPolicy, job: Job): RetryPolicy {
  const header = job.headers[RETRY_HEADER]
  if (header === undefined) return task
  const { max, kind, delay, maxDelay, jitter } = (header ?? {}) as Partial<RetryPolicy>
  try {
    const options = { max, backoff: kind, delay, maxDelay, jitter } as RetryOptions
    return { ...parseRetry(options, `header ${RETRY_HEADER}: retry`), on: task.on, except: task.except }
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

function retryDelay(error: unknown, policy: RetryPolicy, retries: number): number {
  const asked = error instanceof Retry ? error.delay : undefined
  const delay = asked !== undefined && asked >= 0 ? asked : backoffDelay(policy, retries)
  return Math.round(delay)
}

/** The failure of a job whose task is not registered. */
export function notRegistered(task: string): ErrorInfo {
  return { type: 'NotRegistered', message: task, module: 'celery.exceptions' }
}
