import type { Context } from 'hono'
import type { GroupResult } from '../../calls/groupResult.ts'
import type { JobInfo } from '../../calls/jobInfo.ts'
import { isFinal, REVOKED } from '../../protocol/states.ts'
import { findJob, unknownJob } from '../access/jobAccess.ts'
import { findGroup } from '../access/workflowJobs.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { readQuery, requireFlag } from '../input/query.ts'
import { respondJob } from '../output/job.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

/** `DELETE /jobs/{id}`: 200 it never runs, 202 it was asked to stop, 409 it has ended. */
export async function cancelJob(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const query = readQuery(c.req.url, { terminate: requireFlag })
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const terminate = query.values.terminate ?? false
  const found = await findGroup(c, scope)
  if (found) return cancelGroup(c, scope, found.group, terminate)
  const known = await findJob(c, scope)
  if (!known) return respondProblem(unknownJob(c), path)
  const { id } = known
  const asked = await scope.app.result(id).revoke({ terminate })
  const job = (await scope.app.result(id).info()) ?? known
  if (!asked && isFinal(job.state)) return respondProblem(finalProblem(job), path)
  return respondJob(job, baseOf(path, 2), job.state === REVOKED ? 200 : 202)
}

/** All members of the group that a workflow ends with. */
async function cancelGroup(c: Context, scope: HttpScope, group: GroupResult, terminate: boolean): Promise<Response> {
  const { path } = c.req
  const asked = await group.revoke({ terminate })
  const job = (await findGroup(c, scope))?.info
  if (!job) return respondProblem(unknownJob(c), path)
  if (asked === 0 && isFinal(job.state)) return respondProblem(finalProblem(job), path)
  return respondJob(job, baseOf(path, 2), isFinal(job.state) ? 200 : 202)
}

function finalProblem({ id, state }: JobInfo): Problem {
  return { kind: 'job-final', detail: `job ${id} has ended: ${state}`, members: { state } }
}
