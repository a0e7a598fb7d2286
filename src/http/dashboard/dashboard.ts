import { type Context, Hono } from 'hono'
import type { Alerts } from '../../alerts/alerts.ts'
import type { App } from '../../app/app.ts'
import type { Authorize, Granted } from '../access/auth.ts'
import { bearer } from '../access/auth.ts'
import { crossOriginProblem } from '../access/crossOrigin.ts'
import type { Identity } from '../access/identity.ts'
import { createHttp, type HttpOptions } from '../api.ts'
import { headersOf } from '../input/header.ts'
import { methodNotAllowed } from '../output/method.ts'
import { respondProblem } from '../output/problem.ts'
import { type Client, Proxies } from './proxies.ts'
import { Sessions } from './sessions.ts'

/** Which clients a dashboard accepts. */
export interface DashboardOptions {
  /** Who has which token. Undefined: every client is an admin. */
  readonly tokens: Readonly<Record<string, Granted>> | undefined
  readonly readOnly: boolean
  /** IP addresses of proxies whose `X-Forwarded-*` are accepted. */
  readonly proxies: readonly string[]
  /** What is watched, and who gets the alerts. */
  readonly alerts?: Alerts | undefined
}

/** A page of another origin must not learn a token from `Referer`, and no cache keeps a login. */
const LOGIN_HEADERS = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }
/** From `/` and `/login`, also where a proxy has put a path before them. */
const PAGES = 'dashboard'
const START = { dashboard: '/dashboard', docs: '/docs', openapi: '/openapi.json', api: '/v1', login: '/login' }

/**
 * The REST API of a fleet, for an app without tasks of its own: jobs of all tasks, and every resource of the fleet. A
 * client shows a token as `Authorization: Bearer`; a browser exchanges it at `/login` for the cookie of a session.
 */
export function createDashboard(app: App, { tokens, readOnly, proxies, alerts }: DashboardOptions): Hono {
  const known = new Proxies(proxies)
  const sessions = new Sessions(app.config.clock)
  const byToken = tokens && bearer(tokens)
  const http: HttpOptions = {
    expose: [],
    readOnly,
    dashboard: true,
    fleet: { open: byToken === undefined, anyTask: true, flowerMetrics: true, alerts },
    authorize: byToken && authorizing(byToken, sessions),
  }
  const api = createHttp(app, http)
  const dashboard = new Hono()
  dashboard.get('/', start)
  dashboard.all('/', methodNotAllowed('GET, HEAD'))
  if (byToken) addLogin(dashboard, { byToken, sessions, clientOf: (c) => clientOf(c, known) })
  dashboard.all('*', (c) => api.fetch(c.req.raw, { ...(c.env as object), client: clientOf(c, known).address }))
  return dashboard
}

/** A browser gets the pages, a program where the resources are. */
function start(c: Context): Response {
  const headers = { 'cache-control': 'no-store', vary: 'accept' }
  if (isBrowser(c)) return new Response(null, { status: 303, headers: { ...headers, location: PAGES } })
  return Response.json(START, { headers })
}

/** A person looks at the answer. */
function isBrowser(c: Context): boolean {
  return c.req.header('accept')?.includes('text/html') === true
}

function authorizing(byToken: Authorize, sessions: Sessions): Authorize {
  const authorize: Authorize = (request, caller) =>
    request.headers.has('authorization') ? byToken(request, caller) : sessions.identityOf(request)
  return Object.assign(authorize, { challenge: byToken.challenge })
}

interface Login {
  readonly byToken: Authorize
  readonly sessions: Sessions
  readonly clientOf: (c: Context) => Client
}

/** `GET /login?token=…`, which a browser opens, `POST /login` of a page, and `POST /logout`. */
function addLogin(dashboard: Hono, { byToken, sessions, clientOf: client }: Login): void {
  dashboard.get('/login', (c) => {
    const { isSecure, address } = client(c)
    const identity = identityOf(byToken, c.req.query('token'), address)
    // The link of an earlier start: the page asks for the token of this one, unless a session is open.
    if (!identity) return isBrowser(c) ? answer(303, { location: PAGES }) : refused(c)
    return answer(303, { location: PAGES, 'set-cookie': sessions.open(c.req.raw, identity, isSecure) })
  })
  dashboard.post('/login', (c) => {
    const foreign = crossOriginProblem('POST', headersOf(c), undefined)
    if (foreign) return respondProblem(foreign, c.req.path)
    const { isSecure, address } = client(c)
    const identity = byToken(c.req.raw, { address }) as Identity | undefined
    if (!identity) return refused(c)
    return answer(204, { 'set-cookie': sessions.open(c.req.raw, identity, isSecure) })
  })
  dashboard.post('/logout', (c) => {
    const foreign = crossOriginProblem('POST', headersOf(c), undefined)
    if (foreign) return respondProblem(foreign, c.req.path)
    return answer(204, { 'set-cookie': sessions.close(c.req.raw, client(c).isSecure) })
  })
  dashboard.all('/login', methodNotAllowed('GET, HEAD, POST'))
  dashboard.all('/logout', methodNotAllowed('POST'))
}

/** Compared as any other token, in constant time. */
function identityOf(byToken: Authorize, token: string | undefined, address: string | undefined): Identity | undefined {
  if (token === undefined || !/^[\w.~+/=-]{16,1000}$/.test(token)) return undefined
  const request = new Request('http://localhost/', { headers: { authorization: `Bearer ${token}` } })
  return byToken(request, { address }) as Identity | undefined
}

function refused(c: Context): Response {
  const detail = 'expected the token that the command printed at its start, or one of its token file'
  const headers = { 'www-authenticate': 'Bearer realm="celeriac"', 'referrer-policy': 'no-referrer' }
  return respondProblem({ kind: 'unauthorized', detail, headers }, c.req.path)
}

function answer(status: number, headers: Readonly<Record<string, string>>): Response {
  return new Response(null, { status, headers: { ...LOGIN_HEADERS, ...headers } })
}

function clientOf(c: Context, proxies: Proxies): Client {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
  return proxies.clientOf(incoming?.socket?.remoteAddress, c.req.raw.headers)
}
