import type { Context } from 'hono'
import type { RevokedDocument } from '../../protocol/recordedDocument.ts'
import { isFinal, PENDING, RECEIVED, RETRY, STARTED } from '../../protocol/states.ts'
import type { JobFilter } from '../../recorder/recording.ts'
import { pieces } from '../../std/chunks.ts'
import { hasRole, roleProblem } from '../access/roles.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery, requireFlag, wrongParameter } from '../input/query.ts'
import { respondDocument } from '../output/document.ts'
import { type Problem, respondProblem } from '../output/problem.ts'
import { CHANGE_READERS, filterProblem, MAX_CHANGED, recordedFilter } from './jobs.ts'
import { answerRecorded, isProblem, type RecordedQuery } from './recorded.ts'

const READERS = { ...CHANGE_READERS, terminate: requireFlag }
/** States of jobs that have not ended. */
const OPEN_STATES = [PENDING, RECEIVED, STARTED, RETRY]
/** Jobs that are revoked at once. */
const MAX_AT_ONCE = 50

/** `POST /jobs/revoke`: revoke the recorded jobs that fit and have not ended, page by page. */
export function revokeMany(c: Context, scope: HttpScope): Promise<Response> {
  const query = readQuery(c.req.url, READERS)
  if (query.kind === 'refused') return Promise.resolve(respondProblem(query.problem, c.req.path))
  const { dryRun = false, terminate = false, limit = MAX_CHANGED, cursor, ...given } = query.values
  const missing = filterProblem(given)
  if (missing) return Promise.resolve(respondProblem(missing, c.req.path))
  return answerRecorded(c, scope, async (recording) => {
    const filter = revokedFilter(c, scope, given)
    if (isProblem(filter)) return filter
    const page = await recording.jobs({ ...filter, limit, cursor })
    const ids = page.jobs.map(({ id }) => id)
    const ended = dryRun ? [] : await revokeAll(scope, ids, terminate)
    const document: RevokedDocument = {
      ids,
      revoked: dryRun ? 0 : ids.length - ended.length,
      ended,
      ...(page.cursor !== undefined && { cursor: page.cursor }),
    }
    return respondDocument(document)
  })
}

/** Which jobs the sender may revoke: an operator all, others their own. */
function revokedFilter(c: Context, scope: HttpScope, given: RecordedQuery): JobFilter | Problem {
  const isOwn = !hasRole(c, 'viewer')
  const forbidden = isOwn ? undefined : roleProblem(c, 'operator', 'to revoke jobs')
  if (forbidden) return forbidden
  const ended = given.state?.find(isFinal)
  if (ended !== undefined) return wrongParameter('state', `expected states of jobs that have not ended, got ${ended}`)
  return recordedFilter(c, scope, { ...given, state: given.state ?? OPEN_STATES })
}

/** Returns the ids of those that had ended before. */
async function revokeAll({ app }: HttpScope, ids: readonly string[], terminate: boolean): Promise<string[]> {
  const ended: string[] = []
  for (const some of pieces(ids, MAX_AT_ONCE)) {
    const asked = await Promise.all(some.map((id) => app.result(id).revoke({ terminate })))
    ended.push(...some.filter((_, at) => !asked[at]))
  }
  return ended
}
