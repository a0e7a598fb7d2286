import type { Context } from 'hono'
import type { JobInfo } from '../../../calls/jobInfo.ts'
import { isFinal, REVOKED } from '../../../protocol/states.ts'
import { findAnyJob, findJob, unknownJob } from '../../access/jobAccess.ts'
import { ownership } from '../../access/treeAccess.ts'
import { submittedWorkflow } from '../../access/workflowJobs.ts'
import { baseOf, type HttpScope } from '../../apiContext.ts'
import { readQuery, requireFlag } from '../../input/query.ts'
import { respondJob } from '../../output/job.ts'
import { type Problem, respondProblem } from '../../output/problem.ts'

/** `DELETE /jobs/{id}`: 200 it never runs, 202 it was asked to stop, 409 it has ended. */
export async function cancelJob(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const query = readQuery(c.req.url, { terminate: requireFlag, tree: requireFlag })
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { terminate = false, tree = false } = query.values
  const known = await findAnyJob(c, scope)
  if (!known) return respondProblem(unknownJob(c), path)
  const { id } = known
  if (tree || (await submittedWorkflow(id, scope))) return cancelWorkflow(c, scope, known, { terminate, tree })
  if (isFinal(known.state)) return respondProblem(finalProblem(known), path)
  const asked = await scope.app.result(id).revoke({ terminate })
  const info = (await scope.jobs.info(id)) ?? known
  // Celery's record has no task.
  const job = { ...info, task: info.task ?? known.task }
  if (!asked && isFinal(job.state)) return respondProblem(finalProblem(job), path)
  return respondJob(job, baseOf(path, 2), job.state === REVOKED ? 200 : 202)
}

/** All of a workflow is cancelled, but what belongs to another. The job is its result; with `tree`, any job of it. */
async function cancelWorkflow(
  c: Context,
  scope: HttpScope,
  known: JobInfo,
  { terminate, tree: isTree }: { readonly terminate: boolean; readonly tree: boolean },
): Promise<Response> {
  const { path } = c.req
  // After REVOKED a part of it may run, also where the request that cancelled it was not completed.
  if (!isTree && isFinal(known.state) && known.state !== REVOKED) return respondProblem(finalProblem(known), path)
  const result = isTree ? ((await scope.app.workflow(known.id))?.id ?? known.id) : known.id
  const asked = await scope.jobs.revokeTree(result, { terminate, choose: (tree) => ownership(c, tree, scope) })
  const job = (await findJob(c, scope)) ?? known
  if (asked === 0 && isFinal(job.state)) return respondProblem(finalProblem(job), path)
  const tree = await scope.app.workflow(result)
  const ended = tree ? tree.nodes.every(({ kind, state }) => kind === 'group' || isFinal(state)) : isFinal(job.state)
  return respondJob(job, baseOf(path, 2), ended ? 200 : 202)
}

function finalProblem({ id, state }: JobInfo): Problem {
  return { kind: 'job-final', detail: `job ${id} has ended: ${state}`, members: { state } }
}
