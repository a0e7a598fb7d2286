import type { FollowUp } from '../../backend/followUp.ts'
import type { ListFilter } from '../../backend/jobIndex.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { isFinal } from '../../protocol/states.ts'
import { pieces } from '../../std/chunks.ts'
import type { Clock } from '../../std/clock.ts'
import { type Duration, milliseconds } from '../../std/duration.ts'
import { ConfigError } from '../../std/errors.ts'
import { infoOf, type JobInfo } from '../jobInfo.ts'
import { revokeTask } from '../revoke.ts'
import type { Stores } from '../stores.ts'
import {
  DEFAULT_LIMIT,
  PAGE_SIZE,
  requireChoice,
  requireLimit,
  requireOptions,
  requireSince,
  requireTexts,
} from './filterChecks.ts'

/** Which jobs are revoked: those that fit all that is named, at least one of these, and have not ended. */
export interface RevokeFilter extends Pick<ListFilter, 'state' | 'task' | 'tasks' | 'owner' | 'tag' | 'since' | 'q'> {
  /** Submitted at least this long ago. */
  readonly olderThan?: Duration | undefined
}

/** How jobs are revoked. */
export interface RevokeJobsOptions {
  /** List what would be revoked, and change nothing. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** Also end running ones by force, as `AsyncResult.revoke`. Default `false`. */
  readonly terminate?: boolean | undefined
  /** Most jobs of one call, 1 to 10,000. Default 1000. */
  readonly limit?: number | undefined
  /** From the call before, to go on where it ended. */
  readonly cursor?: string | undefined
}

/** What was revoked, or would be. */
export interface RevokedJobs {
  /** The jobs as they were before, newest first. */
  readonly jobs: readonly JobInfo[]
  /** How many of them were revoked; those that ended meanwhile are not counted. In a dry run 0. */
  readonly revoked: number
  /** Pass it on to go on; absent where no more jobs fit. */
  readonly cursor: string | undefined
}

/** What the revocation needs of the app. */
export interface RevokingHost {
  readonly stores: Stores
  readonly followUps: readonly FollowUp[]
  readonly clock: Clock
}

const NAMES = ['state', 'task', 'tasks', 'owner', 'tag', 'since', 'q', 'olderThan'] as const
/** Jobs that are revoked at once: a store that searches its queues finds all of them in one walk. */
const MAX_AT_ONCE = 50

/**
 * Revoke the jobs that fit a filter, page by page. Rejects with ArgumentError for a filter that names nothing or is
 * wrong, ConfigError where the store cannot list jobs, StoreUnavailableError: what was revoked until then stays so.
 */
export async function revokeJobs(
  host: RevokingHost,
  filter: RevokeFilter,
  options: RevokeJobsOptions,
): Promise<RevokedJobs> {
  requireOptions('revokeJobs', options, ['dryRun', 'terminate'], ['limit', 'cursor'])
  const { dryRun = false, terminate = false, limit = DEFAULT_LIMIT, cursor: from } = options
  const { backend } = host.stores
  const { olderThan, ...wanted } = parsed(filter, limit)
  if (!backend.jobs) throw new ConfigError(`${backend.url} cannot list tasks: revoke them by id`)
  const before = olderThan === undefined ? Number.POSITIVE_INFINITY : host.clock.now() - olderThan
  const jobs: JobInfo[] = []
  let revoked = 0
  let cursor = from
  do {
    const page = await backend.jobs.list({ ...wanted, limit: Math.min(PAGE_SIZE, limit - jobs.length), cursor })
    const open = page.metas.filter((meta) => !isFinal(meta.status) && submittedOf(meta) <= before)
    jobs.push(...open.map(infoOf))
    if (!dryRun) revoked += await revokeAll(host, open, terminate)
    cursor = page.cursor
  } while (cursor !== undefined && jobs.length < limit)
  return { jobs, revoked, cursor }
}

async function revokeAll(host: RevokingHost, metas: readonly TaskMeta[], terminate: boolean): Promise<number> {
  let count = 0
  for (const some of pieces(metas, MAX_AT_ONCE)) {
    const { stores, followUps, clock } = host
    const asked = some.map(({ task_id: id }) => revokeTask(stores, id, terminate, followUps, clock))
    count += (await Promise.all(asked)).filter(Boolean).length
  }
  return count
}

function submittedOf({ date_submitted: submitted }: TaskMeta): number {
  return submitted === undefined ? 0 : Date.parse(submitted)
}

function parsed(filter: RevokeFilter, limit: number): Omit<RevokeFilter, 'olderThan'> & { olderThan?: number } {
  requireChoice('revokeJobs', filter, NAMES)
  requireLimit('revokeJobs', limit)
  const { state, task, owner, tag, since } = filter
  requireTexts('revokeJobs', { state, task, owner, tag })
  requireSince('revokeJobs', since)
  const { olderThan, ...rest } = filter
  return olderThan === undefined ? rest : { ...rest, olderThan: milliseconds(olderThan, 'revokeJobs: olderThan') }
}
