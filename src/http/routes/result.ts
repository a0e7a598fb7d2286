import type { Context, Hono } from 'hono'
import type { JobInfo } from '../../calls/jobInfo.ts'
import { toJson } from '../../protocol/plainJson.ts'
import { FAILURE, REVOKED, SUCCESS, UNKNOWN } from '../../protocol/states.ts'
import { identityOf, isAdmin } from '../access/identity.ts'
import { findJob, missingJob } from '../access/jobAccess.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { partOf } from '../input/range.ts'
import { contentEtag, isNamed } from '../output/etag.ts'
import { respondJob } from '../output/job.ts'
import { methodNotAllowed } from '../output/method.ts'
import { respondProblem } from '../output/problem.ts'

/** `GET /jobs/{id}/result`: the result alone, as its task's own type, JSON or bytes; also a part of it. */
export function addResultRoute(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/jobs/:id/result`
  api.get(path, (c) => show(c, scope))
  api.all(path, methodNotAllowed('GET, HEAD'))
}

async function show(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const job = await findJob(c, scope)
  if (!job) return respondProblem(missingJob(c, scope), path)
  scope.durations.see(job)
  if (job.error && (job.state === SUCCESS || job.state === UNKNOWN)) return respondEnd(c, job)
  if (job.state === SUCCESS) return respondContent(c, contentOf(job, scope))
  if (job.state === FAILURE || job.state === REVOKED) return respondEnd(c, job)
  return respondJob(job, baseOf(path, 3), 202, scope.durations.headersOf(job))
}

interface Content {
  readonly type: string
  readonly bytes: Uint8Array
}

const JSON_TYPE = 'application/json'
const BYTES_TYPE = 'application/octet-stream'

/**
 * Bytes and text are of the task's type, where it names one; everything else, and text of a task that names none, is
 * JSON.
 */
function contentOf({ task = '', result }: JobInfo, { app }: HttpScope): Content {
  const own = app.tasks.get(task)?.definition.options.contentType
  if (result instanceof Uint8Array) return { type: own ?? BYTES_TYPE, bytes: result }
  if (typeof result === 'string' && own !== undefined && !isJson(own)) {
    const isBare = own.startsWith('text/') && !/;\s*charset=/i.test(own)
    return { type: isBare ? `${own}; charset=utf-8` : own, bytes: Buffer.from(result) }
  }
  return { type: own !== undefined && isJson(own) ? own : JSON_TYPE, bytes: Buffer.from(toJson(result)) }
}

function isJson(type: string): boolean {
  return /^[^;]*[/+]json\s*(?:;|$)/i.test(type)
}

/** Types that a browser runs scripts of: what is in a result may come from strangers. */
const ACTIVE_TYPES = /^(?:text\/html|[^;]*xml)/i

function respondContent(c: Context, { type, bytes }: Content): Response {
  const etag = contentEtag(bytes)
  const headers: Record<string, string> = {
    etag,
    'cache-control': 'no-cache',
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
  }
  if (isNamed(c.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers })
  if (ACTIVE_TYPES.test(type))
    headers['content-security-policy'] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
  const part = partOf(wantedRange(c, etag), bytes.length)
  if (part === 'none') return respondUnsatisfiable(c, bytes.length)
  headers['content-type'] = type
  if (part === 'all') return send(bytes, 200, headers)
  // The range counts the bytes of the result: a part that a compressor changed could not be put together with the
  // others.
  headers['cache-control'] = 'no-cache, no-transform'
  headers['content-range'] = `bytes ${part.start}-${part.end}/${bytes.length}`
  return send(bytes.subarray(part.start, part.end + 1), 206, headers)
}

/**
 * `Range`, unless it is meant for other bytes than these (`If-Range`) or the method is not GET, for which alone it is
 * defined.
 */
function wantedRange(c: Context, etag: string): string | undefined {
  const same = c.req.header('if-range')
  return c.req.method === 'GET' && (same === undefined || same === etag) ? c.req.header('range') : undefined
}

function send(bytes: Uint8Array, status: number, headers: Record<string, string>): Response {
  return new Response(bytes as Uint8Array<ArrayBuffer>, {
    status,
    headers: { ...headers, 'content-length': String(bytes.length) },
  })
}

function respondUnsatisfiable(c: Context, length: number): Response {
  const detail = `the result has ${length} bytes, got Range: ${c.req.header('range')}`
  const headers = { 'content-range': `bytes */${length}`, 'accept-ranges': 'bytes' }
  return respondProblem({ kind: 'range-not-satisfiable', detail, headers }, c.req.path)
}

/**
 * 409 and not a 5xx: the same answer comes next time, so no proxy should try again. The traceback is of the server's
 * code: for admins, and never shown without authentication.
 */
function respondEnd(c: Context, { state, error }: JobInfo): Response {
  const { type, message, traceback } = error ?? { type: 'Error', message: '', traceback: undefined }
  const kind = state === REVOKED ? 'job-revoked' : state === FAILURE ? 'job-failed' : 'job-unreadable'
  const inside = identityOf(c) !== undefined && isAdmin(c) ? { traceback } : {}
  const members = { error: { type, message, ...inside } }
  return respondProblem({ kind, detail: `${type}: ${message}`, members }, c.req.path)
}
