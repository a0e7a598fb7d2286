import type { Config } from '../config/config.ts'
import type { ErrorClass, RetryPolicy } from '../config/retryOptions.ts'
import { customHeader } from '../protocol/callHeaders.ts'
import { withinDeadline } from '../protocol/deadline.ts'
import { assertEncodable } from '../protocol/encoding.ts'
import { errorInfo } from '../protocol/exception.ts'
import type { Job } from '../protocol/job.ts'
import type { ErrorInfo, Outcome, StopReason } from '../protocol/outcome.ts'
import { type Concealed, withoutQuotes, withoutTexts } from '../protocol/repr.ts'
import { type Carried, CONTEXT_HEADER } from '../request/requestContext.ts'
import { readContext } from '../request/wire.ts'
import { ArgumentError, CallError, Ignore, Reject, Snooze, SoftTimeLimitExceeded } from '../std/errors.ts'
import { compose, type Middleware } from '../std/middleware.ts'
import { validate } from '../std/schema.ts'
import { bindCall, checkArguments, concealedOf, invoke, sensitiveIn } from './bind.ts'
import { runAs } from './current.ts'
import type { TaskDefinition } from './definition.ts'
import { JobContext, type JobHost, Replacement } from './jobContext.ts'
import type { JobServices } from './jobServices.ts'
import { causeOf, failureOf, policyOf } from './retry.ts'
import { runEndHooks } from './taskHooks.ts'
import { isOutdated, upgraded } from './version.ts'

/** What run middleware sees: a task about to run. */
export interface Run {
  readonly job: Job
  readonly args: readonly unknown[]
  /** Of the task; a layer may leave it out of what it passes on. */
  readonly definition?: TaskDefinition | undefined
  /** As of `TaskFacts`. */
  readonly concealed?: Concealed | undefined
}

type RunConfig = Pick<Config, 'resultSerializer' | 'request' | 'clock' | 'codec'>

/**
 * Run one job to its end: arguments checked, middleware around the function, the result checked, and whatever was
 * thrown turned into an outcome by the retry policy. Never rejects.
 */
export async function runJob(
  definition: TaskDefinition,
  job: Job,
  host: JobHost,
  layers: readonly Middleware<Run, unknown>[],
  { resultSerializer: serializer, request, clock, codec }: RunConfig,
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
    const current = isOutdated(job, definition.options) ? await runAs(context, () => upgradedJob(job, definition)) : job
    if (hooks?.beforeStart) await runAs(context, async () => hooks.beforeStart?.(context))
    const result = await runAs(context, () => runLayers(definition, current, context, layers, codec))
    assertEncodable(result, 'result', serializer)
    outcome = { kind: 'success', result }
  } catch (error) {
    thrown = causeOf(error)
    outcome = withinDeadline(safeOutcomeOf(error, policy, job, host), job.headers, clock.now())
    if (outcome.kind === 'failure' && isOneOf(thrown, definition.options.throws))
      outcome = { ...outcome, expected: true }
  }
  if (definition.options.sensitive) outcome = unquoted(outcome, definition, job)
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
  const header = customHeader(headers, CONTEXT_HEADER)
  if (header === undefined || header === null) return undefined
  const read = readContext(header, config)
  if ('carried' in read) return read.carried
  log.warn({ id, task, problem: read.problem }, `the header ${CONTEXT_HEADER} is ignored: it cannot be read`)
  return undefined
}

/** What the middleware and the function get: the rest of the job is as it was sent. */
async function upgradedJob(job: Job, definition: TaskDefinition): Promise<Job> {
  try {
    return { ...job, ...(await upgraded(job, definition)), message: job.message, properties: job.properties } as Job
  } catch (error) {
    throw callError(error)
  }
}

/** The same end, in whose error no sensitive argument is quoted. */
function unquoted(outcome: Outcome, definition: TaskDefinition, job: Job): Outcome {
  if (outcome.kind === 'reject')
    return { ...outcome, reason: withoutTexts(outcome.reason, sensitiveIn(job, definition)) }
  return 'error' in outcome
    ? { ...outcome, error: withoutQuotes(outcome.error, sensitiveIn(job, definition)) }
    : outcome
}

function withChildren(outcome: Outcome, { children }: JobContext): Outcome {
  return children.length === 0 ? outcome : { ...outcome, children }
}

function runLayers(
  definition: TaskDefinition,
  job: Job,
  context: JobContext,
  layers: readonly Middleware<Run, unknown>[],
  codec: RunConfig['codec'],
): unknown {
  if (layers.length === 0) return runFunction(definition, job, job.args, context)
  const core = async (run: Run): Promise<unknown> => runFunction(definition, job, run.args, context)
  const what = concealedOf({ codec }, definition)
  return compose(layers, core)({ job, args: job.args, definition, ...(what !== undefined && { concealed: what }) })
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
    return classes.some((kind) => error instanceof kind)
  } catch {
    return false
  }
}

function outcomeOf(error: unknown, policy: RetryPolicy, job: Job, host: JobHost): Outcome {
  if (error instanceof Ignore) return { kind: 'ignore' }
  if (error instanceof Replacement) return { kind: 'replace', workflow: error.workflow }
  if (error instanceof Snooze) return { kind: 'snooze', delay: error.delay }
  if (error instanceof Reject) return { kind: 'reject', requeue: error.requeue, reason: errorInfo(error).message }
  if (host.signal.aborted && host.signal.reason !== 'soft time limit') {
    const by: StopReason = host.signal.reason === 'shutdown' ? 'shutdown' : 'revoke'
    return { kind: 'stopped', by, terminated: false, error: errorInfo(error) }
  }
  return failureOf(limitError(error, host), policy, job, host.log)
}

/**
 * What takes a signal often rejects with an AbortError of its own (Node's timers, fetch): at the soft limit it stands
 * for that.
 */
function limitError(error: unknown, host: JobHost): unknown {
  const aborted = host.signal.aborted && error instanceof Error && error.name === 'AbortError'
  return aborted ? new SoftTimeLimitExceeded(undefined, { cause: error }) : error
}

/** The failure of a job whose task is not registered. */
export function notRegistered(task: string): ErrorInfo {
  return { type: 'NotRegistered', message: task, module: 'celery.exceptions' }
}
