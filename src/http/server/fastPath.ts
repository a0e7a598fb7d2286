import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Hono } from 'hono'
import type { History } from '../../backend/eventLog.ts'
import { infoOf } from '../../calls/jobInfo.ts'
import type { AnyTask } from '../../calls/task.ts'
import { runWithin } from '../../tasks/current.ts'
import type { Load } from '../access/admission.ts'
import { historyOf } from '../access/jobAccess.ts'
import { sourceOf } from '../adapters/context.ts'
import { nodeFacts } from '../adapters/facts.ts'
import type { HttpScope } from '../apiContext.ts'
import { parseBody } from '../input/body.ts'
import { type Input, inputErrors, inputOfValue } from '../input/input.ts'
import { openOptions, send } from '../input/submit.ts'
import type { RouteCount } from '../metrics.ts'
import { acceptedHeaders, acceptedText } from '../output/acceptedJob.ts'
import { jobPath, jobText, shownHeaders } from '../output/job.ts'

/*
 * The two requests that come most, in their plainest form, straight from Node's server: a call whose body is JSON, and
 * a look at a job. It saves them the half of their time that a router and the standard's Request and Response take.
 * Whatever is not plain, and whatever goes wrong before something was done, takes the ordinary way, which alone knows
 * all the rules.
 */

export type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** What of an API the direct way needs. */
export interface DirectApi {
  readonly base: string
  readonly scope: HttpScope
  readonly load: Load
  /** Whatever is thrown, as the API answers it. */
  respondError(error: unknown, method: string, path: string): Response
}

const open = new WeakMap<Hono, DirectApi>()

/** Serve an API directly, where it has no `authorize`, no rate limit and no allowed origins. */
export function openDirectly(api: Hono, direct: DirectApi): void {
  open.set(api, direct)
  const { onError } = api
  // An error handler of the application must see all errors.
  api.onError = (handler) => {
    open.delete(api)
    return onError(handler)
  }
}

/** A name or an id that no encoding changes. */
const PLAIN_SEGMENT = /^\w[\w.-]{0,254}$/
const HOST = /^[\w.-]+(?::\d{1,5})?$/
/** A request with any of these headers takes the ordinary path. */
const ORDINARY_HEADERS = [
  'prefer',
  'idempotency-key',
  'celeriac-webhook',
  'content-encoding',
  'transfer-encoding',
  'origin',
  'sec-fetch-site',
] as const

/** Takes what is plain; all else is for `ordinary`. */
export function directListener(api: Hono, ordinary: Listener): Listener {
  const direct = open.get(api)
  if (!direct) return ordinary
  const tasks = `${direct.base}/tasks/`
  const jobs = `${direct.base}/jobs/`
  const { metrics } = direct.scope
  const calls = metrics?.route('POST', `${tasks}:name`)
  const looks = metrics?.route('GET', `${jobs}:id`)
  return (request, response) => {
    const { url = '', headers } = request
    const { host = '' } = headers
    if (!open.has(api) || !HOST.test(host)) return ordinary(request, response)
    if (request.method === 'GET' && url.startsWith(jobs)) {
      const id = url.slice(jobs.length)
      if (PLAIN_SEGMENT.test(id) && headers['if-none-match'] === undefined && headers.prefer === undefined)
        return show(direct, id, new Exchange(direct, request, response, ordinary, looks))
    } else if (request.method === 'POST' && url.startsWith(tasks)) {
      const name = url.slice(tasks.length)
      if (isPlainCall(request, name, direct.scope))
        return submit(direct, name, new Exchange(direct, request, response, ordinary, calls))
    }
    return ordinary(request, response)
  }
}

function isPlainCall({ headers }: IncomingMessage, name: string, { exposed, scopesOf, maxBody }: HttpScope): boolean {
  const { 'content-type': type, 'content-length': length } = headers
  if (type !== 'application/json' || length === undefined || !(Number(length) > 0 && Number(length) <= maxBody))
    return false
  return (
    PLAIN_SEGMENT.test(name) &&
    exposed.has(name) &&
    (scopesOf.get(name) ?? []).length === 0 &&
    ORDINARY_HEADERS.every((header) => headers[header] === undefined)
  )
}

/**
 * One request and its answer. It counts among those that are worked on until it is answered, passed on, or its client
 * has disconnected.
 */
class Exchange {
  readonly request: IncomingMessage
  readonly path: string
  readonly #response: ServerResponse
  readonly #api: DirectApi
  readonly #ordinary: Listener
  readonly #count: RouteCount | undefined
  readonly #start: number
  #counts = false

  constructor(
    api: DirectApi,
    request: IncomingMessage,
    response: ServerResponse,
    ordinary: Listener,
    count: RouteCount | undefined,
  ) {
    this.#count = count
    this.#start = count ? performance.now() : 0
    this.#api = api
    this.request = request
    this.path = request.url as string
    this.#response = response
    this.#ordinary = ordinary
  }

  /** False where too many requests are worked on: it is then passed on, to be refused. */
  enter(): boolean {
    if (!this.#api.load.enter()) {
      this.handOn()
      return false
    }
    this.#counts = true
    return true
  }

  leave(): void {
    if (this.#counts) this.#api.load.leave()
    this.#counts = false
  }

  /** The ordinary way from the beginning, with the body where it was read. */
  handOn(body?: Buffer): void {
    this.leave()
    // Where the adapter looks for a body that was read before.
    if (body) Object.assign(this.request, { rawBody: body })
    this.#ordinary(this.request, this.#response)
  }

  answer(status: number, headers: Record<string, string | number>, text: string): void {
    this.leave()
    this.#count?.answered(status, this.#start)
    const length = Buffer.byteLength(text)
    headers['content-length'] = length
    this.#response.writeHead(status, headers)
    // Nothing but ASCII is the same in both, and one of them is quicker.
    this.#response.end(text, length === text.length ? 'latin1' : 'utf8')
  }

  async fail(error: unknown): Promise<void> {
    const answer = this.#api.respondError(error, this.request.method as string, this.path)
    this.answer(answer.status, Object.fromEntries(answer.headers), await answer.text())
  }
}

function submit({ base, scope }: DirectApi, name: string, exchange: Exchange): void {
  if (!exchange.enter()) return
  const { request } = exchange
  const length = Number(request.headers['content-length'])
  const chunks: Buffer[] = []
  let received = 0
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    received += chunk.length
    if (received === length)
      hand(scope, name, base, exchange, received === chunk.length ? chunk : Buffer.concat(chunks))
  })
  // Without its end: the client has gone, or took too long.
  request.on('close', () => {
    if (!request.complete) exchange.leave()
  })
}

function hand(scope: HttpScope, name: string, base: string, exchange: Exchange, bytes: Buffer): void {
  const task = scope.app.tasks.get(name)
  const body = parseBody(bytes)
  const read = body.kind === 'value' ? inputOfValue(task, body.value) : undefined
  if (!read || read.error) exchange.handOn(bytes)
  else call(scope, { name, task, input: read.input, base, bytes }, exchange)
}

interface Given {
  readonly name: string
  readonly task: AnyTask | undefined
  readonly input: Input
  readonly base: string
  readonly bytes: Buffer
}

function call(scope: HttpScope, { name, task, input, base, bytes }: Given, exchange: Exchange): void {
  const { request } = exchange
  const failed = (error: unknown): void => {
    // Nothing was sent, and the ordinary way says why.
    if (inputErrors(error, input, task)) exchange.handOn(bytes)
    else void exchange.fail(error)
  }
  const at = scope.app.config.clock.now()
  const source = sourceOf(scope.app, nodeFacts(request), request, {})
  try {
    runWithin(source, () => send(scope, name, task, input, openOptions(scope))).then(({ id, sent }) => {
      const self = jobPath(base, id)
      exchange.answer(202, acceptedHeaders(self, !sent, undefined), acceptedText(id, at, name, self))
    }, failed)
  } catch (error) {
    failed(error)
  }
}

function show({ base, scope }: DirectApi, id: string, exchange: Exchange): void {
  if (!exchange.enter()) return
  historyOf(scope, id)
    .then((history) => (history ? answerJob(scope, history, base, exchange) : exchange.handOn()))
    .catch((error: unknown) => exchange.fail(error))
}

function answerJob({ durations }: HttpScope, history: History, base: string, exchange: Exchange): void {
  const info = infoOf(history.meta)
  durations.see(info)
  exchange.answer(200, shownHeaders(history, info, durations), jobText(info, base))
}
