import type { Context, Hono } from 'hono'
import type { JobInfo } from '../../app/info.ts'
import { FAILURE, REVOKED, SUCCESS } from '../../protocol/states.ts'
import { respondJob, toJson } from '../job.ts'
import { methodNotAllowed } from '../method.ts'
import { respondProblem } from '../problem.ts'
import { baseOf, type HttpScope } from '../scope.ts'
import { findJob, unknownJob } from '../visible.ts'

/** `GET /jobs/{id}/result`: the result alone, as JSON or bytes. */
export function addResultRoute(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/jobs/:id/result`
  api.get(path, (c) => show(c, scope))
  api.all(path, methodNotAllowed('GET, HEAD'))
}

async function show(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const job = await findJob(scope, c.req.param('id') as string)
  if (!job) return respondProblem(unknownJob(c), path)
  if (job.state === SUCCESS) return respondResult(job.result)
  if (job.state === FAILURE || job.state === REVOKED) return respondEnd(job, path)
  return respondJob(job, baseOf(path, 3), 202)
}

function respondResult(result: unknown): Response {
  const headers = { 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' }
  if (result instanceof Uint8Array) {
    return new Response(result as Uint8Array<ArrayBuffer>, {
      headers: { ...headers, 'content-type': 'application/octet-stream' },
    })
  }
  return new Response(toJson(result), { headers: { ...headers, 'content-type': 'application/json' } })
}

/** 409 and not a 5xx: the same answer comes next time, so no proxy should try again. */
function respondEnd({ state, error }: JobInfo, path: string): Response {
  const { type, message } = error ?? { type: 'Error', message: '' }
  const kind = state === REVOKED ? 'job-revoked' : 'job-failed'
  return respondProblem({ kind, detail: `${type}: ${message}`, members: { error: { type, message } } }, path)
}
