import type { Context } from 'hono'
import { toJson } from '../../protocol/plainJson.ts'
import type { JobInputDocument } from '../../protocol/recordedDocument.ts'
import { keptArguments } from '../../protocol/serializer.ts'
import { CodecError } from '../../std/errors.ts'
import { concealedOf, shownCall } from '../../tasks/bind.ts'
import { identityOf } from '../access/identity.ts'
import { findJob, unknownJob } from '../access/jobAccess.ts'
import { hasRole } from '../access/roles.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery } from '../input/query.ts'
import { respondProblem } from '../output/problem.ts'

/**
 * `GET /jobs/{id}/input`: what a job was called with, as it is kept for a retry, without what a codec or `sensitive`
 * covers. For its owner and admins.
 */
export async function showInput(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const query = readQuery(c.req.url, {})
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const job = await findJob(c, scope)
  if (!job) return respondProblem(unknownJob(c), path)
  const metadata = await scope.jobs.metadata(job.id)
  const isOwn = metadata?.owner !== undefined && metadata.owner === identityOf(c)?.id
  if (!isOwn && !hasRole(c, 'admin'))
    return respondProblem({ kind: 'forbidden', detail: 'the input of a job of another needs the scope admin' }, path)
  const { app } = scope
  const definition = app.tasks.get(job.task ?? '')?.definition
  const concealed = concealedOf(app.config, definition)
  try {
    const kept = metadata && (await scope.jobs.keptInput(job.id, metadata))
    if (kept === undefined)
      return respondProblem({ kind: 'input-not-kept', detail: `the input of job ${job.id} was not kept` }, path)
    const shown = shownCall(keptArguments(kept), concealed, definition)
    const document: JobInputDocument = { ...shown, ...(concealed !== undefined && { concealed: true }) }
    // Arguments may hold what JSON has no word for.
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    return new Response(toJson(document), { headers })
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    return respondProblem({ kind: 'input-not-kept', detail: error.message }, path)
  }
}
