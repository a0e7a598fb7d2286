import { setImmediate } from 'node:timers/promises'
import { type JobInfo, states } from 'celeriac'
import type { Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Job, Jobs } from './jobs.ts'
import { respondProblem } from './problem.ts'
import { parseRequest } from './request.ts'
import { app, integrate } from './tasks.ts'

/** Bytes of a request's body. An expression has at most 1000 characters. */
const MAX_BODY = 16 * 1024
/** Records read in one go; between two, other requests have their turn. */
const CHUNK = 200

/**
 * The service: `PUT /`, `GET /`, `GET /<id>`, `DELETE /<id>` with the numbers of `jobs`, and beside them celeriac's
 * own API (`/v1`, `/openapi.json`) for the same task. It only sends and reads; a worker computes.
 */
export function createService(jobs: Jobs): Hono {
  const api = app.http({ expose: [integrate] })
  api.put('/', bodyLimit({ maxSize: MAX_BODY, onError: tooLarge }), (c) => put(c, jobs))
  api.get('/', async (c) => c.json(await list(jobs), 200, { 'cache-control': 'no-cache' }))
  api.all('/', notAllowed('GET, HEAD, PUT'))
  api.get('/:id{[0-9]+}', (c) => show(c, jobs))
  api.delete('/:id{[0-9]+}', (c) => cancel(c, jobs))
  api.all('/:id{[0-9]+}', notAllowed('GET, HEAD, DELETE'))
  return api
}

async function put(c: Context, jobs: Jobs): Promise<Response> {
  let body: unknown
  try {
    body = JSON.parse(await c.req.text())
  } catch (error) {
    const detail = `expected JSON: ${(error as Error).message}`
    return respondProblem({ status: 400, kind: 'malformed-body', title: 'The body cannot be read', detail }, c.req.path)
  }
  const { integral, problems } = parseRequest(body)
  if (problems) return refuse(c, problems)
  const { id: task } = await integrate.delay(integral)
  const id = await numbered(task, jobs)
  return c.json({ result: id }, 200, { location: `/${id}`, ...linkTo(task) })
}

/** The task's number. Where it can get none, no client will ever ask for it: it is called off. */
async function numbered(task: string, jobs: Jobs): Promise<number> {
  try {
    return jobs.add(task)
  } catch (error) {
    await app.result(task).revoke()
    throw error
  }
}

/** Every job whose record is still kept, by its number. Ready is also what failed or was called off. */
async function list(jobs: Jobs): Promise<Record<string, { ready: boolean }>> {
  const all = jobs.list()
  const known: [string, { ready: boolean }][] = []
  const gone: Job[] = []
  for (let start = 0; start < all.length; start += CHUNK) {
    if (start > 0) await setImmediate()
    const chunk = all.slice(start, start + CHUNK)
    const found = await app.states(chunk.map(({ task }) => task))
    for (const [index, job] of chunk.entries()) {
      const state = found[index] ?? states.UNKNOWN
      if (state === states.UNKNOWN) gone.push(job)
      else known.push([String(job.id), { ready: states.isFinal(state) }])
    }
  }
  dropExpired(gone, jobs)
  return Object.fromEntries(known)
}

/** A number outlives its record by chance only: one older than any record's lifetime goes too. */
function dropExpired(gone: readonly Job[], jobs: Jobs): void {
  const oldest = Date.now() - app.config.resultExpires
  const expired = gone.filter(({ since }) => since < oldest)
  if (expired.length > 0) jobs.drop(expired.map(({ id }) => id))
}

async function show(c: Context, jobs: Jobs): Promise<Response> {
  const found = await find(c, jobs)
  return found ? respondJob(c, found, 200) : unknown(c)
}

async function cancel(c: Context, jobs: Jobs): Promise<Response> {
  const found = await find(c, jobs)
  if (!found) return unknown(c)
  const asked = await app.result(found.info.id).revoke({ terminate: true })
  const info = (await app.result(found.info.id).info()) ?? found.info
  if (asked) return respondJob(c, { id: found.id, info }, info.state === states.REVOKED ? 200 : 202)
  const detail = `job ${found.id} has ended: ${info.state}`
  return respondProblem({ status: 409, kind: 'job-final', title: 'The job has ended already', detail }, c.req.path)
}

/** A job by the number in the path, and what is known of its task. */
interface Found {
  readonly id: number
  readonly info: JobInfo
}

async function find(c: Context, jobs: Jobs): Promise<Found | undefined> {
  const id = Number(c.req.param('id'))
  const job = Number.isSafeInteger(id + 1) ? jobs.find(id) : undefined
  const info = job && (await app.result(job.task).info())
  return info && { id, info }
}

function respondJob(c: Context, { id, info }: Found, status: 200 | 202): Response {
  const { state, result, error } = info
  const end = !states.isFinal(state)
    ? {}
    : state === states.SUCCESS
      ? { result }
      : { error: { type: error?.type, message: error?.message } }
  return c.json({ task_id: id, ...end }, status, { 'cache-control': 'no-cache', ...linkTo(info.id) })
}

/** Where state, progress and times of the task are. */
function linkTo(task: string): { link: string } {
  return { link: `</v1/jobs/${task}>; rel="describedby"` }
}

function unknown(c: Context): Response {
  const detail = `there is no job ${c.req.param('id')}: none was made with this number, or its result is no longer kept`
  return respondProblem({ status: 404, kind: 'unknown-job', title: 'No such job', detail }, c.req.path)
}

function refuse(c: Context, problems: readonly { pointer: string; detail: string }[]): Response {
  const errors = problems.map(({ pointer, detail }) => ({ pointer: `#${pointer}`, detail }))
  const detail = problems.map((one) => [one.pointer.slice(1), one.detail].filter(Boolean).join(': ')).join('; ')
  return respondProblem(
    { status: 422, kind: 'invalid-input', title: 'The integral cannot be estimated', detail, errors },
    c.req.path,
  )
}

/** The rest of the body is not read: the connection cannot serve another request. */
function tooLarge(c: Context): Response {
  const detail = `at most ${MAX_BODY} bytes are accepted`
  return respondProblem(
    { status: 413, kind: 'body-too-large', title: 'The body is too large', detail, headers: { connection: 'close' } },
    c.req.path,
  )
}

function notAllowed(allow: string): (c: Context) => Response {
  return (c) => {
    const detail = `${c.req.method} is not allowed here; allowed: ${allow}`
    const title = 'The method is not allowed here'
    return respondProblem({ status: 405, kind: 'method-not-allowed', title, detail, headers: { allow } }, c.req.path)
  }
}
