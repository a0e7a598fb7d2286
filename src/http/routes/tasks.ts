import type { Context, Hono } from 'hono'
import type { JobInfo } from '../../calls/jobInfo.ts'
import type { AnyTask } from '../../calls/task.ts'
import { toJson } from '../../protocol/plainJson.ts'
import { isFinal } from '../../protocol/states.ts'
import { DecodeError, StoreUnavailableError, UnknownJobError } from '../../std/errors.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import type { AnyCall } from '../fleet/anyCall.ts'
import { type Body, bodyOf, readBody } from '../input/body.ts'
import { headersOf } from '../input/header.ts'
import { type Accepted, acceptCall } from '../input/idempotency.ts'
import { inputErrors, inputOf, invalidInput } from '../input/input.ts'
import { grantedWait, type Preferences, parsePrefer, preferenceApplied } from '../input/prefer.ts'
import { asksForOptions, callOptions, isProblem, send, tagsOf, taskProblem } from '../input/submit.ts'
import { acceptedHeaders, respondAccepted } from '../output/acceptedJob.ts'
import { jobDocument, jobPath } from '../output/job.ts'
import { methodNotAllowed } from '../output/method.ts'
import { type Problem, respondProblem } from '../output/problem.ts'
import { endOfWait } from '../server/shutdownSignal.ts'

/** `POST /tasks/{name}`: submit a job. */
export function addTaskRoutes(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/tasks/:name`
  api.post(path, (c) => submit(c, scope))
  api.all(path, methodNotAllowed('POST'))
}

async function submit(c: Context, scope: HttpScope): Promise<Response> {
  const name = c.req.param('name') as string
  const { path } = c.req
  const any = await anyCall(c, scope, name)
  if (isProblem(any)) return respondProblem(any, path)
  const barred = taskProblem(c, scope, name, { any: any !== undefined })
  if (barred) return respondProblem(barred, path)
  const task = scope.app.tasks.get(name)
  const accepts = task?.definition.options.accepts
  const token = headersOf(c)('celeriac-upload')
  const uploaded =
    token === null ? undefined : await (await import('./payloads/uploads.ts')).readUpload(c, scope, token)
  if (isProblem(uploaded)) return respondProblem(uploaded, path)
  const body = await (uploaded ? bodyOf(c, uploaded, accepts) : readBody(c, scope.maxBody, accepts))
  if (body.kind === 'refused') return respondProblem(body.problem, path)
  const accepted = await accept(c, scope, { name, task, body, any })
  if (isProblem(accepted)) return respondProblem(accepted, path)
  const prefer = headersOf(c)('prefer')
  return prefer === null
    ? respondAccepted(accepted, name, baseOf(path, 2))
    : respondPreferred(c, scope, { ...accepted, name }, parsePrefer(prefer))
}

/** Undefined where it is called as every client may. */
async function anyCall(c: Context, scope: HttpScope, name: string): Promise<AnyCall | Problem | undefined> {
  if (!scope.fleet?.anyTask) return undefined
  const isPlain = scope.exposed.has(name) && !asksForOptions(c.req.url)
  return isPlain ? undefined : (await import('../fleet/anyCall.ts')).anyCallOf(c, scope, name)
}

interface Given {
  readonly name: string
  readonly any: AnyCall | undefined
  readonly task: AnyTask | undefined
  readonly body: Exclude<Body, { kind: 'refused' }>
}

/** Submit the job; or return what is wrong with it. */
async function accept(c: Context, scope: HttpScope, { name, task, body, any }: Given): Promise<Accepted | Problem> {
  const tags = any ? any.tags : tagsOf(c.req.url)
  if (isProblem(tags)) return tags
  const read = any?.isCall ? (await import('../fleet/anyCall.ts')).callInput(body) : inputOf(task, body)
  if (isProblem(read)) return read
  if ('error' in read && read.error) return invalidInput([read.error])
  const { input } = read
  const kwargs = 'kwargs' in read ? { kwargs: read.kwargs } : undefined
  const options = { ...callOptions(c, scope, tags), ...any?.options, ...kwargs }
  try {
    return await acceptCall(c, scope, { route: `tasks/${name}`, body: body.bytes }, (more) =>
      send(scope, name, task, input, { ...options, ...more }),
    )
  } catch (thrown) {
    const errors = inputErrors(thrown, input, task)
    if (errors) return invalidInput(errors)
    throw thrown
  }
}

/** The answer to a client that would rather wait, for a while at most. */
async function respondPreferred(
  c: Context,
  scope: HttpScope,
  job: Accepted & { readonly name: string },
  preferences: Preferences,
): Promise<Response> {
  const base = baseOf(c.req.path, 2)
  const wait = grantedWait(preferences)
  const applied = preferenceApplied(wait, preferences.respondAsync)
  const info = wait && (await isThere(job, scope)) ? await waitFor(c, scope, job.id, wait) : undefined
  if (!info) return respondAccepted(job, job.name, base, applied)
  const self = jobPath(base, job.id)
  const document = toJson(jobDocument(info, base))
  if (!isFinal(info.state))
    return new Response(document, { status: 202, headers: acceptedHeaders(self, job.replayed, applied) })
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-cache',
    'content-location': self,
    'preference-applied': `wait=${wait}`,
    link: `<${self}/result>; rel="result"`,
  }
  if (job.replayed) headers['idempotent-replayed'] = 'true'
  return new Response(document, { status: 200, headers })
}

/** The record of a job that was submitted before may have expired: then there is nothing to wait for. */
async function isThere({ id, replayed }: Accepted, { jobs }: HttpScope): Promise<boolean> {
  return !replayed || (await jobs.info(id)) !== undefined
}

/** After a wait that failed. The job is submitted nevertheless: its client must get its URL. */
async function infoAfter(error: unknown, id: string, { app, jobs }: HttpScope): Promise<JobInfo | undefined> {
  if (error instanceof DecodeError) return jobs.info(id)
  if (!(error instanceof UnknownJobError || error instanceof StoreUnavailableError))
    app.config.logger.error({ err: error, job: id }, 'waiting for a job failed')
  return undefined
}

/** What is known of the job after this many seconds, or when it has ended, or the server closes. */
async function waitFor(c: Context, scope: HttpScope, id: string, seconds: number): Promise<JobInfo | undefined> {
  const { signal } = c.req.raw
  const job = scope.app.result(id)
  const end = endOfWait(c, seconds * 1000)
  let info: JobInfo | undefined
  try {
    for await (const event of job.events({ signal: end.signal, omitResult: true })) info = event.info
  } catch (error) {
    // The client has disconnected; by the header it asked to revoke the job in that case.
    if (signal.aborted && headersOf(c)('celeriac-cancel-on-disconnect') === '1') await job.revoke()
    if (!end.signal.aborted) info = await infoAfter(error, id, scope)
  } finally {
    end.release()
  }
  return info
}
