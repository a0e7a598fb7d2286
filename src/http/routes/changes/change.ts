import type { Context } from 'hono'
import type { AnyTask } from '../../../calls/task.ts'
import { isFinal } from '../../../protocol/states.ts'
import { ArgumentError, CodecError, NotSupportedError, NotWaitingError, UnknownJobError } from '../../../std/errors.ts'
import { ADMIN_SCOPE, isAdmin } from '../../access/identity.ts'
import { findAnyJob, unknownJob } from '../../access/jobAccess.ts'
import { baseOf, type HttpScope } from '../../apiContext.ts'
import { readBody } from '../../input/body.ts'
import { givenOf, inputErrors, inputOfValue, invalidInput } from '../../input/input.ts'
import { isProblem, taskProblem } from '../../input/submit.ts'
import { respondJob } from '../../output/job.ts'
import { type Problem, respondProblem } from '../../output/problem.ts'

/** What a client may change of a job that waits. */
interface Wanted {
  readonly eta?: Date
  readonly priority?: number
  readonly queue?: string
  readonly input?: unknown
}

const NAMES: ReadonlySet<string> = new Set(['eta', 'priority', 'queue', 'input'])

/**
 * `PATCH /jobs/{id}`: change a job while it waits. 409 where a worker has it or it has ended.
 */
export async function changeJob(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const known = await findAnyJob(c, scope)
  if (!known) return respondProblem(unknownJob(c), path)
  const { id, task, state } = known
  const barred = task === undefined ? undefined : taskProblem(c, scope, task, { any: true })
  if (barred) return respondProblem(barred, path)
  const body = await readBody(c, scope.maxBody)
  if (body.kind === 'refused') return respondProblem(body.problem, path)
  const wanted = wantedOf(body.kind === 'value' ? body.value : undefined)
  if (isProblem(wanted)) return respondProblem(wanted, path)
  // Queue and priority decide over the jobs of others, too; another input, as for a retry.
  if (Object.keys(wanted).some((name) => name !== 'eta') && !isAdmin(c))
    return respondProblem({ kind: 'forbidden', detail: `input, queue and priority need ${ADMIN_SCOPE}` }, path)
  if (isFinal(state)) return respondProblem(notWaiting(new NotWaitingError(id, state)), path)
  const problem = await change(scope, id, task === undefined ? undefined : scope.app.tasks.get(task), wanted)
  if (problem) return respondProblem(problem, path)
  const job = await scope.jobs.info(id)
  return job ? respondJob(job, baseOf(path, 2), 200) : respondProblem(unknownJob(c), path)
}

async function change(
  { app }: HttpScope,
  id: string,
  task: AnyTask | undefined,
  { input: value, ...changes }: Wanted,
): Promise<Problem | undefined> {
  const read = value === undefined ? undefined : inputOfValue(task, value)
  if (read?.error) return invalidInput([read.error])
  try {
    await app.result(id).change({ ...changes, ...(read && givenOf(read.input)) })
    return undefined
  } catch (error) {
    const errors = read && inputErrors(error, read.input, task)
    if (errors) return invalidInput(errors)
    if (error instanceof NotWaitingError) return notWaiting(error)
    if (error instanceof NotSupportedError || error instanceof CodecError)
      return { kind: 'cannot-change', detail: error.message }
    if (error instanceof UnknownJobError) return { kind: 'unknown-job', detail: error.message }
    if (error instanceof ArgumentError) return invalidInput([{ pointer: '#', code: 'invalid', detail: error.message }])
    throw error
  }
}

function notWaiting({ message, state }: NotWaitingError): Problem {
  return { kind: 'job-not-waiting', detail: message, members: { state } }
}

/** The document of a change, checked. */
function wantedOf(value: unknown): Wanted | Problem {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong('#', 'expected an object')
  const unknown = Object.keys(value).find((name) => !NAMES.has(name))
  if (unknown !== undefined || Object.keys(value).length === 0)
    return wrong('#', `expected one of ${[...NAMES].join(', ')}, got ${unknown ?? 'none of them'}`)
  const { eta, priority, queue, input } = value as Record<string, unknown>
  const isMoment = typeof eta === 'string' && MOMENT.test(eta) && !Number.isNaN(Date.parse(eta))
  if (eta !== undefined && !isMoment) return wrong('#/eta', "expected a time such as '2026-11-01T10:00:00Z'")
  if (priority !== undefined && !Number.isInteger(priority)) return wrong('#/priority', 'expected a whole number')
  if (queue !== undefined && typeof queue !== 'string') return wrong('#/queue', 'expected the name of a queue')
  return {
    ...(eta !== undefined && { eta: new Date(eta as string) }),
    ...(priority !== undefined && { priority: priority as number }),
    ...(queue !== undefined && { queue }),
    ...(input !== undefined && { input }),
  }
}

/** RFC 3339. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

function wrong(pointer: string, detail: string): Problem {
  return invalidInput([{ pointer, code: 'invalid', detail }])
}
