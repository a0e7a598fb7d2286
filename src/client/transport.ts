import { backoff, pause } from './pause.ts'
import { ConnectionError, type ProblemError, problemOf } from './problem.ts'

/** How a client reaches the server. */
export interface ClientOptions {
  /** Path of the API below the URL. Default `/v1`, as the server's. */
  basePath?: string | undefined
  /** Sent as `Authorization: Bearer …`; a function is asked for each request. */
  token?: string | (() => string | Promise<string>) | undefined
  /** Headers of every request. */
  headers?: Readonly<Record<string, string>> | undefined
  /**
   * How often a request that did not get through is repeated, and a broken event stream is taken up again without an
   * event between. Default 5.
   */
  retries?: number | undefined
  /** Used in place of the global one. */
  fetch?: typeof fetch | undefined
}

/** One request. */
export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
  /** Statuses beside 2xx that are answers, and no problems. */
  readonly accept?: readonly number[]
  /** Default: the client's. */
  readonly retries?: number
}

const KNOWN_OPTIONS = new Set(['basePath', 'token', 'headers', 'retries', 'fetch'])
const DEFAULT_RETRIES = 5
/** Statuses of servers and proxies that may differ at the next attempt. */
export const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504])
/** Browsers give answers of these statuses an empty body, and refuse to make one with it. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304])

/** Asks the server: with the client's headers, again after what may pass. */
export class Transport {
  readonly retries: number
  readonly #base: string
  readonly #options: ClientOptions

  /** Throws TypeError for options that cannot be. */
  constructor(url: string, options: ClientOptions) {
    if (typeof url !== 'string') throw new TypeError(`createClient: expected the URL of a server, got ${String(url)}`)
    for (const name of Object.keys(options))
      if (!KNOWN_OPTIONS.has(name))
        throw new TypeError(`createClient: unknown option ${name}; known are ${[...KNOWN_OPTIONS].join(', ')}`)
    const { basePath = '/v1', retries = DEFAULT_RETRIES } = options
    if (!Number.isInteger(retries) || retries < 0)
      throw new TypeError(`createClient: retries: expected a whole number >= 0, got ${String(retries)}`)
    refuseUser(url)
    this.#base = url.replace(/\/+$/, '') + basePath
    this.#options = options
    this.retries = retries
  }

  /**
   * The answer. What did not get through, and what the server asks to be repeated, is repeated: give it only what may
   * be. Throws ProblemError, ConnectionError, and the signal's reason.
   */
  async ask(path: string, ask: Ask = {}): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#try(path, ask)
      if (!(answer instanceof Error)) return answer
      if (attempt >= (ask.retries ?? this.retries) || !isPassing(answer)) throw answer
      const wait = 'retryAfter' in answer ? answer.retryAfter : undefined
      await pause(wait ?? backoff(attempt), ask.signal)
    }
  }

  /** One attempt: the answer, or the error instead. Rejects with the signal's reason alone. */
  async #try(path: string, ask: Ask): Promise<Response | ProblemError | ConnectionError> {
    const response = await this.#whole(path, ask)
    if (response instanceof Error) return response
    if (response.ok || ask.accept?.includes(response.status)) return response
    return problemOf(response)
  }

  /** One attempt with all of its answer: one that breaks off is none. */
  async #whole(path: string, ask: Ask): Promise<Response | ConnectionError> {
    const response = await this.once(path, ask)
    if (response instanceof Error || !response.body || WITHOUT_BODY.has(response.status)) return response
    try {
      return new Response(await response.arrayBuffer(), response)
    } catch (error) {
      if (ask.signal?.aborted) throw ask.signal.reason
      return new ConnectionError(`the answer from ${this.#base}${path} broke off: ${wordsOf(error)}`, { cause: error })
    }
  }

  /** One attempt, whatever the status; its body comes as it does. */
  async once(path: string, { method = 'GET', headers = {}, body, signal }: Ask): Promise<Response | ConnectionError> {
    signal?.throwIfAborted()
    const { fetch: own = fetch, headers: always = {} } = this.#options
    const init = { method, headers: { ...always, ...(await this.#authorization()), ...headers }, body, signal }
    try {
      return await own(this.#base + path, init as RequestInit)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      return new ConnectionError(`no answer from ${this.#base}${path}: ${wordsOf(error)}`, { cause: error })
    }
  }

  async #authorization(): Promise<Record<string, string>> {
    const { token } = this.#options
    if (token === undefined) return {}
    return { authorization: `Bearer ${typeof token === 'function' ? await token() : token}` }
  }
}

/**
 * `fetch` refuses a URL with a user at each call, and repeats it in its error. An unescaped password may reach into the
 * path.
 */
function refuseUser(url: string): void {
  if (/^https?:\/\//i.test(url) && (url.includes('@') || !URL.canParse(url)))
    throw new TypeError(
      'createClient: expected the URL of a server without a user (see the options token and headers), an @ in its path as %40',
    )
}

/** It may go well next time. */
function isPassing(failure: ProblemError | ConnectionError): boolean {
  if (failure instanceof ConnectionError) return true
  return TRANSIENT_STATUSES.has(failure.status) || failure.kind === 'key-in-use'
}

/** Node says why in the cause. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
