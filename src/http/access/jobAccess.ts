import type { Context } from 'hono'
import type { History } from '../../backend/eventLog.ts'
import type { JobInfo } from '../../calls/jobInfo.ts'
import { WAIT_TASK } from '../../calls/wait.ts'
import type { RecordedJob } from '../../recorder/recording.ts'
import type { HttpScope } from '../apiContext.ts'
import { MAPS } from '../input/workflow.ts'
import type { Problem } from '../output/problem.ts'
import { identityOf } from './identity.ts'
import { hasRole, isOutlined, outlineOf } from './roles.ts'
import { findGroup, submittedWorkflow } from './workflowJobs.ts'

/** Ids as the app takes them; others were never submitted. */
const JOB_ID = /^\P{Cc}{1,255}$/u

/**
 * The job of the path's `:id`, unless there is none, its task is not exposed, or it is another's: the answer is the
 * same for all three. A job belongs to the identity that submitted it over HTTP; one that was not submitted over HTTP
 * is for viewers of all jobs, who change none: who may change something and sees a job of another is an operator. Where
 * only its outline may be seen, it is that.
 */
export async function findJob(c: Context, scope: HttpScope): Promise<JobInfo | undefined> {
  const id = c.req.param('id') ?? ''
  if (!JOB_ID.test(id)) return undefined
  const [info, seen] = await Promise.all([scope.jobs.info(id), maySee(c, scope, id)])
  if (info && (await isShown(c, info.task, id, scope))) return seen ? asSeen(c, scope, info) : undefined
  // Also where a step before the group has failed: then there is a record, of `celery.group`.
  return (await findGroup(c, scope))?.info
}

async function asSeen(c: Context, scope: HttpScope, info: JobInfo): Promise<JobInfo> {
  return (await isOutlined(c, scope, info.id)) ? outlineOf(info) : info
}

/** The same job with the number of its last change; whole, also where only its outline may be seen. */
export async function findHistory(c: Context, scope: HttpScope): Promise<History | undefined> {
  const id = c.req.param('id') ?? ''
  if (!JOB_ID.test(id)) return undefined
  if (hasRole(c, 'viewer')) return historyOf(scope, id, c)
  const [history, seen] = await Promise.all([historyOf(scope, id, c), maySee(c, scope, id)])
  return seen ? history : undefined
}

/** The same of any job whose task this sender may see, whosever it is; without `c` of exposed tasks. */
export async function historyOf(scope: HttpScope, id: string, c?: Context): Promise<History | undefined> {
  const history = await scope.jobs.history(id)
  return history && (await isShown(c, history.meta.name, id, scope)) ? history : undefined
}

/** Also a workflow that ends with `celery.map` or its like, whose task was checked. */
async function isShown(
  c: Context | undefined,
  task: string | undefined,
  id: string,
  scope: HttpScope,
): Promise<boolean> {
  if (seesTask(c, scope, task)) return true
  return task !== undefined && MAPS.has(task) && (await submittedWorkflow(id, scope)) !== undefined
}

/** Jobs of exposed tasks are shown; where the fleet is, those of all tasks to viewers. */
export function seesTask(c: Context | undefined, scope: HttpScope, task: string | undefined): boolean {
  if (task !== undefined && scope.exposed.has(task)) return true
  // The answer to a task that waits is for that task.
  return seesAllTasks(c, scope) && task !== WAIT_TASK
}

export function seesAllTasks(c: Context | undefined, { fleet }: HttpScope): boolean {
  return fleet !== undefined && c !== undefined && hasRole(c, 'viewer')
}

/** The job of this id is the sender's own, or the sender sees those of all. */
export async function maySee(c: Context, { jobs }: HttpScope, id: string): Promise<boolean> {
  if (hasRole(c, 'viewer')) return true
  const metadata = await jobs.metadata(id)
  return metadata?.owner !== undefined && metadata.owner === identityOf(c)?.id
}

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

/** The answer where `findJob` finds none. */
export function unknownJob(c: Context): Problem {
  return {
    kind: 'unknown-job',
    detail: `no job ${JSON.stringify(c.req.param('id'))} was submitted here, or its record has expired`,
  }
}

/** A UUID version 7; its first 48 bits are the time at which it was made. */
const TIMED_ID = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/**
 * The answer where there is no such job to be read. No trace is kept of expired jobs, but our ids contain their time:
 * where that is longer ago than results are kept, 410. The answer does not depend on whether the job exists unseen by
 * this client, so it reveals nothing.
 */
export function missingJob(c: Context, { app }: HttpScope): Problem {
  const [, high, low] = TIMED_ID.exec(c.req.param('id') ?? '') ?? []
  const { resultExpires, clock } = app.config
  if (high === undefined || low === undefined || resultExpires === 0) return unknownJob(c)
  if (Number.parseInt(high + low, 16) + resultExpires >= clock.now()) return unknownJob(c)
  return {
    kind: 'job-expired',
    detail: `results are kept for ${Math.round(resultExpires / 1000)} s, and the id is older`,
  }
}
