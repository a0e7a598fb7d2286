import type { Context, Hono } from 'hono'
import type { JobInfo } from '../../calls/jobInfo.ts'
import { toJson } from '../../protocol/plainJson.ts'
import { PROGRESS, STARTED } from '../../protocol/states.ts'
import { ArgumentError } from '../../std/errors.ts'
import { identityOf } from '../access/identity.ts'
import { seesAllTasks, seesTask } from '../access/jobAccess.ts'
import { hasRole, outlined, outlineOf } from '../access/roles.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { readQuery, requireLimit, requireMoment, requireSearch, requireWord, wrongParameter } from '../input/query.ts'
import { listedJob } from '../output/job.ts'
import { methodNotAllowed } from '../output/method.ts'
import { respondProblem } from '../output/problem.ts'

const FILTER_READERS = {
  state: requireWord,
  task: requireWord,
  tag: requireWord,
  q: requireSearch,
  since: requireMoment,
  limit: requireLimit,
  cursor: parseCursor,
}
const LIST_READERS = { ...FILTER_READERS, idempotencyKey: requireWord }
const DEFAULT_LIMIT = 50
/** Pages of the store that are read for one answer, where none of their jobs may be shown. */
const MAX_PAGES = 10

/** `GET /jobs`: the jobs of the exposed tasks, by page. `DELETE /jobs`: revoke those that fit. */
export function addListRoute(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/jobs`
  api.get(path, (c) => list(c, scope))
  api.delete(path, async (c) => (await import('./changes/revoke.ts')).revokeJobs(c, scope))
  api.all(path, methodNotAllowed('GET, HEAD, DELETE'))
}

/** Where a page begins: which of the stored states, and the store's own cursor in that list. */
interface Place {
  readonly part: number
  readonly cursor: string | undefined
}

interface Filter {
  /** Stored states whose lists follow each other; undefined is all states. */
  readonly states: readonly (string | undefined)[]
  readonly task: string | undefined
  readonly tag: string | undefined
  readonly q: string | undefined
  /** Of a search: a cursor would reveal what is found in jobs of other tasks, even if they are not shown. */
  readonly tasks: readonly string[] | undefined
  /** Owner of the jobs; undefined: all owners. */
  readonly owner: string | undefined
  /** ms since the epoch */
  readonly since: number | undefined
  readonly limit: number
}

/** Of one of these the recorder answers, where a fleet is shown: the result backend knows nothing of it. */
const RECORDED_PARAMETERS = ['recorded', 'facets', 'queue', 'worker', 'owner', 'root', 'fingerprint', 'until']

async function list(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  if (scope.recording && RECORDED_PARAMETERS.some((name) => c.req.query(name) !== undefined))
    return (await import('../fleet/jobs.ts')).listRecorded(c, scope)
  const query = readQuery(c.req.url, LIST_READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { state, task, tag, q, since, limit = DEFAULT_LIMIT, cursor = { part: 0, cursor: undefined } } = query.values
  if (task !== undefined && !seesTask(c, scope, task))
    return respondProblem(wrongParameter('task', `no task ${JSON.stringify(task)} is exposed here`), path)
  const { idempotencyKey: key } = query.values
  if (key !== undefined) return listOfKey(c, scope, key, query.values)
  const all = seesAllTasks(c, scope)
  // One name on the wire, two in the store: PROGRESS is shown as STARTED.
  const filter = {
    states: state === STARTED ? [STARTED, PROGRESS] : [state],
    task: task ?? (all ? undefined : onlyOne(scope.exposed)),
    tag,
    q,
    tasks: q === undefined || all ? undefined : [...scope.exposed],
    owner: hasRole(c, 'viewer') ? undefined : identityOf(c)?.id,
    since,
    limit,
  }
  const { backend, lists } = await scope.app.connect()
  if (lists === 'none')
    return respondProblem({ kind: 'cannot-list', detail: `${backend} can only be asked for one job by its id` }, path)
  if (cursor.part >= filter.states.length) return respondProblem(wrongParameter('cursor', 'of another query'), path)
  try {
    if (!all && scope.exposed.size === 0) return await respondPage(c, scope, [])
    const { jobs, next } = await readPage(scope, filter, cursor, (job) => seesTask(c, scope, job.task))
    return await respondPage(c, scope, jobs, next && formatCursor(next))
  } catch (error) {
    if (error instanceof ArgumentError)
      return respondProblem(wrongParameter('cursor', 'expected one that a page gave'), path)
    throw error
  }
}

/** The jobs of an idempotency key, of one task or all. */
async function listOfKey(
  c: Context,
  scope: HttpScope,
  key: string,
  { task, ...given }: Readonly<Record<string, unknown>>,
): Promise<Response> {
  const { path } = c.req
  const other = Object.keys(given).find((name) => name !== 'idempotencyKey')
  if (other !== undefined)
    return respondProblem(wrongParameter('idempotencyKey', `expected task alone beside it, got ${other}`), path)
  const { backend, lists } = await scope.app.connect()
  if (lists === 'none')
    return respondProblem({ kind: 'cannot-list', detail: `${backend} can only be asked for one job by its id` }, path)
  const tasks = typeof task === 'string' ? [task] : [...scope.exposed]
  const { jobsOfKey } = await import('../access/jobsOfKey.ts')
  return respondPage(c, scope, await jobsOfKey(c, scope, key, tasks))
}

/** The next page with something to show, short where jobs of other tasks lie between. */
async function readPage(
  { app }: HttpScope,
  { states, ...filter }: Filter,
  from: Place,
  isSeen: (job: JobInfo) => boolean,
): Promise<{ jobs: JobInfo[]; next: Place | undefined }> {
  let next: Place | undefined = from
  let jobs: JobInfo[] = []
  for (let pages = 0; next && jobs.length === 0 && pages < MAX_PAGES; pages++) {
    const place: Place = next
    const page = await app.jobs({ ...filter, state: states[place.part], cursor: place.cursor })
    jobs = page.jobs.filter(isSeen)
    next = following(place, page.cursor, states.length)
  }
  return { jobs, next }
}

function following({ part }: Place, cursor: string | undefined, parts: number): Place | undefined {
  if (cursor !== undefined) return { part, cursor }
  return part + 1 < parts ? { part: part + 1, cursor: undefined } : undefined
}

async function respondPage(
  c: Context,
  scope: HttpScope,
  found: readonly JobInfo[],
  cursor?: string,
): Promise<Response> {
  const outlines = await outlined(
    c,
    scope,
    found.map(({ id }) => id),
  )
  const jobs = found.map((job) => (outlines.has(job.id) ? outlineOf(job) : job))
  const base = baseOf(c.req.path, 1)
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  if (cursor !== undefined) {
    const query = new URLSearchParams(new URL(c.req.url).search)
    query.set('cursor', cursor)
    headers.link = `<${base}/jobs?${query}>; rel="next"`
  }
  // Their progress may hold what JSON has no word for.
  return new Response(toJson({ jobs: jobs.map((job) => listedJob(job, base)), cursor }), { headers })
}

function formatCursor({ part, cursor }: Place): string {
  return cursor === undefined ? `${part}` : `${part}.${cursor}`
}

function parseCursor(text: string): Place {
  const [, part, , cursor] = /^([01])(\.(.+))?$/s.exec(text) ?? []
  if (part === undefined) throw new RangeError('expected the cursor of a page')
  return { part: Number(part), cursor }
}

function onlyOne(names: ReadonlySet<string>): string | undefined {
  const [first] = names
  return names.size === 1 ? first : undefined
}
