import type { Context } from 'hono'
import type { JobInfo } from '../../calls/jobInfo.ts'
import type { HttpScope } from '../apiContext.ts'
import { jobOfKey } from '../input/idempotency.ts'
import { identityOf } from './identity.ts'
import { maySee } from './jobAccess.ts'

/**
 * The jobs of an idempotency key that the sender may see, one of each of these tasks at most, newest first: submitted
 * with it over HTTP by the same identity, or in code.
 */
export async function jobsOfKey(
  c: Context,
  scope: HttpScope,
  key: string,
  tasks: readonly string[],
): Promise<readonly JobInfo[]> {
  const identity = identityOf(c)?.id ?? ''
  const ids = await Promise.all(
    tasks.flatMap((task) => [
      jobOfKey(scope, { identity, route: `tasks/${task}`, key }).then((id) => (id === undefined ? [] : [id])),
      scope.jobs.idsOfKey(task, key),
    ]),
  )
  const known = new Set(ids.flat())
  const jobs = await Promise.all([...known].map((id) => shownJob(c, scope, id)))
  const found = jobs.filter((job) => job !== undefined)
  return found.sort((one, other) => Number(other.submittedAt ?? 0) - Number(one.submittedAt ?? 0))
}

async function shownJob(c: Context, scope: HttpScope, id: string): Promise<JobInfo | undefined> {
  const info = await scope.jobs.info(id)
  if (info?.task === undefined || !scope.exposed.has(info.task)) return undefined
  return (await maySee(c, scope, id)) ? info : undefined
}
