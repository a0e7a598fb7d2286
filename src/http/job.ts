import type { JobInfo } from '../app/info.ts'
import { toJson } from '../protocol/plainJson.ts'
import { isFinal, PROGRESS, STARTED } from '../protocol/states.ts'

export { toJson } from '../protocol/plainJson.ts'

/** A job as HTTP shows it. */
export interface JobDocument {
  readonly id: string
  readonly task: string | null
  /** Celery's state, with PROGRESS shown as STARTED; or a state of the task's own. */
  readonly state: string
  /** Last value that the task reported, or what went with its own state; null where it said nothing. */
  readonly progress: unknown
  /** 1 at the first run, 1 more after each retry. */
  readonly attempt: number
  /** ISO 8601, or null where it has not happened. */
  readonly createdAt: string | null
  readonly startedAt: string | null
  readonly finishedAt: string | null
  /** After SUCCESS; not in lists. */
  readonly result?: unknown
  /** After FAILURE and REVOKED, and while RETRY waits. Never the traceback. */
  readonly error?: { readonly type: string; readonly message: string }
  readonly links: JobLinks
}

/** Paths of what belongs to a job. */
export interface JobLinks {
  readonly self: string
  readonly result: string
  readonly events: string
}

/** The document of a job. `base` is the API's prefix in the client's eyes. */
export function jobDocument(info: JobInfo, base: string): JobDocument {
  return {
    id: info.id,
    task: info.task ?? null,
    state: info.state === PROGRESS ? STARTED : info.state,
    progress: info.progress ?? null,
    attempt: info.retries + 1,
    createdAt: isoOf(info.submittedAt),
    startedAt: isoOf(info.startedAt),
    finishedAt: isoOf(info.finishedAt),
    result: info.state === 'SUCCESS' ? (info.result ?? null) : undefined,
    error: info.error && { type: info.error.type, message: info.error.message },
    links: jobLinks(base, info.id),
  }
}

/** The same as JSON. */
export function jobText(info: JobInfo, base: string): string {
  const document = jobDocument(info, base)
  // Only these can hold what JSON has no word for.
  return isScalar(document.progress) && isScalar(document.result) ? JSON.stringify(document) : toJson(document)
}

function isScalar(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'bigint')
}

export function jobLinks(base: string, id: string): JobLinks {
  const self = jobPath(base, id)
  return { self, result: `${self}/result`, events: `${self}/events` }
}

/** Without the result, which may be long. */
export function listedJob(info: JobInfo, base: string): JobDocument {
  return { ...jobDocument(info, base), result: undefined }
}

/** Ids of our own are among them. */
const UNESCAPED = /^[\w.~-]*$/

/** Path of a job; the id is escaped, so that it fits a header too. */
export function jobPath(base: string, id: string): string {
  return `${base}/jobs/${UNESCAPED.test(id) ? id : encodeURIComponent(id)}`
}

/** The answer that shows a job. While it is not final, the client is told when to ask again: after 1 s, unless `more` says otherwise. */
export function respondJob(
  info: JobInfo,
  base: string,
  status: number,
  more: Readonly<Record<string, string>> = {},
): Response {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  if (!isFinal(info.state)) headers['retry-after'] = '1'
  return new Response(jobText(info, base), { status, headers: { ...headers, ...more } })
}

function isoOf(date: Date | undefined): string | null {
  return date?.toISOString() ?? null
}
