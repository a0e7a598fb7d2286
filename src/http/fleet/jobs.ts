import type { Context } from 'hono'
import type { JobHistoryDocument, RecordedPageDocument, RetriedDocument } from '../../protocol/recordedDocument.ts'
import type { JobFilter, Recording } from '../../recorder/recording.ts'
import { isoOf } from '../../std/clock.ts'
import { identityOf } from '../access/identity.ts'
import { unknownJob } from '../access/jobAccess.ts'
import { hasRole, roleProblem } from '../access/roles.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { type Reader, readQuery, requireFlag, requireLimit, requireWord, wrongParameter } from '../input/query.ts'
import { nextLink, respondDocument } from '../output/document.ts'
import type { Problem } from '../output/problem.ts'
import { respondProblem } from '../output/problem.ts'
import {
  answerRecorded,
  isProblem,
  RECORDED_READERS,
  type RecordedQuery,
  recordedDocument,
  seenOf,
} from './recorded.ts'

const LIST_READERS = {
  ...RECORDED_READERS,
  recorded: requireFlag,
  facets: requireFlag,
  limit: requireLimit,
  cursor: requireWord,
}
/** Of requests that change the jobs that fit. */
export const CHANGE_READERS: typeof RECORDED_READERS & {
  readonly id: Reader<readonly string[]>
  readonly dryRun: Reader<boolean>
  readonly limit: Reader<number>
  readonly cursor: Reader<string>
} = {
  ...RECORDED_READERS,
  id: requireIds,
  dryRun: requireFlag,
  limit: requireLimit,
  cursor: requireWord,
}
const DEFAULT_LIMIT = 50
/** Jobs that one request changes at most, and those that it may name: their ids are in its URL. */
export const MAX_CHANGED = 1000
const MAX_IDS = 100
/** Bounds of an id, as the app takes them. */
const JOB_ID = /^\P{Cc}{1,255}$/u

/** `GET /jobs?recorded=true`: jobs as their events describe them, also those of other clients. */
export function listRecorded(c: Context, scope: HttpScope): Promise<Response> {
  return answerRecorded(c, scope, async (recording) => {
    const query = readQuery(c.req.url, LIST_READERS)
    if (query.kind === 'refused') return query.problem
    const { recorded: _, facets, limit = DEFAULT_LIMIT, cursor, ...given } = query.values
    const filter = recordedFilter(c, scope, given)
    if (isProblem(filter)) return filter
    const [page, counts] = await Promise.all([
      recording.jobs({ ...filter, limit, cursor }),
      facets ? recording.facets(filter) : undefined,
    ])
    const base = baseOf(c.req.path, 1)
    const jobs = page.jobs.map(({ traceback: _, ...job }) => recordedDocument(job, base))
    const document: RecordedPageDocument = {
      jobs,
      ...(counts && { facets: counts }),
      ...(page.cursor !== undefined && { cursor: page.cursor }),
    }
    return respondDocument(document, { headers: nextLink(c, 'jobs', page.cursor) })
  })
}

/** `GET /jobs/{id}/history`: a job with its events. */
export function history(c: Context, scope: HttpScope): Promise<Response> {
  return answerRecorded(c, scope, async (recording) => {
    const query = readQuery(c.req.url, {})
    if (query.kind === 'refused') return query.problem
    const id = c.req.param('id') ?? ''
    const found = JOB_ID.test(id) ? await recording.job(id) : undefined
    if (!found || !maySee(c, scope, found.job)) return unknownJob(c)
    const document: JobHistoryDocument = {
      job: recordedDocument(found.job, baseOf(c.req.path, 3)),
      steps: found.steps.map(({ at, ...step }) => ({ ...step, at: isoOf(at) }) as JobHistoryDocument['steps'][number]),
    }
    return respondDocument(document)
  })
}

/** Its own jobs of exposed tasks; a viewer sees all. */
function maySee(
  c: Context,
  { exposed }: HttpScope,
  { owner, task }: { readonly owner?: string | undefined; readonly task?: string | undefined },
): boolean {
  if (hasRole(c, 'viewer')) return true
  return owner !== undefined && owner === identityOf(c)?.id && task !== undefined && exposed.has(task)
}

/** `POST /jobs/retry`: submit the recorded jobs that fit and have failed once more, page by page. */
export function retryMany(c: Context, scope: HttpScope): Promise<Response> {
  const query = readQuery(c.req.url, CHANGE_READERS)
  if (query.kind === 'refused') return Promise.resolve(respondProblem(query.problem, c.req.path))
  const { dryRun = false, limit = MAX_CHANGED, cursor, ...given } = query.values
  const missing = filterProblem(given)
  if (missing) return Promise.resolve(respondProblem(missing, c.req.path))
  return answerRecorded(c, scope, async (recording) => {
    const filter = retriedFilter(c, scope, given)
    return isProblem(filter) ? filter : respondRetried(scope, recording, filter, { dryRun, limit, cursor })
  })
}

interface RetryPage {
  readonly dryRun: boolean
  readonly limit: number
  readonly cursor: string | undefined
}

/** Submit one page of them again. */
export async function respondRetried(
  { app }: HttpScope,
  recording: Recording,
  filter: JobFilter,
  { dryRun, limit, cursor }: RetryPage,
): Promise<Response | Problem> {
  const { backend, lists } = await app.connect()
  if (lists === 'none')
    return { kind: 'cannot-list', detail: `${backend} keeps no inputs: its jobs cannot be submitted again` }
  const page = await recording.jobs({ states: ['FAILURE'], ...filter, limit, cursor })
  const ids = page.jobs.map(({ id }) => id)
  const [state] = filter.states ?? ['FAILURE']
  const found = ids.length > 0 ? await app.retryJobs({ ids, state: state as 'FAILURE' }, { dryRun }) : undefined
  const { retried = {}, before = [], inputNotKept = [], unfit = [] } = found ?? {}
  const fitting = found?.jobs.map(({ id }) => id) ?? []
  const next = page.cursor === undefined ? {} : { cursor: page.cursor }
  const document: RetriedDocument = { ids: fitting, retried, before, inputNotKept, unfit, ...next }
  return respondDocument(document)
}

/** Which jobs the sender may submit again: an operator all, others their own. */
export function retriedFilter(c: Context, scope: HttpScope, given: RecordedQuery): JobFilter | Problem {
  const filter = recordedFilter(c, scope, given)
  if (isProblem(filter)) return filter
  const { states } = filter
  if (states && (states.length !== 1 || !['FAILURE', 'REVOKED', 'SUCCESS'].includes(states[0] as string)))
    return wrongParameter('state', 'expected one of FAILURE, REVOKED, SUCCESS')
  const isOwn = !hasRole(c, 'viewer')
  return (isOwn ? undefined : roleProblem(c, 'operator', 'to retry jobs')) ?? filter
}

/** A change of all jobs is a mistake: a filter has to be given. */
export function filterProblem(given: object): Problem | undefined {
  if (Object.keys(given).length > 0) return undefined
  const names = ['id', ...Object.keys(RECORDED_READERS)].join(', ')
  return wrongParameter('filter', `expected one of ${names}, got none of them`)
}

/** Ids with commas between them. */
function requireIds(text: string): readonly string[] {
  const ids = text.split(',').map(requireWord)
  if (ids.length > MAX_IDS) throw new RangeError(`expected at most ${MAX_IDS} ids`)
  return ids
}

/** The filter of a query, as far as the sender sees the jobs. */
export function recordedFilter(c: Context, scope: HttpScope, given: RecordedQuery): JobFilter | Problem {
  const { id, state, task, queue, worker, owner, root, ...rest } = given
  const seen = seenOf(c, scope, { owner, tasks: task })
  if (isProblem(seen)) return seen
  return { ...rest, ...seen, ids: id, states: state, queues: queue, workers: worker, rootId: root }
}
