import type { Context } from 'hono'
import { toJson } from '../../../protocol/plainJson.ts'
import { milliseconds } from '../../../std/duration.ts'
import { ArgumentError } from '../../../std/errors.ts'
import { seesAllTasks, seesTask } from '../../access/jobAccess.ts'
import { roleProblem } from '../../access/roles.ts'
import { baseOf, type HttpScope } from '../../apiContext.ts'
import {
  readQuery,
  requireFlag,
  requireLimit,
  requireMoment,
  requireSearch,
  requireWord,
  wrongParameter,
} from '../../input/query.ts'
import { listedJob } from '../../output/job.ts'
import { respondProblem } from '../../output/problem.ts'

/** Which jobs; at least one of these has to be given. */
const FILTER_READERS = {
  state: requireWord,
  task: requireWord,
  owner: requireWord,
  tag: requireWord,
  q: requireSearch,
  since: requireMoment,
  olderThan: requireDuration,
}
const READERS = {
  ...FILTER_READERS,
  dryRun: requireFlag,
  terminate: requireFlag,
  limit: requireLimit,
  cursor: requireWord,
}
const DEFAULT_LIMIT = 1000

/**
 * `DELETE /jobs`: revoke the jobs of exposed tasks, with a fleet of all, that fit a filter and have not ended, or with
 * `dryRun` list them. For operators.
 */
export async function revokeJobs(c: Context, scope: HttpScope): Promise<Response> {
  const { app, exposed } = scope
  const { path } = c.req
  const forbidden = roleProblem(c, 'operator', 'to revoke many')
  if (forbidden) return respondProblem(forbidden, path)
  const query = readQuery(c.req.url, READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { dryRun, terminate, limit = DEFAULT_LIMIT, cursor, ...filter } = query.values
  const names = Object.keys(FILTER_READERS)
  if (Object.keys(filter).length === 0)
    return respondProblem(wrongParameter('filter', `expected one of ${names.join(', ')}, got none of them`), path)
  if (filter.task !== undefined && !seesTask(c, scope, filter.task))
    return respondProblem(wrongParameter('task', `no task ${JSON.stringify(filter.task)} is exposed here`), path)
  const { backend, lists } = await app.connect()
  if (lists === 'none')
    return respondProblem({ kind: 'cannot-list', detail: `${backend} can only be asked for one job by its id` }, path)
  try {
    const tasks = seesAllTasks(c, scope) ? undefined : [...exposed]
    const found = await app.revokeJobs({ ...filter, tasks }, { dryRun, terminate, limit, cursor })
    const base = baseOf(path, 1)
    const jobs = found.jobs.map((job) => listedJob(job, base))
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    return new Response(toJson({ jobs, revoked: found.revoked, cursor: found.cursor }), { headers })
  } catch (error) {
    if (error instanceof ArgumentError)
      return respondProblem(wrongParameter('cursor', 'expected one that an answer gave'), path)
    throw error
  }
}

/** A time with its unit, as `2d`, in ms. */
function requireDuration(text: string): number {
  try {
    return milliseconds(text as never, 'olderThan')
  } catch {
    throw new RangeError("expected a time with its unit, as '2d'")
  }
}
