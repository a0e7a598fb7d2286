import type { Context, Hono } from 'hono'
import { ArgumentError } from '../../std/errors.ts'
import { ADMIN_SCOPE, identityOf, isAdmin } from '../access/identity.ts'
import { seesAllTasks } from '../access/jobAccess.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery, requireFlag, requireLimit, requireWord, wrongParameter } from '../input/query.ts'
import { methodNotAllowed } from '../output/method.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

const READERS = {
  owner: requireWord,
  tag: requireWord,
  dryRun: requireFlag,
  revoke: requireFlag,
  limit: requireLimit,
  cursor: requireWord,
}
const MAX_IDS = 1000
const DEFAULT_LIMIT = 1000

/** `DELETE /records`: what is kept of jobs. */
export function addRecordRoute(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/records`
  api.delete(path, (c) => forgetJobs(c, scope))
  api.all(path, methodNotAllowed('DELETE'))
}

/**
 * `GET /dead`: dead letters by page. `GET`, `PATCH` and `DELETE /dead/{id}`: one of them. `POST /dead/redrive` and
 * `POST /dead/{id}/redrive`: send them again. `DELETE /dead`: drop those that fit. Those of exposed tasks that are the
 * sender's own; for admins of an API with authentication all, also what cannot be read. Their code is loaded by the
 * first request.
 */
export function addDeadRoutes(api: Hono, base: string, scope: HttpScope): void {
  type Answers = typeof import('./dead/dead.ts')
  const answer = (name: keyof Answers) => async (c: Context) => (await import('./dead/dead.ts'))[name](c, scope)
  const path = `${base}/dead`
  api.get(path, answer('listLetters'))
  api.delete(path, answer('dropLetters'))
  api.all(path, methodNotAllowed('GET, HEAD, DELETE'))
  api.post(`${path}/redrive`, answer('redriveLetters'))
  api.get(`${path}/:id`, answer('showLetter'))
  api.patch(`${path}/:id`, answer('editLetter'))
  api.delete(`${path}/:id`, answer('dropLetter'))
  api.all(`${path}/:id`, methodNotAllowed('GET, HEAD, PATCH, DELETE'))
  api.post(`${path}/:id/redrive`, answer('redriveLetter'))
  api.all(`${path}/:id/redrive`, methodNotAllowed('POST'))
}

/**
 * `DELETE /records`: forget the jobs of exposed tasks, for admins of a fleet those of all, that fit a filter and have
 * ended, or with `dryRun` report what would be removed. Only admins forget jobs of others.
 */
async function forgetJobs(c: Context, scope: HttpScope): Promise<Response> {
  const { app, exposed } = scope
  const { path } = c.req
  const asked = new URL(c.req.url).searchParams
  const ids = asked.getAll('id')
  // The only parameter that may be repeated.
  asked.delete('id')
  const query = readQuery(`?${asked}`, READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { tag, dryRun, revoke, limit, cursor, owner } = query.values
  const problem = filterProblem(c, ids, query.values)
  if (problem) return respondProblem(problem, path)
  const tasks = isAdmin(c) && seesAllTasks(c, scope) ? undefined : [...exposed]
  const filter = { owner: isAdmin(c) ? owner : identityOf(c)?.id, tag, tasks }
  const { backend, lists } = await app.connect()
  if (lists === 'none')
    return respondProblem({ kind: 'cannot-list', detail: `${backend} can only be asked for one job by its id` }, path)
  try {
    const page = ids.length > 0 ? { ids } : {}
    const bounds = ids.length > 0 ? {} : { limit: limit ?? DEFAULT_LIMIT, cursor }
    const report = await app.forgetJobs({ ...filter, ...page }, { dryRun, revoke, ...bounds })
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    return new Response(JSON.stringify(report), { headers })
  } catch (error) {
    if (error instanceof ArgumentError)
      return respondProblem(wrongParameter('cursor', 'expected one that an answer gave'), path)
    throw error
  }
}

interface Asked {
  readonly owner?: string
  readonly tag?: string
  readonly limit?: number
  readonly cursor?: string
}

function filterProblem(c: Context, ids: readonly string[], { owner, tag, limit, cursor }: Asked): Problem | undefined {
  if (owner !== undefined && !isAdmin(c) && owner !== identityOf(c)?.id)
    return { kind: 'forbidden', detail: `to forget jobs of others needs ${ADMIN_SCOPE}` }
  if (ids.length === 0 && owner === undefined && tag === undefined)
    return wrongParameter('filter', 'expected one of id, owner, tag, got none of them')
  if (ids.length === 0) return undefined
  if (limit !== undefined || cursor !== undefined)
    return wrongParameter(cursor === undefined ? 'limit' : 'cursor', 'not beside id')
  if (ids.length > MAX_IDS) return wrongParameter('id', `expected at most ${MAX_IDS}, got ${ids.length}`)
  return ids.every(isWord) ? undefined : wrongParameter('id', 'expected 1 to 255 printable characters')
}

function isWord(text: string): boolean {
  return /^\P{Cc}{1,255}$/u.test(text) && text.length <= 255
}
