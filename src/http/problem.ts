import type { ContentfulStatusCode } from 'hono/utils/http-status'

interface ProblemType {
  readonly status: ContentfulStatusCode
  readonly title: string
}

/** Names of the problems. They end the type URIs, so they never change. */
export type ProblemKind =
  | 'malformed-body'
  | 'invalid-query'
  | 'not-found'
  | 'unknown-task'
  | 'unknown-job'
  | 'method-not-allowed'
  | 'job-final'
  | 'job-failed'
  | 'job-revoked'
  | 'body-too-large'
  | 'unsupported-media-type'
  | 'invalid-input'
  | 'internal-error'
  | 'cannot-list'
  | 'store-unavailable'

/** Every problem that the API answers with (RFC 9457); `docs/http.md` explains each. */
export const PROBLEMS: Readonly<Record<ProblemKind, ProblemType>> = {
  'malformed-body': { status: 400, title: 'The body cannot be read' },
  'invalid-query': { status: 400, title: 'A query parameter is wrong' },
  'not-found': { status: 404, title: 'Nothing is here' },
  'unknown-task': { status: 404, title: 'No such task' },
  'unknown-job': { status: 404, title: 'No such job' },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here' },
  'job-final': { status: 409, title: 'The job has ended already' },
  'job-failed': { status: 409, title: 'The job failed' },
  'job-revoked': { status: 409, title: 'The job was revoked' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body is not of an accepted type' },
  'invalid-input': { status: 422, title: "The input does not fit the task's schema" },
  'internal-error': { status: 500, title: 'The server failed' },
  'cannot-list': { status: 501, title: 'The store keeps no list of jobs' },
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

/** One thing that is wrong with the input: where (a JSON Pointer as a URI fragment, RFC 6901 §6), a word for programs, and one for people. */
export interface InputError {
  readonly pointer: string
  /** `required`: nothing is there; `type`: not the kind of value that is taken here; `invalid`: the schema refuses it; `unsendable`: it cannot be carried. */
  readonly code: 'required' | 'type' | 'invalid' | 'unsendable'
  readonly detail: string
}

/** The stable type URI of a problem. */
export function problemType(kind: ProblemKind): string {
  return `urn:celeriac:problem:${kind}`
}

/** The answer to a request that met a problem. `path` is the request's. */
export function respondProblem({ kind, detail, headers, members }: Problem, path: string): Response {
  const { status, title } = PROBLEMS[kind]
  const body = JSON.stringify({ type: problemType(kind), title, status, detail, instance: path, ...members })
  return new Response(body, {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
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
