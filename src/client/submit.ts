import { stringify } from './json.ts'
import { ProblemError } from './problem.ts'
import type { Ask, Transport } from './transport.ts'
import type { JobDocument } from './types.ts'

/** How a job is submitted. */
export interface SubmitOptions {
  /**
   * Calls with the same key are one call: the first makes the job, the others get it. Default: a new one, so that a
   * repeat by this client is one call.
   */
  idempotencyKey?: string | undefined
  /** URL that the server notifies when the job has ended. */
  webhook?: string | undefined
  /** Words to find the job by, as the option `tags` of a call. */
  tags?: readonly string[] | undefined
  /** Ends the request, and the wait of `run`, with its reason; a job that was submitted goes on. */
  signal?: AbortSignal | undefined
}

/** What a task is called with, as Celery sends it. */
export interface AnyInput {
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
}

/** How a call of any task is submitted, which an admin may do where the server lets it. */
export interface CallAnyOptions extends SubmitOptions {
  /** Default: that of the app's options. */
  queue?: string | undefined
  /** Not before then. */
  eta?: Date | undefined
  /** In place of `eta`: not before so many seconds from now. */
  countdown?: number | undefined
  /** 0 to 255. */
  priority?: number | undefined
}

/**
 * A repeat must be the same call, so it has a key. Where the server cannot store keys and the caller gave none, it is
 * sent without one, once.
 */
export async function post(
  transport: Transport,
  path: string,
  input: unknown,
  { idempotencyKey, webhook, tags, signal }: SubmitOptions,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const place = path + tagsQuery(path, tags)
  const headers = {
    'content-type': 'application/json',
    ...(webhook === undefined ? {} : { 'celeriac-webhook': webhook }),
    ...more,
  }
  const ask: Ask = { method: 'POST', headers, ...(input !== undefined && { body: stringify(input) }), signal }
  const key = `"${(idempotencyKey ?? newKey()).replace(/["\\]/g, '\\$&')}"`
  try {
    return await transport.ask(place, { ...ask, headers: { ...headers, 'idempotency-key': key } })
  } catch (error) {
    const cannot = error instanceof ProblemError && error.kind === 'cannot-remember'
    if (!cannot || idempotencyKey !== undefined) throw error
    return transport.ask(place, { ...ask, retries: 0 })
  }
}

/** In the query of a path that may have one. */
function tagsQuery(path: string, tags: readonly string[] = []): string {
  if (tags.length === 0) return ''
  return `${path.includes('?') ? '&' : '?'}${new URLSearchParams(tags.map((tag): [string, string] => ['tag', tag]))}`
}

/** Where a task is called. */
export function pathOf(task: string): string {
  return `/tasks/${encodeURIComponent(task)}`
}

/** 128 random bits. `randomUUID` is only there on pages with TLS. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Of the job that an answer describes. */
export async function idOf(response: Response): Promise<string> {
  return ((await response.json()) as JobDocument).id
}
