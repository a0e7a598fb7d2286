import { type EventOptions, jobEvents, resultOf } from './events.ts'
import { parse, stringify } from './json.ts'
import { pause } from './pause.ts'
import { retryAfterOf, WaitTimeoutError } from './problem.ts'
import { queryOf } from './query.ts'
import { type AnyInput, type CallAnyOptions, idOf, post } from './submit.ts'
import type { Transport } from './transport.ts'
import type { JobDocument, JobEvent } from './types.ts'

/** How long to wait for a job. */
export interface WaitOptions {
  /** Longest wait, ms; then WaitTimeoutError, and the job goes on. Default: no end. */
  timeout?: number | undefined
  /** Ends the wait with its reason; the job goes on. */
  signal?: AbortSignal | undefined
}

/** How a job is cancelled. */
export interface CancelOptions {
  /** Also end a running job by force, where its pool can. */
  terminate?: boolean | undefined
  /** All of the workflow that it is in. */
  tree?: boolean | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** What changes of a job that waits; what is left out stays as it is. */
export interface ChangeOptions {
  /** Not before this moment; one that has passed: now. */
  eta?: Date | undefined
  /** Replaces all of the input. */
  input?: unknown
  /** Only for admins. */
  priority?: number | undefined
  /** Only for admins. */
  queue?: string | undefined
  /** Ends the request with its reason. */
  signal?: AbortSignal | undefined
}

/** How a job is submitted once more: with its own input where that was kept, or, by an admin, with another one. */
export interface RetryOptions extends Omit<CallAnyOptions, 'tags'> {
  /** As the task takes it: an object, or a list of arguments. */
  input?: unknown
  /** In its place: Celery's arguments, where the server has `fleet.anyTask`, as the options of a call. */
  call?: AnyInput | undefined
}

/** Final states, and that of a record that cannot be read. */
const FINAL_STATES = new Set(['SUCCESS', 'FAILURE', 'REVOKED', 'UNKNOWN'])
/** s that one request waits for a change: less than what proxies commonly allow. */
const LONG_POLL_S = 25
/** ms between requests where the server neither waits nor says when to ask next. */
const POLL_INTERVAL_MS = 1_000

/** A job on the server, by its id. */
export class JobHandle<Output = unknown, Progress = unknown, EventResult = Output, Chunk = unknown> {
  readonly id: string
  readonly #transport: Transport
  readonly #path: string

  constructor(id: string, transport: Transport) {
    if (typeof id !== 'string' || id === '') throw new TypeError(`job: expected an id, got ${String(id)}`)
    this.id = id
    this.#transport = transport
    this.#path = `/jobs/${encodeURIComponent(id)}`
  }

  /** The job as it is now. */
  async info(options: { signal?: AbortSignal | undefined } = {}): Promise<JobDocument> {
    return documentOf(await this.#transport.ask(this.#path, options))
  }

  /**
   * Wait for the end; the result. Throws ProblemError (`job-failed`, `job-revoked`, `job-unreadable`, `unknown-job`),
   * WaitTimeoutError, ConnectionError.
   */
  async result({ timeout, signal }: WaitOptions = {}): Promise<Output> {
    const limit = timeout === undefined ? undefined : AbortSignal.timeout(timeout)
    const both = limit && signal ? AbortSignal.any([limit, signal]) : (limit ?? signal)
    try {
      await this.#ended(both)
      return (await resultOf(this.#transport, this.id, both)) as Output
    } catch (error) {
      if (!limit?.aborted || signal?.aborted) throw error
      throw new WaitTimeoutError(`job ${this.id} was not ready within ${timeout} ms`, { cause: error })
    }
  }

  /** What happens to it, until its end: each event once, in order, across broken connections. */
  events(options: EventOptions = {}): AsyncGenerator<JobEvent<EventResult, Progress, Chunk>, void, void> {
    return jobEvents(this.#transport, this.id, options)
  }

  /**
   * Ask that it does not run, or stops. The job as it is then. Throws ProblemError `job-final` when it had ended
   * already.
   */
  async cancel({ signal, ...options }: CancelOptions = {}): Promise<JobDocument> {
    const path = this.#path + queryOf(options)
    return documentOf(await this.#transport.ask(path, { method: 'DELETE', signal }))
  }

  /**
   * Change it while it waits; an `eta` that has passed lets it run now. The job as it is then. Throws ProblemError
   * `job-not-waiting` where a worker has it or it has ended.
   */
  async change({ signal, ...changes }: ChangeOptions): Promise<JobDocument> {
    const headers = { 'content-type': 'application/json' }
    const body = stringify(changes)
    return documentOf(await this.#transport.ask(this.#path, { method: 'PATCH', headers, body, signal }))
  }

  /**
   * Submit it once more, after its end: the handle of the new job. `input` replaces that of before, and is for admins.
   * Throws ProblemError `job-active`, `input-not-kept`.
   */
  async retry(options: RetryOptions = {}): Promise<JobHandle<Output, Progress, EventResult, Chunk>> {
    const { input, call, queue, eta, countdown, priority, ...others } = options
    const query = queryOf({ call: call && true, queue, eta, countdown, priority })
    const body = call ? { args: call.args ?? [], kwargs: call.kwargs ?? {} } : input
    const response = await post(this.#transport, `${this.#path}/retry${query}`, body, others)
    return new JobHandle(await idOf(response), this.#transport)
  }

  /** Resolves when it has ended: the server holds each request until something changes. */
  async #ended(signal: AbortSignal | undefined): Promise<void> {
    for (let etag: string | null = null; ; ) {
      const headers = { prefer: `wait=${LONG_POLL_S}`, ...(etag === null ? {} : { 'if-none-match': etag }) }
      const response: Response = await this.#transport.ask(this.#path, { headers, signal, accept: [304] })
      if (response.status !== 304) {
        const { state } = (await response.json()) as JobDocument
        if (FINAL_STATES.has(state)) return
        etag = response.headers.get('etag')
      }
      // Without a tag, which a browser may not see, there is nothing to wait for a change of.
      if (etag === null) await pause(retryAfterOf(response) ?? POLL_INTERVAL_MS, signal)
    }
  }
}

/** Integers of any size stay exact. */
async function documentOf(response: Response): Promise<JobDocument> {
  return parse(await response.text()) as JobDocument
}
