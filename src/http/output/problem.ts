import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { escapePath } from './path.ts'

interface ProblemType {
  readonly status: ContentfulStatusCode
  readonly title: string
}

/** Names of the problems. They end the type URIs, so they never change. */
export type ProblemKind =
  | 'malformed-request'
  | 'malformed-body'
  | 'invalid-query'
  | 'invalid-workflow'
  | 'invalid-event-id'
  | 'invalid-idempotency-key'
  | 'invalid-webhook'
  | 'unauthorized'
  | 'forbidden'
  | 'cross-origin'
  | 'not-found'
  | 'unknown-task'
  | 'unknown-job'
  | 'unknown-batch'
  | 'unknown-wait'
  | 'unknown-worker'
  | 'unknown-schedule'
  | 'method-not-allowed'
  | 'request-timeout'
  | 'key-in-use'
  | 'not-unique'
  | 'job-active'
  | 'worker-refused'
  | 'schedule-exists'
  | 'schedule-in-code'
  | 'input-not-kept'
  | 'job-final'
  | 'job-not-waiting'
  | 'job-failed'
  | 'job-revoked'
  | 'job-unreadable'
  | 'wait-completed'
  | 'job-expired'
  | 'wait-over'
  | 'schedule-changed'
  | 'body-too-large'
  | 'unsupported-media-type'
  | 'range-not-satisfiable'
  | 'misdirected-request'
  | 'key-reused'
  | 'invalid-input'
  | 'rate-limited'
  | 'headers-too-large'
  | 'internal-error'
  | 'cannot-join'
  | 'cannot-change'
  | 'cannot-limit'
  | 'cannot-control'
  | 'cannot-peek'
  | 'cannot-list'
  | 'cannot-remember'
  | 'not-recorded'
  | 'audit-unavailable'
  | 'cannot-schedule'
  | 'overloaded'
  | 'queue-full'
  | 'store-unavailable'

/** Every problem that the API answers with (RFC 9457); `docs/http.md` explains each. */
export const PROBLEMS: Readonly<Record<ProblemKind, ProblemType>> = {
  'malformed-request': { status: 400, title: 'The request cannot be read' },
  'malformed-body': { status: 400, title: 'The body cannot be read' },
  'invalid-event-id': { status: 400, title: 'The id of the last event cannot be read' },
  'invalid-workflow': { status: 400, title: 'The workflow cannot be sent' },
  'invalid-query': { status: 400, title: 'A query parameter is wrong' },
  'invalid-idempotency-key': { status: 400, title: 'The idempotency key cannot be read' },
  'invalid-webhook': { status: 400, title: 'The webhook is not allowed' },
  unauthorized: { status: 401, title: 'Authentication is required' },
  forbidden: { status: 403, title: 'This is not permitted' },
  'cross-origin': { status: 403, title: 'A page of another origin may not do this' },
  'not-found': { status: 404, title: 'There is nothing at this path' },
  'unknown-task': { status: 404, title: 'No such task' },
  'unknown-job': { status: 404, title: 'No such job' },
  'unknown-batch': { status: 404, title: 'No such batch' },
  'unknown-schedule': { status: 404, title: 'No such schedule' },
  'unknown-wait': { status: 404, title: 'No such wait' },
  'unknown-worker': { status: 404, title: 'No worker of this name answers' },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'key-in-use': { status: 409, title: 'The first request with this key is still being accepted' },
  'not-unique': { status: 409, title: 'Another job has the key of this call' },
  'job-active': { status: 409, title: 'The job has not ended yet' },
  'worker-refused': { status: 409, title: 'The worker refused the command' },
  'schedule-exists': { status: 409, title: 'There is a schedule of this name' },
  'schedule-in-code': { status: 409, title: 'The schedule is defined in code' },
  'input-not-kept': { status: 409, title: 'The input of the job is not known any more' },
  'job-final': { status: 409, title: 'The job has ended already' },
  'job-not-waiting': { status: 409, title: 'The job does not wait any more' },
  'job-failed': { status: 409, title: 'The job failed' },
  'job-revoked': { status: 409, title: 'The job was revoked' },
  'job-unreadable': { status: 409, title: 'The record of the job cannot be read' },
  'wait-completed': { status: 409, title: 'It has been answered already' },
  'job-expired': { status: 410, title: 'The job is not kept any more' },
  'wait-over': { status: 410, title: 'The task does not wait any more' },
  'schedule-changed': { status: 412, title: 'The schedule was changed since' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body is not of an accepted type' },
  'range-not-satisfiable': { status: 416, title: 'The result has no such part' },
  'misdirected-request': { status: 421, title: 'This server does not answer under that name' },
  'key-reused': { status: 422, title: 'The key was used for another request' },
  'invalid-input': { status: 422, title: "The input does not fit the task's schema" },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'internal-error': { status: 500, title: 'Internal server error' },
  'cannot-join': { status: 501, title: 'The stores cannot join such a workflow' },
  'cannot-change': { status: 501, title: 'The store changes no job that waits' },
  'cannot-limit': { status: 501, title: 'The store keeps no limits' },
  'cannot-control': { status: 501, title: 'The worker does not know the command' },
  'cannot-peek': { status: 501, title: 'The store shows no messages that wait' },
  'cannot-list': { status: 501, title: 'The store keeps no list of jobs' },
  'cannot-remember': { status: 501, title: 'The store keeps nothing but jobs' },
  'not-recorded': { status: 501, title: 'Nothing is recorded here' },
  'audit-unavailable': { status: 503, title: 'The audit log cannot be written' },
  'cannot-schedule': { status: 501, title: 'The stores keep no schedule' },
  overloaded: { status: 503, title: 'The server is overloaded' },
  'queue-full': { status: 503, title: 'The queue of the task is full' },
  'store-unavailable': { status: 503, title: 'The store does not answer' },
}

/** A problem as data, before it becomes an answer. */
export interface Problem {
  readonly kind: ProblemKind
  /** What happened this time, for people. */
  readonly detail: string
  /** Headers that go with it, as `Allow`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Members of its own beside those of RFC 9457, as `errors`. */
  readonly members?: Readonly<Record<string, unknown>>
}

/**
 * One thing that is wrong with the input: where (a JSON Pointer as a URI fragment, RFC 6901 §6), a code for programs,
 * and a text for people.
 */
export interface InputError {
  readonly pointer: string
  /**
   * `required`: nothing is there; `type`: not the kind of value that is taken here; `invalid`: the schema refuses it;
   * `unsendable`: it cannot be carried.
   */
  readonly code: 'required' | 'type' | 'invalid' | 'unsendable'
  readonly detail: string
}

/** The stable type URI of a problem. */
export function problemType(kind: ProblemKind): string {
  return `urn:celeriac:problem:${kind}`
}

/** The document of a problem; `path` is the request's, where it is known. */
export function problemDocument({ kind, detail, members }: Problem, path?: string): Readonly<Record<string, unknown>> {
  const { status, title } = PROBLEMS[kind]
  return { type: problemType(kind), title, status, detail, instance: path && escapePath(path), ...members }
}

/** The answer to a request that met a problem. `path` is the request's, where it is known. */
export function respondProblem(problem: Problem, path?: string): Response {
  return new Response(JSON.stringify(problemDocument(problem, path)), {
    status: PROBLEMS[problem.kind].status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...problem.headers },
  })
}

/** `['a/b', 0]` as `#/a~1b/0`. */
export function pointerTo(path: readonly (string | number)[]): string {
  return path.reduce<string>((pointer, step) => `${pointer}/${escapeStep(String(step))}`, '#')
}

/** Half surrogates, which no URI can hold, become U+FFFD. */
function escapeStep(step: string): string {
  return encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1').toWellFormed())
}
