import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostGuard } from '../../src/http/access/hostGuard.ts'
import { RateLimiter } from '../../src/http/access/rateLimit.ts'
import { createHttp } from '../../src/http/api.ts'
import { bearer, serve } from '../../src/http/server/serve.ts'
import { ArgumentError, Celeriac } from '../../src/index.ts'
import { Deferred } from '../../src/std/deferred.ts'
import { type Answer, build, type House } from './house.ts'

const define = (app: Celeriac) => [app.task('tasks.add', (x: number, y: number) => x + y)]
const APP = 'https://app.example.com'

function expectProblem({ status, json }: Answer, expected: number, kind: string): void {
  expect({ status, type: json?.type }).toEqual({ status: expected, type: `urn:celeriac:problem:${kind}` })
}

describe('requests of pages of other origins', () => {
  let house: House
  let own: string
  beforeAll(async () => {
    house = await build('memory:', define)
    own = house.server.url
  })
  afterAll(() => house[Symbol.asyncDispose]())

  // An empty body without Content-Type is what any page can make a browser send without asking first.
  const send = (headers: Record<string, string>, method = 'POST', path = '/v1/tasks/tasks.add'): Promise<Answer> =>
    house.ask(method, path, { headers })

  test.each([
    { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    { 'sec-fetch-site': 'same-site', origin: 'http://other.localhost' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'whatever' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://127.0.0.1' },
  ])('403 for %j', async (headers) => {
    expectProblem(await send(headers as never), 403, 'cross-origin')
    expectProblem(await send(headers as never, 'DELETE', '/v1/jobs/x'), 403, 'cross-origin')
    expectProblem(await send(headers as never, 'POST', '/v1/batches'), 403, 'cross-origin')
    expect((await send(headers as never, 'GET', '/v1/jobs')).status).toBe(200)
  })

  test('taken from its own pages, from the address bar, and from what is no browser', async () => {
    for (const headers of [
      {},
      { 'sec-fetch-site': 'same-origin', origin: own },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
      { origin: own },
    ])
      expect((await send(headers as never)).status).toBe(202)
    expect((await house.ask('GET', '/v1/jobs', { headers: { origin: APP } })).headers).not.toHaveProperty(
      'access-control-allow-origin',
    )
  })
})

test('CORS: what an allowed origin may do, and no other', async () => {
  const authorize = bearer({ 'a-token-of-ann-1234': 'ann' })
  await using house = await build('memory:', define, { http: { cors: { origins: [APP] }, authorize } })
  const path = '/v1/tasks/tasks.add'
  const asked = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type, idempotency-key',
  }
  const allowed = await house.ask('OPTIONS', path, { headers: { ...asked, origin: APP } })
  expect(allowed.status).toBe(204)
  expect(allowed.headers).toMatchObject({
    'access-control-allow-origin': APP,
    'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': 'content-type, idempotency-key',
    'access-control-max-age': '600',
    vary: 'Origin',
  })
  const other = await house.ask('OPTIONS', path, { headers: { ...asked, origin: 'https://evil.example' } })
  expect(Object.keys(other.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  const headers = { origin: APP, 'sec-fetch-site': 'cross-site', authorization: 'Bearer a-token-of-ann-1234' }
  const answer = await house.post(path, [1, 2], headers)
  expect(answer.status).toBe(202)
  expect(answer.headers['access-control-allow-origin']).toBe(APP)
  expect(answer.headers['access-control-expose-headers']).toContain('Location')
  // Also where it is refused: the page may read why.
  const refused = await house.post(path, [1, 2], { ...headers, authorization: 'Bearer x' })
  expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, APP])
  expectProblem(await house.post(path, [1, 2], { ...headers, origin: 'https://evil.example' }), 403, 'cross-origin')
})

test('rate limit: headers, 429 and Retry-After, for each who asks', async () => {
  const authorize = bearer({ 'a-token-of-ann-1234': 'ann', 'a-token-of-bob-1234': 'bob' })
  const rateLimit = { requests: 3, per: '1h' } as const
  await using house = await build('memory:', define, { http: { authorize, rateLimit } })
  const ask = (name: string): Promise<Answer> =>
    house.post('/v1/tasks/tasks.add', [1, 2], { authorization: `Bearer a-token-of-${name}-1234` })
  for (const left of [2, 1, 0]) {
    const { status, headers } = await ask('ann')
    expect(status).toBe(202)
    expect(headers['ratelimit-policy']).toBe('"default";q=3;w=3600')
    expect(headers.ratelimit).toMatch(new RegExp(`^"default";r=${left};t=\\d+$`))
  }
  const refused = await ask('ann')
  expectProblem(refused, 429, 'rate-limited')
  expect(refused.headers.ratelimit).toMatch(/^"default";r=0;t=3600$|^"default";r=0;t=359\d$/)
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(1190)
  expect((await ask('bob')).status).toBe(202)
  // Guesses of tokens are counted by their address.
  for (let guess = 0; guess < 3; guess++) expect((await ask('eve')).status).toBe(401)
  expectProblem(await ask('eve'), 429, 'rate-limited')
  expect((await house.ask('GET', '/livez')).headers.ratelimit).toBeUndefined()
})

test('a bucket fills evenly', () => {
  const limiter = new RateLimiter({ requests: 2, per: '1s' })
  const take = (now: number): boolean => limiter.take('a', now).allowed
  expect([take(0), take(0), take(0), take(499), take(501), take(501), take(10_000), take(10_000)]).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
    true,
    true,
  ])
  // A clock that goes back takes nothing away.
  expect(limiter.take('a', 0).retryAfter).toBe(1)
})

test('maxConcurrent: 503 for one too many, and none for those after', async () => {
  await using house = await build('memory:', define, { http: { maxConcurrent: 2 } })
  const go = new Deferred<void>()
  const entered = [new Deferred<void>(), new Deferred<void>()]
  let count = 0
  house.app.use({
    send: async (call, next) => {
      entered[count++]?.resolve()
      await go.promise
      return next(call)
    },
  })
  const running = [1, 2].map(() => house.post('/v1/tasks/tasks.add', [1, 2]))
  await Promise.all(entered.map(({ promise }) => promise))
  const refused = await house.post('/v1/tasks/tasks.add', [1, 2])
  expectProblem(refused, 503, 'overloaded')
  expect(refused.headers['retry-after']).toBe('1')
  expect((await house.ask('GET', '/livez')).status).toBe(200)
  go.resolve()
  for (const answer of await Promise.all(running)) expect(answer.status).toBe(202)
  expect((await house.post('/v1/tasks/tasks.add', [1, 2])).status).toBe(202)
})

describe('Host', () => {
  test('at a loopback address only names of this machine: 421 for others', async () => {
    await using house = await build('memory:', define)
    const as = (host: string): Promise<Answer> => house.ask('POST', '/v1/tasks/tasks.add', { headers: { host } })
    for (const host of ['localhost', 'LOCALHOST:1', 'app.localhost:80', '127.0.0.1:5000', '127.1.2.3', '[::1]:5000'])
      expect((await as(host)).status).toBe(202)
    for (const host of [
      'evil.example',
      'evil.example:5000',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '10.0.0.1',
    ])
      expectProblem(await as(host), 421, 'misdirected-request')
  })

  test('names in `hosts` are taken, too', async () => {
    await using house = await build('memory:', define, { serve: { hosts: ['App.Example.com'] } })
    const as = async (host: string): Promise<number> =>
      (await house.ask('GET', '/v1/jobs', { headers: { host } })).status
    expect([await as('app.example.com'), await as('localhost'), await as('example.com')]).toEqual([200, 200, 421])
  })

  test('elsewhere any, unless `hosts` says which', () => {
    expect(hostGuard('0.0.0.0', undefined)).toBeUndefined()
    const guard = hostGuard('0.0.0.0', ['a.example'])
    expect([guard?.('a.example:80', '/'), guard?.('localhost', '/')?.status]).toEqual([undefined, 421])
  })
})

test.each([
  [{ rateLimit: { requests: 0, per: '1s' } }, 'rateLimit'],
  [{ rateLimit: { requests: 1, per: 0 } }, 'rateLimit'],
  [{ cors: { origins: '*' } }, 'origins'],
  [{ cors: { origins: ['*'] } }, 'origins'],
  [{ cors: { origins: ['https://a.example/'] } }, 'origins'],
  [{ maxConcurrent: 0 }, 'maxConcurrent'],
  [{ authorize: 'x' }, 'authorize'],
  [{ expose: [{ task: 'x', scopes: ['a'] }] }, 'scopes need `authorize`'],
  [{ expose: [{ task: 'x' }] }, 'scopes'],
])('%j is refused', (options, message) => {
  const make = () => createHttp(new Celeriac({ broker: 'memory:' }), { expose: [], ...options } as never)
  expect(make).toThrow(ArgumentError)
  expect(make).toThrow(message)
})

test.each([{ hosts: ['https://a.example'] }, { hosts: ['a:80'] }, { name: 1 }])(
  'serve: %j is refused',
  async (options) => {
    await expect(
      serve(createHttp(new Celeriac({ broker: 'memory:' }), { expose: [] }), options as never),
    ).rejects.toThrow(ArgumentError)
  },
)
