import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { bearer } from '../../src/http/access/auth.ts'
import { uuidOf } from '../../src/std/id.ts'
import { Receiver } from '../webhook/receiver.ts'
import { Contract, ValidatingProxy } from './contract.ts'
import { PIXEL, type Scene, startScene, type Tasks } from './scene.ts'

let scene: Scene
let proxy: ValidatingProxy
beforeAll(async () => {
  scene = await startScene()
  const document = await (await fetch(`${scene.url}/openapi.json`)).json()
  proxy = await ValidatingProxy.start(scene.url, new Contract(document))
})
afterAll(async () => {
  await proxy.stop()
  await scene[Symbol.asyncDispose]()
})

const ask = async (path: string, init?: RequestInit): Promise<Response> => {
  const response = await fetch(proxy.url + path, init)
  await response.clone().arrayBuffer()
  return response
}
const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } })
const done = async (task: string, input: unknown): Promise<string> => {
  const { id } = (await (await post(`/v1/tasks/${task}`, input)).json()) as { id: string }
  await scene.app
    .result(id)
    .get()
    .catch(() => undefined)
  return id
}

test('handing in: every answer keeps to the document', async () => {
  await post('/v1/tasks/math.add', [1, 2])
  await post('/v1/tasks/math.add', [1, 2], { prefer: 'respond-async, wait=5' })
  await post('/v1/tasks/fail', ['x'], { prefer: 'wait=5' })
  await post('/v1/tasks/held', {}, { prefer: 'wait=1' })
  await post('/v1/tasks/python.multiply', { x: 1 })
  const key = { 'idempotency-key': '"k1"' }
  await post('/v1/tasks/math.add', [1, 2], key)
  expect((await post('/v1/tasks/math.add', [1, 2], key)).headers.get('idempotent-replayed')).toBe('true')
  await post('/v1/tasks/math.add', [1, 3], key)
  await post('/v1/tasks/math.add', [1, 3], { 'idempotency-key': 'a b' })
  await post('/v1/tasks/math.add', { x: 1 })
  await post('/v1/tasks/reports.render', { pages: 'many' })
  await post('/v1/tasks/math.add', [1], { 'content-type': 'text/plain' })
  await post('/v1/tasks/math.add', ['x'.repeat(2 << 20)])
  await ask('/v1/tasks/math.add', { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } })
  await post('/v1/tasks/math.add?tga=x', [1, 2])
  await post('/v1/tasks/math.add?tag=x', [1, 2])
  await post('/v1/tasks/math.add', [1, 2], { 'celeriac-webhook': 'https://10.0.0.1/' })
  await post('/v1/tasks/math.add', [1, 2], { 'sec-fetch-site': 'cross-site' })
  await ask('/v1/tasks/echo', { method: 'POST', body: PIXEL, headers: { 'content-type': 'image/png' } })
  await post('/v1/tasks/nobody', [])
  await ask('/v1/tasks/math.add')
})

test('jobs: every answer keeps to the document', async () => {
  const id = await done('math.add', [20, 22])
  const seen = await ask(`/v1/jobs/${id}`)
  const etag = seen.headers.get('etag') as string
  expect((await ask(`/v1/jobs/${id}`, { headers: { 'if-none-match': etag } })).status).toBe(304)
  await ask(`/v1/jobs/${id}`, { method: 'HEAD' })
  await ask(`/v1/jobs/${id}`, { method: 'DELETE' })
  await ask(`/v1/jobs/${id}?terminate=2`, { method: 'DELETE' })
  await ask(`/v1/jobs/${id}`, { method: 'PUT' })
  const running = (await (await post('/v1/tasks/held', {})).json()) as { id: string }
  const held = await ask(`/v1/jobs/${running.id}`)
  await ask(`/v1/jobs/${running.id}`, {
    headers: { 'if-none-match': held.headers.get('etag') as string, prefer: 'wait=1' },
  })
  await ask(`/v1/jobs/${running.id}/result`)
  await post(`/v1/jobs/${running.id}/retry`, undefined)
  await ask(`/v1/jobs/${running.id}`, { method: 'DELETE' })
  await scene.app
    .result(running.id)
    .get()
    .catch(() => undefined)
  await ask(`/v1/jobs/${running.id}/result`)
  const later = await scene.tasks.add.applyAsync([1, 2], { countdown: '1h' })
  await ask(`/v1/jobs/${later.id}`, { method: 'DELETE' })
  await ask('/v1/jobs/unknown')
  await ask('/v1/jobs/01890a5d-ac96-774b-bcce-b302099a8057')
  await ask(`/v1/jobs/${id}/retry`, { method: 'POST' })
  await ask('/v1/jobs?limit=2')
  await ask('/v1/jobs?limit=2&state=SUCCESS&task=math.add&since=2020-01-01')
  await ask('/v1/jobs?stat=x')
})

test('results and events: every answer keeps to the document', async () => {
  const id = await done('images.pixel', [])
  const result = await ask(`/v1/jobs/${id}/result`)
  expect(Buffer.from(await result.arrayBuffer())).toEqual(PIXEL)
  const etag = result.headers.get('etag') as string
  await ask(`/v1/jobs/${id}/result`, { headers: { 'if-none-match': etag } })
  await ask(`/v1/jobs/${id}/result`, { headers: { range: 'bytes=0-3' } })
  await ask(`/v1/jobs/${id}/result`, { headers: { range: 'bytes=9999-' } })
  await ask(`/v1/jobs/${await done('pages.hello', [])}/result`)
  await ask(`/v1/jobs/${await done('math.add', [1, 2])}/result`)
  await ask(`/v1/jobs/${await done('fail', ['too far'])}/result`)
  const rendered = await done('reports.render', { title: 'x', pages: 2 })
  const text = await (await ask(`/v1/jobs/${rendered}/events`)).text()
  const last = text
    .match(/id: (\d+)/g)
    ?.at(-1)
    ?.slice(4) as string
  expect((await ask(`/v1/jobs/${rendered}/events`, { headers: { 'last-event-id': last } })).status).toBe(204)
  await ask(`/v1/jobs/${rendered}/events`, { headers: { 'last-event-id': 'x' } })
  await ask(`/v1/jobs/${rendered}/events?from=1`)
  await ask('/v1/jobs/unknown/events')
})

test('batches, health and what is not there', async () => {
  const jobs = [
    { task: 'math.add', input: [1, 2] },
    { task: 'reports.render', input: { title: 'x' }, tags: ['a'] },
  ]
  const batch = (await (await post('/v1/batches', { jobs })).json()) as { links: { self: string } }
  await ask(batch.links.self)
  await post('/v1/batches', { jobs: [{ task: 'nobody' }] })
  await ask('/v1/batches/unknown')
  await ask('/livez')
  await ask('/readyz')
  await ask('/openapi.json')
  await ask('/metrics')
  await ask('/nothing/here')
})

test('a webhook that is asked for over HTTP says what the document says', async () => {
  const receiver = await Receiver.start()
  await post('/v1/tasks/math.add', [20, 22], { 'celeriac-webhook': receiver.url })
  const { body, headers } = await receiver.nth(1)
  await receiver.stop()
  expect(proxy.contract.errorsOf('math.add.ended', JSON.parse(body))).toEqual([])
  expect(headers['content-type']).toMatch(/^application\/cloudevents\+json/)
})

test('a webhook that is gone is disabled: whoever names it again is told', async () => {
  const receiver = await Receiver.start()
  receiver.answer = (response) => response.writeHead(410).end()
  const named = { 'celeriac-webhook': receiver.url }
  const first = await post('/v1/tasks/math.add', [20, 22], named)
  expect(first.headers.get('celeriac-webhook')).toBeNull()
  const { id } = (await first.json()) as { id: string }
  const delivery = scene.app.result(uuidOf(id, 'webhook', 'SUCCESS'))
  await expect.poll(() => delivery.state()).toBe('FAILURE')
  for (const [path, body, headers] of [
    ['/v1/tasks/math.add', [1, 2], {}],
    ['/v1/tasks/math.add', [1, 2], { prefer: 'wait=5' }],
    ['/v1/batches', { jobs: [{ task: 'math.add', input: [1, 2] }] }, {}],
    [`/v1/jobs/${id}/retry`, undefined, {}],
  ] as const) {
    const answer = await post(path, body, { ...headers, ...named })
    expect([path, answer.ok, answer.headers.get('celeriac-webhook')]).toEqual([path, true, 'disabled'])
  }
  expect((await post('/v1/tasks/nobody', [], named)).headers.get('celeriac-webhook')).toBeNull()
  expect(receiver.got).toHaveLength(1)
  await receiver.stop()
})

test('the typed client, through the proxy', async () => {
  const client = createClient<Tasks>(proxy.url)
  expect(await client.run('math.add', [20, 22])).toBe(42)
  expect(await client.run('images.pixel', [])).toEqual(new Uint8Array(PIXEL))
})

test('with somebody who asks who it is, and counts', async () => {
  await using secured = await startScene({
    authorize: bearer({ 'token-of-ada-1234': 'ada', 'token-of-bob-1234': { id: 'bob', scopes: ['admin'] } }),
    rateLimit: { requests: 6, per: '1m' },
    expose: [],
  })
  const as = (who: string): RequestInit => ({ headers: { authorization: `Bearer token-of-${who}-1234` } })
  const document = await (await fetch(`${secured.url}/openapi.json`, as('bob'))).json()
  const guarded = await ValidatingProxy.start(secured.url, new Contract(document))
  for (let n = 0; n < 8; n++) await (await fetch(`${guarded.url}/v1/jobs`, as('ada'))).text()
  await (await fetch(`${guarded.url}/v1/jobs`)).text()
  await (await fetch(`${guarded.url}/livez`)).text()
  await guarded.stop()
  expect(guarded.contract.breaches).toEqual([])
  expect([...guarded.contract.seen].sort()).toEqual([
    'GET /livez 200',
    'GET /v1/jobs 200',
    'GET /v1/jobs 401',
    'GET /v1/jobs 429',
  ])
})

test('nothing broke the contract, and much of it was seen', () => {
  expect(proxy.contract.breaches).toEqual([])
  expect([...proxy.contract.seen].sort()).toMatchSnapshot()
})
