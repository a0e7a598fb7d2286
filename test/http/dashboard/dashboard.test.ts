import { afterAll, beforeAll, expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { createDashboard, type DashboardOptions } from '../../../src/http/dashboard/dashboard.ts'
import { OWN_IDENTITY } from '../../../src/http/dashboard/tokens.ts'
import { type HttpServer, serve } from '../../../src/http/server/serve.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { traces } from '../../secrets.ts'

const TOKEN = 'a-token-of-the-start-of-it'
const VIEWER = 'a-token-of-a-viewer-of-it'
const HOUR_MS = 3_600_000

let ahead = 0
const clock = { ...systemClock, now: () => systemClock.now() + ahead }
const lines: string[] = []
const logger = createLogger('debug', { write: (line) => void lines.push(line) })
const app = new App({ broker: 'memory:', clock, logger })
const servers: HttpServer[] = []

async function open(options: Partial<DashboardOptions> = {}): Promise<string> {
  const tokens = { [TOKEN]: OWN_IDENTITY, [VIEWER]: { id: 'ann', scopes: ['viewer'] } }
  const server = await serve(createDashboard(app, { tokens, readOnly: false, proxies: [], ...options }), { port: 0 })
  servers.push(server)
  return server.url
}

let url: string
beforeAll(async () => {
  app.task('add', (a: number, b: number) => a + b)
  url = await open()
})
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()))
  await app.close()
  expect(traces(TOKEN).filter((trace) => lines.join('').includes(trace))).toEqual([])
})

const get = (path: string, headers: Record<string, string> = {}) => fetch(url + path, { headers, redirect: 'manual' })
const BEARER = { authorization: `Bearer ${TOKEN}` }

test('what there is to begin with needs no token; everything of the fleet does', async () => {
  expect(await (await get('/')).json()).toMatchObject({ docs: '/docs', openapi: '/openapi.json', api: '/v1' })
  expect((await get('/docs')).status).toBe(200)
  expect((await get('/livez')).status).toBe(200)
  for (const path of [
    '/v1/jobs',
    '/v1/doctor',
    '/v1/schedules',
    '/openapi.json',
    '/metrics',
    '/v1/nothing',
    '/login',
  ]) {
    expect([path, (await get(path)).status]).toEqual([path, 401])
    for (const token of ['x', `${TOKEN}x`, TOKEN.slice(1), VIEWER.toUpperCase()])
      expect((await get(path, { authorization: `Bearer ${token}` })).status).toBe(401)
    expect((await get(`${path}?token=${TOKEN}`)).status).toBe(path === '/login' ? 303 : 401)
  }
  expect((await get('/openapi.json', BEARER)).status).toBe(200)
  expect((await get('/metrics', BEARER)).status).toBe(200)
  expect((await get('/v1/nothing', BEARER)).status).toBe(404)
})

test('a browser exchanges the token for a session, until it logs out, or for twelve hours', async () => {
  const login = await get(`/login?token=${TOKEN}`)
  expect([login.status, login.headers.get('location')]).toEqual([303, 'dashboard'])
  expect(login.headers.get('referrer-policy')).toBe('no-referrer')
  expect(login.headers.get('cache-control')).toBe('no-store')
  const set = login.headers.get('set-cookie') ?? ''
  expect(set).toMatch(/^celeriac_session_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/)
  const cookie = set.split(';', 1)[0] as string
  expect(traces(TOKEN).filter((trace) => set.includes(trace))).toEqual([])
  expect((await get('/v1/schedules', { cookie: `a=b; ${cookie}` })).status).toBe(200)
  expect((await get('/v1/schedules', { cookie: `${cookie}x` })).status).toBe(401)
  // A wrong token is not made right by a session.
  expect((await get('/v1/schedules', { cookie, authorization: 'Bearer a-wrong-token-12345' })).status).toBe(401)
  const from = (site: string, origin: string) => ({ cookie, 'sec-fetch-site': site, origin })
  const post = (path: string, headers: Record<string, string>) => fetch(url + path, { method: 'POST', headers })
  const json = { 'content-type': 'application/json' }
  const change = (headers: Record<string, string>) =>
    fetch(`${url}/v1/schedules`, {
      method: 'POST',
      headers: { ...json, ...headers },
      body: '{"name":"x","task":"t","schedule":{"kind":"every","interval":"1h"}}',
    })
  expect((await change(from('same-site', 'http://127.0.0.1:3000'))).status).toBe(403)
  expect((await change(from('cross-site', 'https://evil.example'))).status).toBe(403)
  expect((await change(from('same-origin', url))).status).toBe(201)
  expect((await post('/logout', from('cross-site', 'https://evil.example'))).status).toBe(403)
  const logout = await post('/logout', { cookie })
  expect([logout.status, logout.headers.get('set-cookie')]).toEqual([204, expect.stringMatching(/=; .*Max-Age=0$/)])
  expect((await get('/v1/schedules', { cookie })).status).toBe(401)

  const page = await post('/login', { ...BEARER, 'sec-fetch-site': 'same-origin', origin: url })
  const again = (page.headers.get('set-cookie') ?? '').split(';', 1)[0] as string
  expect((await get('/v1/schedules', { cookie: again })).status).toBe(200)
  expect((await post('/login', { authorization: 'Bearer wrong-wrong-wrong-1' })).status).toBe(401)
  expect((await post('/login', { ...BEARER, 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  ahead = 12 * HOUR_MS
  expect((await get('/v1/schedules', { cookie: again })).status).toBe(401)
  ahead = 0
})

test('dashboards on several ports of a host have a session each, as the browser keeps their cookies together', async () => {
  const other = await open()
  const cookies = await Promise.all(
    [url, other].map(async (base) => {
      const login = await fetch(`${base}/login?token=${TOKEN}`, { redirect: 'manual' })
      return (login.headers.get('set-cookie') ?? '').split(';', 1)[0] as string
    }),
  )
  expect(new Set(cookies.map((pair) => pair.split('=')[0])).size).toBe(2)
  const headers = { cookie: cookies.join('; ') }
  for (const base of [url, other]) expect((await fetch(`${base}/v1/schedules`, { headers })).status).toBe(200)
  const logout = await fetch(`${other}/logout`, { method: 'POST', headers })
  expect(logout.headers.get('set-cookie')).toContain(`${cookies[1]?.split('=')[0]}=;`)
  expect((await fetch(`${url}/v1/schedules`, { headers })).status).toBe(200)
  expect((await fetch(`${other}/v1/schedules`, { headers })).status).toBe(401)
})

test('a browser that opens the link of an earlier start gets the page, which asks for the token', async () => {
  const old = `/login?token=${TOKEN.replace('start', 'other')}`
  const page = await get(old, { accept: 'text/html,*/*' })
  expect([page.status, page.headers.get('location')]).toEqual([303, 'dashboard'])
  expect(page.headers.get('set-cookie')).toBeNull()
  expect((await get(old, { accept: 'application/json' })).status).toBe(401)
})

test('jobs of every task are there, and an admin calls any; a viewer changes nothing', async () => {
  const worker = new Worker(app)
  await worker.start()
  const { id } = await app.send('add', [1, 2])
  await app.result(id).get({ timeout: '20s' })
  const unknown = await app.send('python.task', ['x'], { queue: 'python' })
  await worker.stop()
  for (const token of [TOKEN, VIEWER]) {
    const headers = { authorization: `Bearer ${token}` }
    expect(await (await get(`/v1/jobs/${id}`, headers)).json()).toMatchObject({ task: 'add', result: 3 })
    expect((await get(`/v1/jobs/${id}/result`, headers)).status).toBe(200)
    expect(await (await get(`/v1/jobs/${unknown.id}`, headers)).json()).toMatchObject({ state: 'PENDING' })
    const { jobs } = (await (await get('/v1/jobs', headers)).json()) as { jobs: { id: string }[] }
    expect(jobs.map((job) => job.id).slice(-2)).toEqual([unknown.id, id])
    const ofTask = (await (await get('/v1/jobs?task=add&q=add', headers)).json()) as { jobs: unknown[] }
    expect(ofTask.jobs).toHaveLength(1)
    const typed = { ...headers, 'content-type': 'application/json' }
    const call = await fetch(`${url}/v1/tasks/python.other`, { method: 'POST', headers: typed, body: '[1,2]' })
    expect(call.status).toBe(token === TOKEN ? 202 : 403)
  }
  const cancel = (token: string) =>
    fetch(`${url}/v1/jobs/${unknown.id}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } })
  expect((await cancel(VIEWER)).status).toBe(403)
  expect((await cancel(TOKEN)).status).toBe(200)
})

test('read-only, without a token, and at other names', async () => {
  const readOnly = await open({ readOnly: true })
  const change = (base: string, headers: Record<string, string>) =>
    fetch(`${base}/v1/schedules/x/pause`, { method: 'POST', headers })
  expect((await change(readOnly, BEARER)).status).toBe(403)
  expect((await fetch(`${readOnly}/v1/schedules`, { headers: BEARER })).status).toBe(200)
  const login = await fetch(`${readOnly}/login?token=${TOKEN}`, { redirect: 'manual' })
  expect(login.status).toBe(303)

  const isOpen = await open({ tokens: undefined })
  expect((await fetch(`${isOpen}/v1/schedules`)).status).toBe(200)
  expect((await change(isOpen, { origin: 'https://evil.example' })).status).toBe(403)
  expect((await change(isOpen, {})).status).toBe(204)
  expect((await fetch(`${isOpen}/login`)).status).toBe(404)
})

test('proxies: the address and TLS of the client are those of a proxy that is trusted', async () => {
  const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' }
  const cookieOf = async (base: string) =>
    (await fetch(`${base}/login?token=${TOKEN}`, { headers, redirect: 'manual' })).headers.get('set-cookie')
  expect(await cookieOf(url)).not.toContain('Secure')
  expect(await cookieOf(await open({ proxies: ['10.0.0.1'] }))).not.toContain('Secure')
  expect(await cookieOf(await open({ proxies: ['127.0.0.1'] }))).toMatch(/; Secure$/)
})
