import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient, ProblemError } from '../../src/client/client.ts'
import { bearer } from '../../src/http/server/serve.ts'
import { type Celeriac, currentTask } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { until } from '../../src/testing/kit.ts'
import { build, type House } from './house.ts'

/** Waits for the answer called `name`, for at most `timeout` ms. */
function define(app: Celeriac, tokens: Map<string, string>) {
  return [
    app.task('ask', (name: string, timeout: number) =>
      currentTask()?.waitFor(name, { timeout, notify: (token) => tokens.set(name, token) }),
    ),
  ]
}

describe.each(['memory:', 'sqlite:', 'redis:'])('waits on %s', (store) => {
  const tokens = new Map<string, string>()
  const lines: string[] = []
  let house: House
  beforeAll(async () => {
    const accessLog = createLogger('info', { write: (line: string) => void lines.push(line) })
    house = await build(store, (app) => define(app, tokens), { worker: true, serve: { accessLog } })
  })
  afterAll(() => house[Symbol.asyncDispose]())

  const tokenOf = async (name: string): Promise<string> => {
    await until(`${name} waits`, () => tokens.has(name))
    return tokens.get(name) as string
  }
  const begin = async (name: string, timeout = 60_000): Promise<string> =>
    (await house.post('/v1/tasks/ask', [name, timeout])).json.links.self
  const state = async (job: string): Promise<string> => (await house.ask('GET', job)).json.state

  test('the body is the answer: 204, and the task goes on; later ones are 409', async () => {
    const job = await begin('body')
    const path = `/v1/waits/${await tokenOf('body')}`
    await until('it waits', async () => (await state(job)) === 'WAITING')
    const answer = await house.post(path, { ok: true, note: 'Ä' })
    expect([answer.status, answer.text]).toEqual([204, ''])
    await until('it ends', async () => (await state(job)) === 'SUCCESS')
    expect((await house.ask('GET', job)).json.result).toEqual({ ok: true, note: 'Ä' })
    const late = await house.post(path, { ok: false })
    expect([late.status, late.json.type]).toEqual([409, 'urn:celeriac:problem:wait-completed'])
  })

  test('without a body the answer is null', async () => {
    const job = await begin('empty')
    expect((await house.ask('POST', `/v1/waits/${await tokenOf('empty')}`)).status).toBe(204)
    await until('it ends', async () => (await state(job)) === 'SUCCESS')
    expect((await house.ask('GET', job)).json.result).toBe(null)
  })

  test('410 when the time is over, and when the job was revoked', async () => {
    const short = await begin('short', 1)
    await until('it ends', async () => (await state(short)) === 'FAILURE')
    const late = await house.post(`/v1/waits/${await tokenOf('short')}`, 1)
    expect([late.status, late.json.type]).toEqual([410, 'urn:celeriac:problem:wait-over'])
    const revoked = await begin('revoked')
    const path = `/v1/waits/${await tokenOf('revoked')}`
    await house.ask('DELETE', revoked)
    await until('it ends', async () => (await state(revoked)) === 'REVOKED')
    expect((await house.post(path, 1)).status).toBe(410)
  })

  test('what is wrong is told, and the task waits on', async () => {
    const job = await begin('wrong')
    const token = await tokenOf('wrong')
    const json = { 'content-type': 'application/json' }
    const cases = [
      ['POST', `/v1/waits/${token}x`, {}, 404, 'unknown-wait'],
      ['POST', `/v1/waits/${job.slice('/v1/jobs/'.length)}`, {}, 404, 'unknown-wait'],
      ['POST', '/v1/waits/%00', {}, 404, 'unknown-wait'],
      ['POST', `/v1/waits/${token}`, { body: '{', headers: json }, 400, 'malformed-body'],
      ['POST', `/v1/waits/${token}`, { body: '1e400', headers: json }, 422, 'invalid-input'],
      ['POST', `/v1/waits/${token}`, { body: 'yes' }, 415, 'unsupported-media-type'],
      ['GET', `/v1/waits/${token}`, {}, 405, 'method-not-allowed'],
    ] as const
    for (const [method, path, options, status, kind] of cases) {
      const answer = await house.ask(method, path, options)
      expect([method, path, answer.status, answer.json.type]).toEqual([
        method,
        path,
        status,
        `urn:celeriac:problem:${kind}`,
      ])
      if (status === 405) expect(answer.headers.allow).toBe('POST')
    }
    expect(await state(job)).toBe('WAITING')
    await house.ask('DELETE', job)
  })

  test('by the client', async () => {
    const client = createClient(house.server.url)
    const job = await begin('client')
    const token = await tokenOf('client')
    await client.completeWait(token, { big: 2n ** 60n })
    await until('it ends', async () => (await state(job)) === 'SUCCESS')
    await expect(client.completeWait(token)).rejects.toThrow(ProblemError)
  })

  test('no token is in the access log', async () => {
    await begin('logged')
    const token = await tokenOf('logged')
    await house.post(`/v1/waits/${token}`, 1)
    await until('it is logged', () => lines.some((line) => line.includes('/v1/waits/[redacted]')))
    for (const secret of tokens.values()) expect(lines.join('')).not.toContain(secret)
  })
})

const [ONE, TWO] = ['one'.padEnd(20, '-'), 'two'.padEnd(20, '-')]
test('with auth: whoever may ask and has the token may answer', async () => {
  const tokens = new Map<string, string>()
  const authorize = bearer({ [ONE]: { id: 'one' }, [TWO]: { id: 'two' } })
  await using house = await build('memory:', (app) => define(app, tokens), { worker: true, http: { authorize } })
  const as = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
  await house.post('/v1/tasks/ask', ['a', 60_000], as(ONE))
  await until('it waits', () => tokens.has('a'))
  const path = `/v1/waits/${tokens.get('a')}`
  expect((await house.post(path, 1)).status).toBe(401)
  expect((await house.post(path, 1, as(TWO))).status).toBe(204)
})

test('with results that are sent back nobody remembers a token: 501', async () => {
  await using house = await build('memory:', (app) => define(app, new Map()), { backend: 'rpc://' })
  const answer = await house.post('/v1/waits/any', 1)
  expect([answer.status, answer.json.type]).toEqual([501, 'urn:celeriac:problem:cannot-remember'])
})
