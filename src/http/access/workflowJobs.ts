import type { Context } from 'hono'
import type { AsyncResult, ResultHandle } from '../../calls/asyncResult.ts'
import type { GroupResult } from '../../calls/groupResult.ts'
import type { JobInfo } from '../../calls/jobInfo.ts'
import { FAILURE, isFinal, PENDING, PROGRESS, REVOKED, STARTED, SUCCESS, UNKNOWN } from '../../protocol/states.ts'
import { UnknownJobError } from '../../std/errors.ts'
import type { HttpScope } from '../apiContext.ts'
import { identityOf } from './identity.ts'
import { hasRole, onlyOutlines, outlineOf } from './roles.ts'

/*
 * Workflows that were submitted over HTTP. Each has a note, which says that it was sent, and whose it is. A workflow
 * that ends with a group has no record of its own: its job is made of its members.
 */

/** What is kept of a workflow that was submitted. */
export interface SubmittedWorkflow {
  /** ms since the epoch. */
  readonly at: number
  readonly owner?: string | undefined
  /** Task of its end; null for a group. */
  readonly task: string | null
}

/** How long it is kept, where results are kept for less: after that it cannot be seen any more. */
const MIN_LIFETIME_MS = 7 * 86_400_000
const NEVER = Number.MAX_SAFE_INTEGER
const MAX_IDS = 1000
/** Longest time in which a change that this process has not seen is found, ms. */
const MAX_PAUSE_MS = 5_000
/** Longest time between two reads of a group that changes all the time, ms. */
const MAX_MIN_PAUSE_MS = 200

/** The workflow with this id, whosever it is; undefined where none was submitted. */
export async function submittedWorkflow(id: string, { jobs }: HttpScope): Promise<SubmittedWorkflow | undefined> {
  const value = await (await jobs.notes())?.get(noteKey(id))
  return value === undefined ? undefined : (JSON.parse(value) as SubmittedWorkflow)
}

/** Keep that a workflow was sent. */
export async function keepSubmitted(id: string, workflow: SubmittedWorkflow, { app, jobs }: HttpScope): Promise<void> {
  const { resultExpires } = app.config
  const expires = resultExpires === 0 ? NEVER : workflow.at + Math.max(MIN_LIFETIME_MS, resultExpires)
  await (await jobs.notes())?.put({ key: noteKey(id), value: JSON.stringify(workflow), expires })
}

/** The job of a workflow that ends with a group. */
export interface GroupJob {
  readonly group: GroupResult
  readonly info: JobInfo
  /** Number of its last change, from 1: it rises with each member that ends. */
  readonly seq: number
  /** The members that have not ended, with their states. */
  readonly open: ReadonlyMap<string, string>
}

/** The group that a workflow ends with, if this client may see it. */
export async function findGroup(c: Context, scope: HttpScope): Promise<GroupJob | undefined> {
  const id = c.req.param('id') ?? ''
  const workflow = await submittedWorkflow(id, scope)
  if (!workflow || workflow.task !== null) return undefined
  const isMine = workflow.owner === identityOf(c)?.id
  if (!isMine && !hasRole(c, 'viewer')) return undefined
  const group = await scope.app.groupResult(id)
  const job = group && (await groupJob(group, workflow, scope))
  return job && !isMine && onlyOutlines(c, scope) ? { ...job, info: groupOutline(job.info) } : job
}

/** Its progress is made of states alone. */
function groupOutline(info: JobInfo): JobInfo {
  return { ...outlineOf(info), progress: info.progress }
}

/**
 * The group once it has changed; undefined on abort. It is read again at most once in as many ms as it has members.
 * Throws UnknownJobError where it cannot be seen any more.
 */
export async function changedGroup(
  c: Context,
  scope: HttpScope,
  known: GroupJob,
  signal: AbortSignal,
): Promise<GroupJob | undefined> {
  while (!signal.aborted) {
    await scope.jobs.nextChange(known.open, MAX_PAUSE_MS, signal)
    await scope.jobs.pause(Math.min(known.group.size, MAX_MIN_PAUSE_MS), signal)
    if (signal.aborted) return undefined
    const now = await findGroup(c, scope)
    if (!now) throw new UnknownJobError(known.info.id)
    if (now.seq !== known.seq || now.info.state !== known.info.state) return now
  }
  return undefined
}

/** A group as a job: its progress is how many of its members have ended. */
async function groupJob(group: GroupResult, { at }: SubmittedWorkflow, { app }: HttpScope): Promise<GroupJob> {
  const ids = leavesOf(group)
  const states: string[] = []
  for (let from = 0; from < ids.length; from += MAX_IDS)
    states.push(...(await app.states(ids.slice(from, from + MAX_IDS))))
  const total = states.length
  const open = new Map(ids.map((id, index) => [id, shownState(states[index] as string)]))
  for (const [id, state] of open) if (isFinal(state)) open.delete(id)
  const done = total - open.size
  const state = done === total ? endOf(states) : states.every(isWaiting) ? PENDING : STARTED
  const failed = isFinal(state) && state !== SUCCESS ? ids[states.indexOf(state)] : undefined
  const end = failed === undefined ? undefined : await app.result(failed).info()
  const info: JobInfo = {
    id: group.id,
    task: undefined,
    state,
    queue: undefined,
    worker: undefined,
    retries: 0,
    attempt: 1,
    submittedAt: new Date(at),
    startedAt: undefined,
    finishedAt: undefined,
    progress: { done, total },
    result: state === SUCCESS ? await group.join({ timeout: '10s' }) : undefined,
    error: end?.error,
    children: [],
  }
  return { group, info, open, seq: state === PENDING ? 1 : isFinal(state) ? total + 2 : done + 2 }
}

function shownState(state: string): string {
  return state === PROGRESS ? STARTED : state
}

function endOf(states: readonly string[]): string {
  return states.find((state) => state === FAILURE) ?? states.find((state) => state === REVOKED) ?? SUCCESS
}

function isWaiting(state: string): boolean {
  return state === PENDING || state === UNKNOWN
}

function leavesOf(handle: ResultHandle | AsyncResult | GroupResult): readonly string[] {
  return 'members' in handle ? handle.members.flatMap(leavesOf) : [handle.id]
}

function noteKey(id: string): string {
  return `http-workflow ${id}`
}
