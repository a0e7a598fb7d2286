import type { ForgottenJobs } from '../../protocol/forgottenJobs.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { pieces } from '../../std/chunks.ts'
import { ArgumentError, ConfigError } from '../../std/errors.ts'
import { requireText, shown } from '../../std/validate.ts'
import {
  DEFAULT_LIMIT,
  PAGE_SIZE,
  requireChoice,
  requireIds,
  requireLimit,
  requireOptions,
  requireTexts,
} from './filterChecks.ts'
import { Forgetting, type ForgettingHost } from './forgetting.ts'

/** Which jobs are forgotten: those that fit all that is named, at least one of `ids`, `owner` and `tag`. */
export interface ForgetFilter {
  /** At most 10,000. */
  readonly ids?: readonly string[] | undefined
  readonly owner?: string | undefined
  readonly tag?: string | undefined
  /** Names of tasks: only jobs of these. */
  readonly tasks?: readonly string[] | undefined
}

/** How jobs are forgotten. */
export interface ForgetJobsOptions {
  /** Report what would be removed, and change nothing. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** Revoke those that have not ended, and the deliveries of their webhooks, before. Default `false`. */
  readonly revoke?: boolean | undefined
  /** Of ids without a record: the queue whose dead letters are searched for them. Default: the app's. */
  readonly queue?: string | undefined
  /** Most jobs of one call, 1 to 10,000; not beside `ids`. Default 1000. */
  readonly limit?: number | undefined
  /** From the call before, to go on where it ended; not beside `ids`. */
  readonly cursor?: string | undefined
}

const NAMES = ['ids', 'owner', 'tag', 'tasks'] as const
const CHOOSING = ['ids', 'owner', 'tag'] as const

/**
 * Forget the jobs that fit a filter, page by page. Rejects with ArgumentError for a filter that names nothing or is
 * wrong, ConfigError where the store cannot list jobs, StoreUnavailableError: what was removed until then is gone.
 */
export async function forgetJobs(
  host: ForgettingHost,
  filter: ForgetFilter,
  options: ForgetJobsOptions,
): Promise<ForgottenJobs> {
  requireOptions('forgetJobs', options, ['dryRun', 'revoke'], ['queue', 'limit', 'cursor'])
  const { queue, limit, cursor, ...how } = options
  check(filter, queue, limit, cursor)
  const { ids, ...wanted } = filter
  const { backend } = host.stores
  if ((wanted.owner !== undefined || wanted.tag !== undefined) && !backend.jobs)
    throw new ConfigError(`${backend.url} cannot list tasks: forget them by id`)
  const forgetting = new Forgetting(host, how)
  if (ids) {
    await forgetIds(host, forgetting, [...new Set(ids)], wanted, queue)
    return forgetting.report
  }
  const next = await forgetListed(host, forgetting, wanted, limit ?? DEFAULT_LIMIT, cursor)
  if (next === undefined) await forgetting.forgetLetters(wanted)
  return next === undefined ? forgetting.report : { ...forgetting.report, cursor: next }
}

type Wanted = Omit<ForgetFilter, 'ids'>

/** Returns where to go on. */
async function forgetListed(
  { stores }: ForgettingHost,
  forgetting: Forgetting,
  wanted: Wanted,
  limit: number,
  from: string | undefined,
): Promise<string | undefined> {
  let cursor = from
  let found = 0
  do {
    const page = await stores.backend.jobs?.list({ ...wanted, limit: Math.min(PAGE_SIZE, limit - found), cursor })
    if (!page) return undefined
    found += page.metas.length
    await forgetting.forget(page.metas)
    cursor = page.cursor
  } while (cursor !== undefined && found < limit)
  return cursor
}

async function forgetIds(
  { stores: { backend } }: ForgettingHost,
  forgetting: Forgetting,
  ids: readonly string[],
  wanted: Wanted,
  queue: string | undefined,
): Promise<void> {
  const chosen = Object.values(wanted).some((value) => value !== undefined)
  for (const some of pieces(ids, PAGE_SIZE)) {
    const metas = await backend.load(some)
    await forgetting.forget(await fitting(metas, wanted, backend.jobs))
    // Without a record it is not known whose they are.
    if (!chosen)
      await forgetting.forgetDeadLetters(
        some.filter((_, at) => !metas[at]),
        queue,
      )
  }
}

type Jobs = ForgettingHost['stores']['backend']['jobs']

async function fitting(
  metas: readonly (TaskMeta | undefined)[],
  { owner, tag, tasks }: Wanted,
  jobs: Jobs,
): Promise<readonly TaskMeta[]> {
  const found = metas.filter((meta) => meta !== undefined).filter(({ name }) => !tasks || tasks.includes(name ?? ''))
  if (owner === undefined && tag === undefined) return found
  const metadata = (await jobs?.metadata(found.map(({ task_id: id }) => id))) ?? []
  return found.filter((_, at) => {
    const known = metadata[at]
    return (owner === undefined || known?.owner === owner) && (tag === undefined || known?.tags?.includes(tag) === true)
  })
}

function check(filter: ForgetFilter, queue: unknown, limit: number | undefined, cursor: unknown): void {
  requireChoice('forgetJobs', filter, NAMES, CHOOSING)
  const { ids, owner, tag, tasks } = filter
  requireIds('forgetJobs', ids)
  if (tasks !== undefined && !Array.isArray(tasks))
    throw new ArgumentError(`forgetJobs: tasks: expected a list of names, got ${shown(tasks)}`)
  for (const name of tasks ?? []) requireText(name, 'forgetJobs: tasks')
  requireTexts('forgetJobs', { owner, tag, queue })
  if (ids !== undefined && (limit !== undefined || cursor !== undefined))
    throw new ArgumentError('forgetJobs: expected no limit and no cursor beside ids')
  if (limit !== undefined) requireLimit('forgetJobs', limit)
}
