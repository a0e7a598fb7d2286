import type { Context } from 'hono'
import { isFinal, REVOKED } from '../../protocol/states.ts'
import { findJob, unknownJob } from '../access/jobAccess.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { readQuery, requireFlag } from '../input/query.ts'
import { respondJob } from '../output/job.ts'
import { respondProblem } from '../output/problem.ts'

/** `DELETE /jobs/{id}`: 200 it never runs, 202 it was asked to stop, 409 it has ended. */
export async function cancelJob(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const query = readQuery(c.req.url, { terminate: requireFlag })
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const known = await findJob(c, scope)
  if (!known) return respondProblem(unknownJob(c), path)
  const { id } = known
  const asked = await scope.app.result(id).revoke({ terminate: query.values.terminate ?? false })
  const job = (await scope.app.result(id).info()) ?? known
  if (!asked && isFinal(job.state))
    return respondProblem(
      { kind: 'job-final', detail: `job ${id} has ended: ${job.state}`, members: { state: job.state } },
      path,
    )
  return respondJob(job, baseOf(path, 2), job.state === REVOKED ? 200 : 202)
}
