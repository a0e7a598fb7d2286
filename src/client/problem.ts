/** A problem document (RFC 9457), as the server sent it, with whatever members it has beside these. */
export interface ProblemDocument {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly instance?: string
  readonly [member: string]: unknown
}

/** The server refused, or the job failed: `kind` says which, `problem` has all of it. */
export class ProblemError extends Error {
  override readonly name: string = 'ProblemError'
  readonly problem: ProblemDocument
  readonly status: number
  /**
   * Last part of the type, as `invalid-input`, `job-failed`, `rate-limited`; the whole of it where it is another
   * server's.
   */
  readonly kind: string
  /** ms after which another attempt makes sense, where the server said so. */
  readonly retryAfter: number | undefined

  constructor(problem: ProblemDocument, retryAfter?: number) {
    super(problem.detail ?? problem.title)
    this.problem = problem
    this.status = problem.status
    this.kind = problem.type.replace(/^urn:celeriac:problem:/, '')
    this.retryAfter = retryAfter
  }
}

/** The server could not be reached, or the connection broke, as often as it was tried. `cause` is the last error. */
export class ConnectionError extends Error {
  override readonly name: string = 'ConnectionError'
}

/** The wait was over before the job. The job goes on. */
export class WaitTimeoutError extends Error {
  override readonly name: string = 'WaitTimeoutError'
}

/** The error of an answer that is none of 2xx; one without a problem document, as a proxy's, becomes one. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const retryAfter = retryAfterOf(response)
  if (/^application\/problem\+json/i.test(response.headers.get('content-type') ?? '')) {
    return new ProblemError((await response.json()) as ProblemDocument, retryAfter)
  }
  await response.body?.cancel()
  const { status, statusText } = response
  return new ProblemError({ type: 'about:blank', title: statusText || `HTTP ${status}`, status }, retryAfter)
}

/** `Retry-After` in ms: seconds or a date. */
export function retryAfterOf({ headers }: Response): number | undefined {
  const value = headers.get('retry-after')?.trim()
  if (value === undefined || value === '') return undefined
  const delay = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(delay) ? Math.max(0, delay) : undefined
}
