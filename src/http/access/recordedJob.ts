import type { Context } from 'hono'
import type { JobInfo } from '../../calls/jobInfo.ts'
import type { RecordedJob } from '../../recorder/recording.ts'
import type { HttpScope } from '../apiContext.ts'
import { findJob, JOB_ID, seesTask } from './jobAccess.ts'
import { hasRole } from './roles.ts'

/**
 * The job of the path's `:id`, as `findJob`; for viewers also one that only the recorder knows, or knows the task of:
 * Celery keeps no record before the end, and often no name.
 */
export async function findAnyJob(c: Context, scope: HttpScope): Promise<JobInfo | undefined> {
  const known = await findJob(c, scope)
  const id = c.req.param('id') ?? ''
  // A group has no task, but members.
  if (known?.task !== undefined || (known && known.children.length > 0)) return known
  if (!scope.recording || !hasRole(c, 'viewer') || !JOB_ID.test(id)) return known
  const recorded = await (await scope.recording())?.job(id)
  if (!recorded || !seesTask(c, scope, recorded.job.task)) return known
  const { task, queue } = recorded.job
  return known ? { ...known, task, queue: known.queue ?? queue } : infoOfRecorded(recorded.job)
}

/** What is shown of it. */
function infoOfRecorded({ id, task, state, queue, worker, retries, sentAt, startedAt, endedAt }: RecordedJob): JobInfo {
  const moment = (at: number | undefined): Date | undefined => (at === undefined ? undefined : new Date(at))
  return {
    ...{ id, task, state, queue, worker, retries, attempt: retries + 1 },
    submittedAt: moment(sentAt),
    startedAt: moment(startedAt),
    finishedAt: moment(endedAt),
    ...{ progress: undefined, result: undefined, error: undefined, children: [] },
  }
}
