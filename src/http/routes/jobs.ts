import type { Context, Hono } from 'hono'
import type { History } from '../../backend/eventLog.ts'
import { infoOf } from '../../calls/jobInfo.ts'
import { UnknownJobError } from '../../std/errors.ts'
import { findHistory, missingJob } from '../access/jobAccess.ts'
import { isOutlined, outlineOf } from '../access/roles.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { grantedWait, parsePrefer, preferenceApplied } from '../input/prefer.ts'
import { isNamed, jobEtag } from '../output/etag.ts'
import { jobText, shownHeaders } from '../output/job.ts'
import { methodNotAllowed } from '../output/method.ts'
import { respondProblem } from '../output/problem.ts'
import { endOfWait } from '../server/shutdownSignal.ts'
import { cancelJob } from './changes/cancel.ts'
import { showGroup } from './groupJob.ts'

/** `GET`, `DELETE` and `PATCH /jobs/{id}`: see a job, end a job, change a job that waits. */
export function addJobRoutes(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/jobs/:id`
  api.get(path, (c) => show(c, scope))
  api.delete(path, (c) => cancelJob(c, scope))
  api.patch(path, async (c) => (await import('./changes/change.ts')).changeJob(c, scope))
  api.all(path, methodNotAllowed('GET, HEAD, PATCH, DELETE'))
}

async function show(c: Context, scope: HttpScope): Promise<Response> {
  const history = await findHistory(c, scope)
  if (!history) return showGroup(c, scope)
  const named = c.req.header('if-none-match')
  if (named === undefined) return respond(c, scope, history)
  const wait = grantedWait(parsePrefer(c.req.header('prefer')))
  const applied = preferenceApplied(wait, false)
  const headers: Record<string, string> = applied === undefined ? {} : { 'preference-applied': applied }
  const etag = jobEtag(history)
  if (!isNamed(named, etag)) return respond(c, scope, history, headers)
  try {
    const changed = wait ? await nextChange(c, scope, history, wait) : undefined
    if (changed) return await respond(c, scope, changed, headers)
  } catch (error) {
    if (error instanceof UnknownJobError) return respondProblem(missingJob(c, scope), c.req.path)
    throw error
  }
  const retry = scope.durations.headersOf(infoOf(history.meta))
  return new Response(null, { status: 304, headers: { etag, 'cache-control': 'no-cache', ...retry, ...headers } })
}

async function respond(
  c: Context,
  scope: HttpScope,
  history: History,
  headers: Record<string, string> = {},
): Promise<Response> {
  const { durations } = scope
  const whole = infoOf(history.meta)
  const info = (await isOutlined(c, scope, whole.id)) ? outlineOf(whole) : whole
  durations.see(info)
  const all = { ...shownHeaders(history, info, durations), ...headers }
  return new Response(jobText(info, baseOf(c.req.path, 2)), { status: 200, headers: all })
}

/** The job once it is another than this, within `wait` s and as long as client and server are there. */
async function nextChange(c: Context, { jobs }: HttpScope, known: History, wait: number): Promise<History | undefined> {
  const id = known.meta.task_id
  const end = endOfWait(c, wait * 1000)
  try {
    for await (const history of jobs.histories(id, end.signal)) {
      if (jobEtag(history) !== jobEtag(known)) return history
    }
    return undefined
  } finally {
    end.release()
  }
}
