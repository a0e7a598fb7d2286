import type { JobInfo } from '../app/info.ts'
import { isFinal, PROGRESS, STARTED } from '../protocol/states.ts'

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
  readonly links: { readonly self: string; readonly result: string }
}

/** The document of a job. `base` is the API's prefix in the client's eyes. */
export function jobDocument(info: JobInfo, base: string): JobDocument {
  const self = jobPath(base, info.id)
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
    links: { self, result: `${self}/result` },
  }
}

/** Without the result, which may be long. */
export function listedJob(info: JobInfo, base: string): JobDocument {
  return { ...jobDocument(info, base), result: undefined }
}

/** Path of a job; the id is escaped, so that it fits a header too. */
export function jobPath(base: string, id: string): string {
  return `${base}/jobs/${encodeURIComponent(id)}`
}

/** The answer that shows a job. While it is not final, the client is told when to ask again. */
export function respondJob(info: JobInfo, base: string, status: number): Response {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  if (!isFinal(info.state)) headers['retry-after'] = '1'
  return new Response(toJson(jobDocument(info, base)), { status, headers })
}

const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown }

/** JSON of any stored value: bigint as an integer of all its digits, bytes as base64, Date as ISO 8601, no number (NaN, infinities) as null. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, carry) ?? 'null'
}

function carry(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawJSON(value.toString())
  if (typeof value !== 'object' || value === null) return value
  // Asked of the holder, as a Buffer has turned itself into an object of numbers by now.
  const original = (this as Record<string, unknown>)[key]
  if (!(original instanceof Uint8Array)) return value
  return Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString('base64')
}

function isoOf(date: Date | undefined): string | null {
  return date?.toISOString() ?? null
}
