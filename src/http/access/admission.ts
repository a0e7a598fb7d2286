import type { Context, Hono } from 'hono'
import { headersOf } from '../input/header.ts'
import { type Problem, respondProblem } from '../output/problem.ts'
import { type Authorize, requireIdentity } from './auth.ts'
import { type Cors, corsHeaders, crossOriginProblem, preflight, SAFE_METHODS } from './crossOrigin.ts'
import { type Identity, identify } from './identity.ts'
import type { RateLimiter } from './rateLimit.ts'
import { giveRole, roleOf } from './roles.ts'

/** What every request must pass. */
export interface GateOptions {
  readonly authorize: Authorize | undefined
  readonly limiter: RateLimiter | undefined
  readonly cors: Cors | undefined
  readonly load: Load
  /** Nothing may be changed. */
  readonly readOnly: boolean
  /** Scopes may be roles. */
  readonly roles: boolean
}

/** The requests that are worked on. */
export class Load {
  readonly most: number
  #working = 0

  constructor(most: number) {
    this.most = most
  }

  /** One more; false where there are too many. */
  enter(): boolean {
    if (this.#working >= this.most) return false
    this.#working++
    return true
  }

  leave(): void {
    this.#working--
  }
}

const VIEWER: Problem = { kind: 'forbidden', detail: 'a viewer changes nothing' }
const READ_ONLY: Problem = { kind: 'forbidden', detail: 'this API is read-only' }

/** Headers that every answer gets. */
type More = Record<string, string>

/** Seconds after which a client may try again when the server was too busy. */
const BUSY_RETRY_AFTER_S = '1'

/**
 * Put before every route that is added after it: who asks too much, from a page of another origin, without a right to,
 * or too often, gets no further.
 */
export function addGate(api: Hono, options: GateOptions): void {
  const { cors, limiter, load } = options
  const adds = cors !== undefined || limiter !== undefined
  api.use('*', async (c, next) => {
    if (!load.enter()) return respondProblem(overloaded(load.most), c.req.path)
    try {
      const more: More = cors ? corsHeaders(headersOf(c)('origin'), cors) : {}
      const refused = await enter(c, options, more)
      if (refused) return adds ? withHeaders(refused, more) : refused
      await next()
      if (adds) for (const [name, value] of Object.entries(more)) c.res.headers.append(name, value)
      return undefined
    } finally {
      load.leave()
    }
  })
}

/** The answer to whom is not let in; undefined, where it may go on. */
function enter(c: Context, options: GateOptions, more: More): Response | undefined | Promise<Response | undefined> {
  const { method, path } = c.req
  const header = headersOf(c)
  const { cors, authorize, limiter } = options
  const answer = cors && preflight(method, header, cors)
  if (answer) return answer
  const foreign = crossOriginProblem(method, header, cors)
  if (foreign) return respondProblem(foreign, path)
  if (options.readOnly && !SAFE_METHODS.has(method)) return respondProblem(READ_ONLY, path)
  return authorize ? authorizeAndCount(c, authorize, options, more) : limiter && count(c, limiter, undefined, more)
}

async function authorizeAndCount(
  c: Context,
  authorize: Authorize,
  { limiter, roles }: GateOptions,
  more: More,
): Promise<Response | undefined> {
  const { raw, path } = c.req
  const found = await authorize(raw, { address: addressOf(c) })
  if (found instanceof Response) return found
  if (!found) {
    // Guesses are counted, too: by their address.
    const tooMany = limiter && count(c, limiter, undefined, more)
    const challenge = authorize.challenge?.(raw) ?? 'Bearer'
    const detail = 'expected valid credentials in the header Authorization'
    return tooMany ?? respondProblem({ kind: 'unauthorized', detail, headers: { 'www-authenticate': challenge } }, path)
  }
  requireIdentity(found, 'authorize')
  identify(c, found)
  if (roles) {
    giveRole(c, found)
    if (roleOf(found) === 'viewer' && !SAFE_METHODS.has(c.req.method)) return respondProblem(VIEWER, path)
  }
  return limiter && count(c, limiter, found, more)
}

function count(c: Context, limiter: RateLimiter, identity: Identity | undefined, more: More): Response | undefined {
  const key = limiter.by ? limiter.by(c.req.raw, identity) : identity ? `id ${identity.id}` : `at ${addressOf(c) ?? ''}`
  const { allowed, headers, retryAfter } = limiter.take(key, performance.now())
  Object.assign(more, headers)
  if (allowed) return undefined
  const detail = `try again in ${retryAfter} s`
  return respondProblem({ kind: 'rate-limited', detail, headers: { 'retry-after': `${retryAfter}` } }, c.req.path)
}

function overloaded(maxConcurrent: number): Problem {
  const detail = `${maxConcurrent} requests are worked on already`
  return { kind: 'overloaded', detail, headers: { 'retry-after': BUSY_RETRY_AFTER_S } }
}

function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  const answer = new Response(response.body, response)
  for (const [name, value] of Object.entries(headers)) if (!answer.headers.has(name)) answer.headers.set(name, value)
  return answer
}

/**
 * Below Node's HTTP server, the environment contains Node's own request; behind proxies that are trusted, the address
 * that they say.
 */
export function addressOf(c: Context): string | undefined {
  const { client, incoming } = (c.env ?? {}) as Surroundings
  return client ?? incoming?.socket?.remoteAddress
}

interface Surroundings {
  readonly client?: string | undefined
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } }
}
