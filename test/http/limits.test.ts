import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import type { Celeriac } from '../../src/index.ts'
import { Contract, ValidatingProxy } from './contract.ts'
import { build, type House } from './house.ts'
import { ANN, authorize, ROOT } from './people.ts'

const ROOT_TOKEN = 'a-token-of-root-123'

let house: House
let proxy: ValidatingProxy
beforeAll(async () => {
  house = await build('memory:', define, { http: { authorize } })
  const document = (await house.ask('GET', '/openapi.json', { headers: ROOT })).json
  expect(JSON.stringify(document)).toContain('urn:celeriac:problem:cannot-limit"')
  proxy = await ValidatingProxy.start(`http://127.0.0.1:${house.server.port}`, new Contract(document))
})
afterAll(async () => {
  await proxy.stop()
  await house[Symbol.asyncDispose]()
})

function define(app: Celeriac) {
  app.limit('github', { rate: '5000/h', burst: 2, breaker: { failures: 1, within: '1m', pause: '1h' } })
  app.task('hidden', () => undefined, { uses: 'github' })
  const mail = app.task('mail.send', (tenant: string) => tenant, { concurrency: { limit: 3, key: (key) => key } })
  return [mail]
}

const ask = (method: string, path: string, headers: Record<string, string> = ROOT) =>
  fetch(proxy.url + path, { method, headers })

test('the typed client pauses, lists and resumes: a queue, a task, a key, a limit, exposed or not', async () => {
  const client = createClient(proxy.url, { token: ROOT_TOKEN })
  for (const target of [
    { queue: 'a b/c' },
    { task: 'hidden' },
    { task: 'mail.send', key: 'ä&b' },
    { limit: 'github' },
  ]) {
    await client.pause(target)
    await client.pause(target)
    const { limits } = await client.limits({ paused: true })
    expect(limits).toHaveLength(1)
    const [{ kind, name, key, paused } = { kind: '', name: '' }] = limits
    const given = kind === 'task' && key !== '' ? { task: name, key } : { [kind]: name }
    expect([given, paused]).toEqual([target, true])
    await client.resume(target)
    await client.resume(target)
    expect(await client.limits({ paused: true })).toEqual({ limits: [] })
  }
  await expect(client.pause({} as never)).rejects.toThrow(TypeError)
})

test('a page of limits, with what each is', async () => {
  await house.app.tasks.get('mail.send')?.delay('acme')
  await house.app.tasks.get('hidden')?.delay()
  const client = createClient(proxy.url, { token: ROOT_TOKEN })
  const { limits } = await client.limits()
  expect(limits).toEqual([
    {
      ...{ rule: 'github', key: '', kind: 'limit', name: 'github', held: 0, waiting: 1, paused: false },
      ...{ rate: '5000/h', burst: 2, breaker: 'closed' },
    },
    { rule: 'task:hidden', key: '', kind: 'task', name: 'hidden', held: 0, waiting: 1, paused: false },
    { rule: 'task:mail.send', key: '', kind: 'task', name: 'mail.send', held: 0, waiting: 1, paused: false },
    {
      ...{ rule: 'task:mail.send:concurrency', key: 'acme', kind: 'task', name: 'mail.send', held: 0, waiting: 1 },
      ...{ paused: false, concurrency: 3 },
    },
  ])
  const pages: string[] = []
  let cursor: string | undefined
  do {
    const page = await client.limits({ limit: 2, cursor })
    pages.push(page.limits.map(({ rule }) => rule).join(' '))
    cursor = page.cursor
  } while (cursor !== undefined)
  expect(pages).toEqual(['github task:hidden', 'task:mail.send task:mail.send:concurrency', ''])
  const first = await ask('GET', '/v1/limits?limit=1')
  expect(first.headers.get('link')).toMatch(/^<\/v1\/limits\?limit=1&cursor=[\w-]+>; rel="next"$/)
  expect((await client.limits({ rule: 'task:hidden' })).limits).toHaveLength(1)
})

test('for admins alone; without authentication there is no such path', async () => {
  const all = [
    ['GET', '/v1/limits'],
    ['PUT', '/v1/pauses/queue/celery'],
    ['DELETE', '/v1/pauses/queue/celery'],
  ] as const
  for (const [method, path] of all) {
    expect((await ask(method, path, ANN)).status).toBe(403)
    expect((await ask(method, path, {})).status).toBe(401)
  }
  expect((await ask('PUT', '/v1/pauses/queue/celery', { ...ROOT, 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  expect(await house.app.limits.paused()).toEqual([])
  await using open = await build('memory:', define)
  for (const [method, path] of all) expect((await open.ask(method, path)).status).toBe(404)
  const { paths, components } = (await open.ask('GET', '/openapi.json')).json
  expect(Object.keys({ ...paths, ...components.schemas }).filter((name) => /limit|pause/i.test(name))).toEqual([])
})

test.each([
  ['PUT', '/v1/pauses/worker/a', 404],
  ['PUT', '/v1/pauses/queue/%00', 404],
  ['PUT', `/v1/pauses/queue/${'x'.repeat(256)}`, 404],
  ['PUT', '/v1/pauses/limit/queue:a', 404],
  ['PUT', '/v1/pauses/queue/a?key=b', 400],
  ['PUT', '/v1/pauses/task/hidden?key=b', 400],
  ['PUT', '/v1/pauses/task/hidden?kee=b', 400],
  ['GET', '/v1/pauses/task/hidden', 405],
  ['POST', '/v1/limits', 405],
  ['GET', '/v1/limits?limit=0', 400],
  ['GET', '/v1/limits?paused=x', 400],
  ['GET', '/v1/limits?cursor=x', 400],
  ['GET', `/v1/limits?cursor=${Buffer.from('[1]').toString('base64url')}`, 400],
])('%s %s: %i', async (method, path, status) => {
  const response = await ask(method, path)
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toMatch(/problem[+]json/)
  expect(await house.app.limits.paused()).toEqual([])
})

test('every answer keeps to the document', () => {
  expect(proxy.contract.breaches).toEqual([])
  for (const operation of [
    'GET /v1/limits 200',
    'PUT /v1/pauses/{kind}/{name} 204',
    'DELETE /v1/pauses/{kind}/{name} 204',
  ])
    expect(proxy.contract.seen).toContain(operation)
})

test.each(['', 'x'.repeat(300), 7])('a key that cannot be, %j, is wrong input', async (tenant) => {
  const answer = await house.ask('POST', '/v1/tasks/mail.send', {
    headers: { ...ROOT, 'content-type': 'application/json' },
    body: JSON.stringify([tenant]),
  })
  expect(answer).toMatchObject({ status: 422, json: { type: 'urn:celeriac:problem:invalid-input' } })
  expect(JSON.stringify(answer.json)).toContain('expected')
})
