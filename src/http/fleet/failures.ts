import type { Context } from 'hono'
import type { FailureDocument, FailurePageDocument } from '../../protocol/recordedDocument.ts'
import type { FailureGroup } from '../../recorder/recording.ts'
import { isoOf } from '../../std/clock.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery, requireFlag, requireLimit, requireMoment, requireSearch, requireWord } from '../input/query.ts'
import { nextLink, respondDocument } from '../output/document.ts'
import type { Problem } from '../output/problem.ts'
import { respondRetried, retriedFilter } from './jobs.ts'
import { answerRecorded, isProblem, requireWords, seenOf } from './recorded.ts'

const LIST_READERS = {
  task: requireWords,
  owner: requireWord,
  since: requireMoment,
  q: requireSearch,
  limit: requireLimit,
  cursor: requireWord,
}
const RETRY_READERS = { since: requireMoment, dryRun: requireFlag, limit: requireLimit, cursor: requireWord }
const DEFAULT_LIMIT = 50
const MAX_RETRIED = 1000

/** `GET /failures`: failures of one task with one kind of error, the last seen first. */
export function listFailures(c: Context, scope: HttpScope): Promise<Response> {
  return answerRecorded(c, scope, async (recording) => {
    const query = readQuery(c.req.url, LIST_READERS)
    if (query.kind === 'refused') return query.problem
    const { task, owner, limit = DEFAULT_LIMIT, ...rest } = query.values
    const seen = seenOf(c, scope, { owner, tasks: task })
    if (isProblem(seen)) return seen
    const { groups, cursor } = await recording.failures({ ...rest, ...seen, limit })
    const document: FailurePageDocument = {
      failures: groups.map(failureDocument),
      ...(cursor !== undefined && { cursor }),
    }
    return respondDocument(document, { headers: nextLink(c, 'failures', cursor) })
  })
}

/** `GET /failures/{fingerprint}`: one of them. */
export function showFailure(c: Context, scope: HttpScope): Promise<Response> {
  return answerRecorded(c, scope, async (recording) => {
    const query = readQuery(c.req.url, {})
    if (query.kind === 'refused') return query.problem
    const seen = seenOf(c, scope, {})
    if (isProblem(seen)) return seen
    const fingerprint = c.req.param('fingerprint') ?? ''
    const { groups } = await recording.failures({ ...seen, fingerprint, limit: 1 })
    const [group] = groups
    if (!group) return unknownFailure(fingerprint)
    return respondDocument(failureDocument(group))
  })
}

/** `POST /failures/{fingerprint}/retry`: submit its jobs again, page by page. */
export function retryFailure(c: Context, scope: HttpScope): Promise<Response> {
  return answerRecorded(c, scope, async (recording) => {
    const query = readQuery(c.req.url, RETRY_READERS)
    if (query.kind === 'refused') return query.problem
    const { dryRun = false, limit = MAX_RETRIED, cursor, since } = query.values
    const fingerprint = c.req.param('fingerprint') ?? ''
    const filter = retriedFilter(c, scope, { fingerprint, ...(since !== undefined && { since }) })
    if (isProblem(filter)) return filter
    const { groups } = await recording.failures({ owner: filter.owner, tasks: filter.tasks, fingerprint, limit: 1 })
    if (groups.length === 0) return unknownFailure(fingerprint)
    return respondRetried(scope, recording, filter, { dryRun, limit, cursor })
  })
}

function unknownFailure(fingerprint: string): Problem {
  return { kind: 'not-found', detail: `no failures are recorded with the fingerprint ${JSON.stringify(fingerprint)}` }
}

/** A group, as it is shown. */
export function failureDocument({ firstAt, lastAt, regressedAt, ...group }: FailureGroup): FailureDocument {
  const regressed = regressedAt === undefined ? {} : { regressedAt: isoOf(regressedAt) }
  return { ...group, firstAt: isoOf(firstAt), lastAt: isoOf(lastAt), ...regressed }
}
