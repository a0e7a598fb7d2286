import type { Context, Hono } from 'hono'
import { isFinal, REVOKED } from '../../protocol/states.ts'
import { respondJob } from '../job.ts'
import { methodNotAllowed } from '../method.ts'
import { respondProblem } from '../problem.ts'
import { readQuery, requireFlag } from '../query.ts'
import { baseOf, type HttpScope } from '../scope.ts'
import { findJob, unknownJob } from '../visible.ts'

/** `GET` and `DELETE /jobs/{id}`: see a job, end a job. */
export function addJobRoutes(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/jobs/:id`
  api.get(path, (c) => show(c, scope))
  api.delete(path, (c) => revoke(c, scope))
  api.all(path, methodNotAllowed('GET, HEAD, DELETE'))
}

async function show(c: Context, scope: HttpScope): Promise<Response> {
  const job = await findJob(scope, c.req.param('id') as string)
  return job ? respondJob(job, baseOf(c.req.path, 2), 200) : respondProblem(unknownJob(c), c.req.path)
}

async function revoke(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const query = readQuery(c.req.url, { terminate: requireFlag })
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const id = c.req.param('id') as string
  const known = await findJob(scope, id)
  if (!known) return respondProblem(unknownJob(c), path)
  const asked = await scope.app.result(id).revoke({ terminate: query.values.terminate ?? false })
  const job = (await findJob(scope, id)) ?? known
  if (!asked && isFinal(job.state))
    return respondProblem(
      { kind: 'job-final', detail: `job ${id} has ended: ${job.state}`, members: { state: job.state } },
      path,
    )
  return respondJob(job, baseOf(path, 2), job.state === REVOKED ? 200 : 202)
}
