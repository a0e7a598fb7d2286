import type { Context, Hono } from 'hono'
import { inputNotKept } from '../../app/jobStore.ts'
import type { SubmissionMetadata } from '../../backend/unitOfWork.ts'
import type { JobInfo } from '../../calls/jobInfo.ts'
import type { AnyTask } from '../../calls/task.ts'
import { isFinal } from '../../protocol/states.ts'
import { CodecError } from '../../std/errors.ts'
import type { Given, Kwargs } from '../../tasks/bind.ts'
import { ADMIN_SCOPE, isAdmin } from '../access/identity.ts'
import { findAnyJob, unknownJob } from '../access/jobAccess.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import type { AnyCall } from '../fleet/anyCall.ts'
import { type Body, readBody } from '../input/body.ts'
import { acceptCall, recallCall } from '../input/idempotency.ts'
import { type Input, inputErrors, inputOf, invalidInput } from '../input/input.ts'
import { asksForOptions, callOptions, isProblem, send, taskProblem } from '../input/submit.ts'
import { respondAccepted } from '../output/acceptedJob.ts'
import { methodNotAllowed } from '../output/method.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

/**
 * `POST /jobs/{id}/retry`: submit a job that has ended once more, as a new job with the same input; an admin may give
 * another input.
 */
export function addRetryRoute(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/jobs/:id/retry`
  api.post(path, (c) => retry(c, scope))
  api.all(path, methodNotAllowed('POST'))
}

async function retry(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const job = await findAnyJob(c, scope)
  if (!job) return (await repeated(c, scope)) ?? respondProblem(unknownJob(c), path)
  const { task } = job
  if (task === undefined) {
    const detail = 'its task is not known; a workflow is submitted again by its document'
    return respondProblem({ kind: 'input-not-kept', detail }, path)
  }
  const barred = taskProblem(c, scope, task, { any: true }) ?? activeProblem(job)
  if (barred) return respondProblem(barred, path)
  const any = scope.fleet?.anyTask && asksForOptions(c.req.url) ? await anyCall(c, scope, task) : undefined
  if (isProblem(any)) return respondProblem(any, path)
  const metadata = await scope.jobs.metadata(job.id)
  const definition = scope.app.tasks.get(task)
  const body = await readBody(c, scope.maxBody, definition?.definition.options.accepts)
  if (body.kind === 'refused') return respondProblem(body.problem, path)
  const given =
    body.kind === 'none'
      ? await keptInput(scope, definition, job.id, metadata)
      : any?.isCall
        ? await callIn(body)
        : newInput(c, definition, body)
  if (isProblem(given)) return respondProblem(given, path)
  const { input, kwargs } = given
  const own = callOptions(c, scope, metadata?.tags)
  try {
    // Still its owner's, also where an admin asks.
    const options = { ...own, owner: metadata?.owner ?? own.owner, queue: job.queue, ...any?.options }
    const accepted = await acceptCall(c, scope, { route: routeOf(job.id), body: body.bytes, task }, (more) =>
      send(scope, task, definition, input, { ...options, ...more, kwargs }),
    )
    return isProblem(accepted) ? respondProblem(accepted, path) : respondAccepted(accepted, task, baseOf(path, 3))
  } catch (error) {
    const errors = inputErrors(error, input, definition)
    if (errors) return respondProblem(invalidInput(errors), path)
    throw error
  }
}

/** The options of a call that an admin gives. */
async function anyCall(c: Context, scope: HttpScope, task: string): Promise<AnyCall | Problem> {
  return (await import('../fleet/anyCall.ts')).anyCallOf(c, scope, task)
}

async function callIn(body: Exclude<Body, { kind: 'refused' }>): Promise<KeptInput | Problem> {
  return (await import('../fleet/anyCall.ts')).callInput(body)
}

/** The answer where the record of the job has expired, and a retry of it was accepted before with the same key. */
async function repeated(c: Context, scope: HttpScope): Promise<Response | undefined> {
  const { path } = c.req
  const known = await recallCall(c, scope, routeOf(c.req.param('id') ?? ''))
  if (!known) return undefined
  const barred = taskProblem(c, scope, known.task, { any: true })
  if (barred) return respondProblem(barred, path)
  const body = await readBody(c, scope.maxBody, scope.app.tasks.get(known.task)?.definition.options.accepts)
  if (body.kind === 'refused') return respondProblem(body.problem, path)
  const accepted = known.accepted(body.bytes)
  return isProblem(accepted) ? respondProblem(accepted, path) : respondAccepted(accepted, known.task, baseOf(path, 3))
}

/** What a key of a retry is remembered for. */
function routeOf(id: string): string {
  return `jobs/${id}/retry`
}

function activeProblem({ id, state }: JobInfo): Problem | undefined {
  if (isFinal(state)) return undefined
  return { kind: 'job-active', detail: `job ${id} has not ended: ${state}`, members: { state } }
}

/** The body. */
function newInput(
  c: Context,
  task: AnyTask | undefined,
  body: Exclude<Body, { kind: 'refused' }>,
): KeptInput | Problem {
  if (!isAdmin(c)) return { kind: 'forbidden', detail: `another input needs ${ADMIN_SCOPE}; send no body` }
  const { input, error } = inputOf(task, body)
  return error ? invalidInput([error]) : { input }
}

const NO_BODY = { kind: 'none', bytes: new Uint8Array() } as const

/** An input, and the keyword arguments beside a list. */
interface KeptInput {
  readonly input: Input
  readonly kwargs?: Kwargs
}

/** What the job was called with. */
async function keptInput(
  { jobs }: HttpScope,
  task: AnyTask | undefined,
  id: string,
  metadata: SubmissionMetadata | undefined,
): Promise<KeptInput | Problem> {
  try {
    const given: Given | undefined = await jobs.input(id, metadata)
    if (!given) return { kind: 'input-not-kept', detail: `${inputNotKept(id)}; an admin may send one as the body` }
    const { args, kwargs } = given
    if (args.length > 0) return { input: args, kwargs }
    return { input: Object.keys(kwargs).length > 0 ? kwargs : inputOf(task, NO_BODY).input }
  } catch (error) {
    if (error instanceof CodecError) return { kind: 'input-not-kept', detail: error.message }
    throw error
  }
}
