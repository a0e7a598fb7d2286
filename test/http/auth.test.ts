import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Authorize, basic, bearer } from '../../src/http/server/serve.ts'
import { ArgumentError, type Celeriac } from '../../src/index.ts'
import { type Answer, build, type House } from './house.ts'

const define = (app: Celeriac) => [
  app.task('tasks.add', (x: number, y: number) => x + y),
  { task: app.task('tasks.pay', (amount: number) => amount), scopes: ['pay'] },
  { task: 'python.refund', scopes: ['pay', 'refund'] },
]

const TOKENS = {
  'a-token-of-ann-1234': 'ann',
  'a-token-of-bob-1234': { id: 'bob', scopes: ['pay'] },
  'a-token-of-root-123': { id: 'root', scopes: ['admin'] },
}
const as = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const [ANN, BOB, ROOT] = Object.keys(TOKENS).map(as) as [
  Record<string, string>,
  Record<string, string>,
  Record<string, string>,
]

describe.each(['memory:', 'sqlite:', 'redis:'])('with bearer tokens on %s', (store) => {
  let house: House
  beforeAll(async () => {
    house = await build(store, define, { http: { authorize: bearer(TOKENS) } })
  })
  afterAll(() => house[Symbol.asyncDispose]())

  test.each([
    ['POST', '/v1/tasks/tasks.add'],
    ['POST', '/v1/tasks/nobody'],
    ['POST', '/v1/batches'],
    ['GET', '/v1/jobs'],
    ['GET', '/v1/jobs/x'],
    ['DELETE', '/v1/jobs/x'],
    ['GET', '/v1/jobs/x/result'],
    ['GET', '/v1/jobs/x/events'],
    ['POST', '/v1/jobs/x/retry'],
    ['GET', '/v1/jobs/x/workflow'],
    ['POST', '/v1/workflows'],
    ['GET', '/v1/batches/x'],
    ['GET', '/openapi.json'],
    ['GET', '/nowhere'],
  ])('401 without one: %s %s', async (method, path) => {
    const answer = await house.ask(method, path)
    expect([answer.status, answer.json.type]).toEqual([401, 'urn:celeriac:problem:unauthorized'])
    expect(answer.headers).toMatchObject({
      'www-authenticate': 'Bearer realm="celeriac"',
      'content-type': 'application/problem+json',
    })
    expect(answer.json.instance).toBe(path)
  })

  test.each(['Bearer wrong', 'Bearer a-token-of-ann-123', 'bearer', 'Basic YW5uOng=', 'Bearer a-token-of-ann-1234 x'])(
    '401 with %s',
    async (authorization) => {
      const answer = await house.ask('GET', '/v1/jobs', { headers: { authorization } })
      expect(answer.status).toBe(401)
      const invalid = /^Bearer \S+$/.test(authorization)
      expect(answer.headers['www-authenticate']).toBe(
        `Bearer realm="celeriac"${invalid ? ', error="invalid_token"' : ''}`,
      )
    },
  )

  test('whoever watches over the process needs none', async () => {
    expect((await house.ask('GET', '/livez')).status).toBe(200)
    expect((await house.ask('GET', '/readyz')).status).toBe(200)
  })

  test('scopes of a task: 403 without them', async () => {
    const call = async (task: string, who: Record<string, string>): Promise<unknown[]> => {
      const { status, json } = await house.post(`/v1/tasks/${task}`, [1], who)
      return [status, json.type]
    }
    const forbidden = [403, 'urn:celeriac:problem:forbidden']
    expect(await call('tasks.pay', ANN)).toEqual(forbidden)
    expect(await call('tasks.pay', BOB)).toEqual([202, undefined])
    expect(await call('python.refund', BOB)).toEqual(forbidden)
    expect(await call('python.refund', ROOT)).toEqual([202, undefined])
    const batch = await house.post('/v1/batches', { jobs: [{ task: 'tasks.pay', input: [1] }] }, ANN)
    expect([batch.status, batch.json.type]).toEqual(forbidden)
  })

  test('a job is seen by its owner and by admins; to others it does not exist', async () => {
    const { json } = await house.post('/v1/tasks/tasks.add', [1, 2], ANN)
    const paths = ['', '/result', '/events'].map((tail) => `/v1/jobs/${json.id}${tail}`)
    for (const path of paths) {
      const other = await house.ask('GET', path, { headers: BOB })
      const never = await house.ask('GET', path.replace(json.id, 'never'), { headers: BOB })
      expect([other.status, other.json.type]).toEqual([404, 'urn:celeriac:problem:unknown-job'])
      expect(Object.keys(other.headers)).toEqual(Object.keys(never.headers))
    }
    expect((await house.ask('DELETE', paths[0] as string, { headers: BOB })).status).toBe(404)
    for (const who of [ANN, ROOT])
      expect((await house.ask('GET', paths[0] as string, { headers: who })).status).toBe(200)
    const sentByApp = await house.app.send('tasks.add', [1, 2])
    expect((await house.ask('GET', `/v1/jobs/${sentByApp.id}`, { headers: ANN })).status).toBe(404)
    expect((await house.ask('GET', `/v1/jobs/${sentByApp.id}`, { headers: ROOT })).status).toBe(200)
    expect((await house.ask('DELETE', paths[0] as string, { headers: ANN })).status).toBe(200)
  })

  test('lists show the own jobs; admins see all', async () => {
    for (let count = 0; count < 3; count++) await house.post('/v1/tasks/tasks.add?tag=mine', [1, 2], ANN)
    await house.post('/v1/tasks/tasks.add?tag=mine', [1, 2], BOB)
    const list = async (who: Record<string, string>): Promise<number> => {
      let [count, path] = [0, '/v1/jobs?tag=mine&limit=2']
      for (;;) {
        const answer: Answer = await house.ask('GET', path, { headers: who })
        count += answer.json.jobs.length
        const next = /<([^>]+)>; rel="next"/.exec(String(answer.headers.link))?.[1]
        if (next === undefined) return count
        path = next
      }
    }
    expect([await list(ANN), await list(BOB), await list(ROOT)]).toEqual([3, 1, 4])
    const own = (await house.ask('GET', '/v1/jobs', { headers: BOB })).json.jobs
    expect(new Set(own.map((job: { task: string }) => job.task))).toEqual(new Set(['tasks.add', 'tasks.pay']))
  })
})

test('basic: users by name and password', async () => {
  const authorize = basic({ ann: 'secret', jürgen: { password: 'pa:ss', scopes: ['pay'] } })
  await using house = await build('memory:', define, { http: { authorize } })
  const with_ = async (pair: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
    return (await house.post('/v1/tasks/tasks.pay', [1], { authorization })).status
  }
  expect(await with_('jürgen:pa:ss')).toBe(202)
  expect(await with_('ann:secret')).toBe(403)
  for (const wrong of ['ann:', 'ann', ':', '', 'ann:Secret', 'bob:secret', 'ann:secret\0'])
    expect(await with_(wrong)).toBe(401)
  const { headers } = await house.ask('GET', '/v1/jobs')
  expect(headers['www-authenticate']).toBe('Basic realm="celeriac", charset="UTF-8"')
})

test('a hook of one’s own: an identity, nothing, an answer, an error', async () => {
  const seen: unknown[] = []
  const authorize: Authorize = async (request, { address }) => {
    seen.push(address)
    const who = request.headers.get('x-who')
    if (who === 'teapot') return new Response('short and stout', { status: 418 })
    if (who === 'broken') throw new Error('secret detail')
    return who === null ? undefined : { id: who }
  }
  await using house = await build('memory:', define, { http: { authorize } })
  const ask = (headers: Record<string, string>): Promise<Answer> => house.ask('GET', '/v1/jobs', { headers })
  expect((await ask({ 'x-who': 'ann' })).status).toBe(200)
  expect((await ask({})).headers['www-authenticate']).toBe('Bearer')
  expect(await ask({ 'x-who': 'teapot' })).toMatchObject({ status: 418, text: 'short and stout' })
  const broken = await ask({ 'x-who': 'broken' })
  expect([broken.status, broken.text.includes('secret')]).toEqual([500, false])
  expect((await ask({ 'x-who': '' })).status).toBe(500)
  expect(new Set(seen)).toEqual(new Set(['127.0.0.1']))
})

test.each([
  [() => bearer({ short: 'ann' }), '16'],
  [() => bearer({ 'has a space in it, which is bad': 'ann' }), 'letters'],
  [() => bearer({ 'a-token-of-ann-1234': '' }), 'id of 1 to 255'],
  [() => bearer({ 'a-token-of-ann-1234': { id: 'a', scopes: 'x' } as never }), 'scopes'],
  [() => basic({ ann: '' }), 'password'],
  [() => basic({ 'a:b': 'x' }), 'colon'],
])('%# is refused', (make, message) => {
  expect(make).toThrow(ArgumentError)
  expect(make).toThrow(message)
})

test('the traceback of a failed job is for admins', async () => {
  const authorize = bearer(TOKENS)
  const define = (app: Celeriac) => [
    app.task('tasks.fail', () => {
      throw new RangeError('too far')
    }),
  ]
  await using house = await build('memory:', define, { worker: true, http: { authorize } })
  const { json } = await house.post('/v1/tasks/tasks.fail', [], { ...ANN, prefer: 'wait=10' })
  const seen = async (headers: Record<string, string>): Promise<object> =>
    (await house.ask('GET', `/v1/jobs/${json.id}/result`, { headers })).json.error
  expect(await seen(ANN)).toEqual({ type: 'RangeError', message: 'too far' })
  expect(await seen(ROOT)).toEqual({
    type: 'RangeError',
    message: 'too far',
    traceback: expect.stringMatching(/^RangeError: too far\n +at /),
  })
})
