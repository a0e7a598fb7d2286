import type { Context } from 'hono'
import { isFinal } from '../../protocol/states.ts'
import { UnknownJobError } from '../../std/errors.ts'
import { missingJob } from '../access/jobAccess.ts'
import { changedGroup, findGroup, type GroupJob } from '../access/workflowJobs.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { grantedWait, parsePrefer, preferenceApplied } from '../input/prefer.ts'
import { changeEtag, isNamed } from '../output/etag.ts'
import { eventText, groupEventText } from '../output/eventFormat.ts'
import { respondJob } from '../output/job.ts'
import { respondProblem } from '../output/problem.ts'
import { endOfWait } from '../server/shutdownSignal.ts'

/* A workflow that ends with a group has a job, and no record: it is shown as other jobs are. */

/** `GET /jobs/{id}` where the job is that of a group. */
export async function showGroup(c: Context, scope: HttpScope): Promise<Response> {
  const found = await findGroup(c, scope)
  if (!found) return respondProblem(missingJob(c, scope), c.req.path)
  const named = c.req.header('if-none-match')
  const wait = named === undefined ? undefined : grantedWait(parsePrefer(c.req.header('prefer')))
  const applied = preferenceApplied(wait, false)
  const headers: Record<string, string> = applied === undefined ? {} : { 'preference-applied': applied }
  try {
    const job = isNamed(named, etagOf(found)) ? await changedWithin(c, scope, found, wait ?? 0) : found
    if (job) return respondJob(job.info, baseOf(c.req.path, 2), 200, { etag: etagOf(job), ...headers })
  } catch (error) {
    if (error instanceof UnknownJobError) return respondProblem(missingJob(c, scope), c.req.path)
    throw error
  }
  const retry: Record<string, string> = isFinal(found.info.state) ? {} : { 'retry-after': '1' }
  return new Response(null, {
    status: 304,
    headers: { etag: etagOf(found), 'cache-control': 'no-cache', ...retry, ...headers },
  })
}

/** The group once it has changed, within `wait` s. */
async function changedWithin(
  c: Context,
  scope: HttpScope,
  known: GroupJob,
  wait: number,
): Promise<GroupJob | undefined> {
  if (wait === 0 || isFinal(known.info.state)) return undefined
  const end = endOfWait(c, wait * 1000)
  try {
    return await changedGroup(c, scope, known, end.signal)
  } finally {
    end.release()
  }
}

function etagOf({ seq, info }: GroupJob): string {
  return changeEtag(seq, info.state)
}

/** The client knows the end of the group. */
export function hasGroupEnd({ seq, info }: GroupJob, after: number): boolean {
  return isFinal(info.state) && after === seq
}

/**
 * The events of a group after this number, to its end. They are made of the states of its members when they are read:
 * of many changes in a short time there is one event.
 */
export async function* groupEvents(
  c: Context,
  scope: HttpScope,
  first: GroupJob,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  let last = after
  if (after > first.seq) {
    yield eventText('gap')
    last = 0
  }
  for (let job: GroupJob | undefined = first; job; job = await changedGroup(c, scope, job, signal)) {
    if (job.seq > last) yield groupEventText(job.info, job.seq)
    last = Math.max(last, job.seq)
    if (isFinal(job.info.state)) return
  }
}
