import type { Context, Hono } from 'hono'
import type { WaitOutcome } from '../../calls/wait.ts'
import { NotSupportedError } from '../../std/errors.ts'
import type { HttpScope } from '../apiContext.ts'
import { readBody } from '../input/body.ts'
import { inputErrors, invalidInput } from '../input/input.ts'
import { methodNotAllowed } from '../output/method.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

/**
 * `POST /waits/{token}`: answer a task that waits. The token is the right to do so: the owner of the job does not
 * matter.
 */
export function addWaitRoute(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/waits/:token`
  api.post(path, (c) => complete(c, scope))
  api.all(path, methodNotAllowed('POST'))
}

async function complete(c: Context, { app, maxBody }: HttpScope): Promise<Response> {
  const { path } = c.req
  const body = await readBody(c, maxBody)
  if (body.kind === 'refused') return respondProblem(body.problem, path)
  const value = body.kind === 'value' ? body.value : null
  try {
    const outcome = await app.completeWait(c.req.param('token') ?? '', value)
    return outcome === 'completed' ? new Response(null, { status: 204 }) : respondProblem(REFUSALS[outcome], path)
  } catch (error) {
    const errors = inputErrors(error, [])
    if (errors) return respondProblem(invalidInput(errors), path)
    if (!(error instanceof NotSupportedError)) throw error
    return respondProblem({ kind: 'cannot-remember', detail: error.message }, path)
  }
}

const REFUSALS: Readonly<Record<Exclude<WaitOutcome, 'completed'>, Problem>> = {
  'already-completed': { kind: 'wait-completed', detail: 'another answer came before, and that one counts' },
  over: { kind: 'wait-over', detail: 'the task does not wait for it any more: the time is over, or the job has ended' },
  unknown: { kind: 'unknown-wait', detail: 'no task issued this token, or it has expired' },
}
