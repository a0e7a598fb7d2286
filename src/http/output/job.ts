import type { History } from '../../backend/eventLog.ts'
import type { JobInfo } from '../../calls/jobInfo.ts'
import type { JobDocument, JobLinks } from '../../protocol/jobDocument.ts'
import { toJson } from '../../protocol/plainJson.ts'
import { isFinal, PROGRESS, STARTED } from '../../protocol/states.ts'
import { jobEtag } from './etag.ts'
import type { Durations } from './retryAfter.ts'

/** The document of a job. `base` is the API's prefix in the client's eyes. */
export function jobDocument(info: JobInfo, base: string): JobDocument {
  return {
    id: info.id,
    task: info.task ?? null,
    state: info.state === PROGRESS ? STARTED : info.state,
    progress: info.progress ?? null,
    attempt: info.attempt,
    createdAt: isoOf(info.submittedAt),
    startedAt: isoOf(info.startedAt),
    finishedAt: isoOf(info.finishedAt),
    ...(info.traceparent !== undefined && { traceparent: info.traceparent }),
    result: info.state === 'SUCCESS' && !info.error && !info.resultOmitted ? (info.result ?? null) : undefined,
    ...(info.resultOmitted && { resultOmitted: true }),
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
const UNESCAPED_ID = /^[\w.~-]*$/

/** Path of a job; the id is escaped, so that it fits a header too. */
export function jobPath(base: string, id: string): string {
  return `${base}/jobs/${UNESCAPED_ID.test(id) ? id : encodeURIComponent(id)}`
}

/**
 * The answer that shows a job. While it is not final, `Retry-After` says when to ask again: after 1 s, unless `more`
 * says otherwise.
 */
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

/** The headers that go with the document of a job. */
export function shownHeaders(history: History, info: JobInfo, durations: Durations): Record<string, string> {
  return {
    'content-type': 'application/json',
    'cache-control': 'no-cache',
    etag: jobEtag(history),
    ...durations.headersOf(info),
  }
}
