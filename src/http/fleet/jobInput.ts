import type { Context } from 'hono'
import { inputNotKept } from '../../app/jobStore.ts'
import { toJson } from '../../protocol/plainJson.ts'
import type { JobInputDocument } from '../../protocol/recordedDocument.ts'
import { CodecError } from '../../std/errors.ts'
import { concealedOf, shownCall } from '../../tasks/bind.ts'
import { identityOf } from '../access/identity.ts'
import { findAnyJob, unknownJob } from '../access/jobAccess.ts'
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
  const job = await findAnyJob(c, scope)
  if (!job) return respondProblem(unknownJob(c), path)
  const metadata = await scope.jobs.metadata(job.id)
  const isOwn = metadata?.owner !== undefined && metadata.owner === identityOf(c)?.id
  const { app } = scope
  const definition = app.tasks.get(job.task ?? '')?.definition
  const concealed = concealedOf(app.config, definition)
  try {
    const given = await scope.jobs.input(job.id, metadata)
    if (given === undefined) return respondProblem({ kind: 'input-not-kept', detail: inputNotKept(job.id) }, path)
    if (!isOwn && !hasRole(c, 'admin'))
      return respondProblem({ kind: 'forbidden', detail: 'the input of a job of another needs the scope admin' }, path)
    const shown = shownCall(given, concealed, definition)
    const document: JobInputDocument = { ...shown, ...(concealed !== undefined && { concealed: true }) }
    // Arguments may hold what JSON has no word for.
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    return new Response(toJson(document), { headers })
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    return respondProblem({ kind: 'input-not-kept', detail: error.message }, path)
  }
}
