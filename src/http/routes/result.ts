import type { Context, Hono } from 'hono'
import type { StoredResult } from '../../app/jobStore.ts'
import type { JobInfo } from '../../calls/jobInfo.ts'
import { toJson } from '../../protocol/plainJson.ts'
import { FAILURE, REVOKED, SUCCESS, UNKNOWN } from '../../protocol/states.ts'
import { CodecError } from '../../std/errors.ts'
import { identityOf } from '../access/identity.ts'
import { findJob, missingJob } from '../access/jobAccess.ts'
import { hasRole, isOutlined } from '../access/roles.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { partOf } from '../input/range.ts'
import { contentEtag, isNamed } from '../output/etag.ts'
import { respondJob } from '../output/job.ts'
import { methodNotAllowed } from '../output/method.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

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
  if (job.state === SUCCESS && (await isOutlined(c, scope, job.id))) return respondProblem(SEALED, path)
  if (job.state === SUCCESS && !job.resultOmitted) return respondContent(c, contentOf(job, scope))
  if (job.state === SUCCESS) return respondStored(c, job, scope)
  if (job.state === FAILURE || job.state === REVOKED) return respondEnd(c, job)
  return respondJob(job, baseOf(path, 3), 202, scope.durations.headersOf(job))
}

const SEALED: Problem = {
  kind: 'forbidden',
  detail: 'a codec seals the result: another than its owner needs the scope operator',
}

/** The content of an answer. */
interface Content {
  readonly type: string
  /** Bytes. */
  readonly size: number
  readonly etag: string
  /** All of it, or a part: `end` is behind it. */
  body(start: number, end: number): Uint8Array | Promise<ReadableStream<Uint8Array>>
}

const JSON_TYPE = 'application/json'
const BYTES_TYPE = 'application/octet-stream'

function contentOf(job: JobInfo, scope: HttpScope): Content {
  const { type, bytes } = encoded(job, scope)
  return bytesContent(type, bytes)
}

/** A content that is in memory. */
function bytesContent(type: string, bytes: Uint8Array): Content {
  return { type, size: bytes.length, etag: contentEtag(bytes), body: (start, end) => bytes.subarray(start, end) }
}

/** A result as an answer has it. */
function encoded({ task = '', result }: Pick<JobInfo, 'task' | 'result'>, scope: HttpScope): Encoded {
  if (result instanceof Uint8Array) return { type: typeOf('bytes', task, scope), bytes: result }
  const format = typeof result === 'string' ? 'text' : 'json'
  const type = typeOf(format, task, scope)
  return { type, bytes: Buffer.from(format === 'text' && !isJson(type) ? String(result) : toJson(result)) }
}

interface Encoded {
  readonly type: string
  readonly bytes: Uint8Array
}

/**
 * Bytes and text are of the task's type, where it names one; everything else, and text of a task that names none, is
 * JSON.
 */
function typeOf(format: 'bytes' | 'text' | 'json', task: string, { app }: HttpScope): string {
  const own = app.tasks.get(task)?.definition.options.contentType
  if (format === 'bytes') return own ?? BYTES_TYPE
  if (format === 'text' && own !== undefined && !isJson(own)) {
    const isBare = own.startsWith('text/') && !/;\s*charset=/i.test(own)
    return isBare ? `${own}; charset=utf-8` : own
  }
  return own !== undefined && isJson(own) ? own : JSON_TYPE
}

/** JSON, or a type that is written as JSON. */
function isJson(type: string): boolean {
  return /^[^;]*[/+]json\s*(?:;|$)/i.test(type)
}

/** Types that a browser runs scripts of: what is in a result may come from strangers. */
const ACTIVE_TYPES = /^(?:text\/html|[^;]*xml)/i
/** What these may do. */
const SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"

/** The content, or the part of it that is asked for. */
async function respondContent(c: Context, { type, size, etag, body }: Content): Promise<Response> {
  const headers: Record<string, string> = {
    etag,
    'cache-control': 'no-cache',
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
  }
  if (isNamed(c.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers })
  if (ACTIVE_TYPES.test(type)) headers['content-security-policy'] = SANDBOX
  const part = partOf(wantedRange(c, etag), size)
  if (part === 'none') return respondUnsatisfiable(c, size)
  headers['content-type'] = type
  if (part === 'all') return send(await body(0, size), size, 200, headers)
  // The range counts the bytes of the result: a part that a compressor changed could not be put together with the
  // others.
  headers['cache-control'] = 'no-cache, no-transform'
  headers['content-range'] = `bytes ${part.start}-${part.end}/${size}`
  return send(await body(part.start, part.end + 1), part.end + 1 - part.start, 206, headers)
}

/**
 * `Range`, unless it is meant for other bytes than these (`If-Range`) or the method is not GET, for which alone it is
 * defined.
 */
function wantedRange(c: Context, etag: string): string | undefined {
  const same = c.req.header('if-range')
  return c.req.method === 'GET' && (same === undefined || same === etag) ? c.req.header('range') : undefined
}

function send(
  body: Uint8Array | ReadableStream<Uint8Array>,
  size: number,
  status: number,
  headers: Record<string, string>,
): Response {
  return new Response(body as Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>, {
    status,
    headers: { ...headers, 'content-length': String(size) },
  })
}

function respondUnsatisfiable(c: Context, length: number): Response {
  const detail = `the result has ${length} bytes, got Range: ${c.req.header('range')}`
  const headers = { 'content-range': `bytes */${length}`, 'accept-ranges': 'bytes' }
  return respondProblem({ kind: 'range-not-satisfiable', detail, headers }, c.req.path)
}

/**
 * A result in the payload store, as it comes from there. What is not kept as the answer has it (JSON with dates, bytes
 * or numbers that JSON lacks), or is sealed, is read first.
 */
async function respondStored(c: Context, job: JobInfo, scope: HttpScope): Promise<Response> {
  const { id, task = '' } = job
  const stored = await scope.jobs.storedResult(id)
  if (!stored) return respondProblem(missingJob(c, scope), c.req.path)
  const { format, plain, size, sha256 } = stored
  const type = typeOf(format === 'msgpack' ? 'json' : format, task, scope)
  const etag = `"${Buffer.from(sha256, 'hex').toString('base64url').slice(0, 22)}"`
  const isAsKept = format === 'bytes' || (format === 'text' && !isJson(type)) || (format === 'json' && plain === true)
  if (isAsKept) {
    const body = async (start: number, end: number): Promise<ReadableStream<Uint8Array>> =>
      ReadableStream.from(await stored.stream(start === 0 && end === size ? undefined : { start, end: end - 1 }))
    return respondContent(c, { type, size, etag, body })
  }
  if (format === 'text') return respondQuoted(c, stored, etag, type)
  try {
    const content = encoded({ task, result: await stored.value() }, scope)
    return respondContent(c, bytesContent(content.type, content.bytes))
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    return respondEnd(c, {
      ...job,
      state: UNKNOWN,
      error: { type: error.name, message: error.message, traceback: undefined },
    })
  }
}

/** A text as JSON: its length is not known before its end, so there are no parts of it. */
async function respondQuoted(c: Context, stored: StoredResult, etag: string, type: string): Promise<Response> {
  const headers: Record<string, string> = { etag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' }
  if (isNamed(c.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers })
  if (ACTIVE_TYPES.test(type)) headers['content-security-policy'] = SANDBOX
  headers['content-type'] = type
  return new Response(ReadableStream.from(quoted(await stored.stream())) as ReadableStream<Uint8Array<ArrayBuffer>>, {
    headers,
  })
}

async function* quoted(text: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const escaped = (part: string): Uint8Array => Buffer.from(JSON.stringify(part).slice(1, -1))
  yield Buffer.from('"')
  for await (const bytes of text) yield escaped(decoder.decode(bytes, { stream: true }))
  yield escaped(decoder.decode())
  yield Buffer.from('"')
}

/**
 * 409 and not a 5xx: the same answer comes next time, so no proxy should try again. The traceback is of the server's
 * code: for operators, and never shown without authentication.
 */
function respondEnd(c: Context, { state, error }: JobInfo): Response {
  const { type, message, traceback } = error ?? { type: 'Error', message: '', traceback: undefined }
  const kind = state === REVOKED ? 'job-revoked' : state === FAILURE ? 'job-failed' : 'job-unreadable'
  const inside = identityOf(c) !== undefined && hasRole(c, 'operator') ? { traceback } : {}
  const members = { error: { type, message, ...inside } }
  return respondProblem({ kind, detail: `${type}: ${message}`, members }, c.req.path)
}
