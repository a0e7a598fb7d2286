import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
import { createHttp } from '../../src/http/api.ts'
import { type HttpServer, serve } from '../../src/http/server/serve.ts'
import { Celeriac, requestContext } from '../../src/index.ts'
import { rawExchange, startService } from './harness.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

/** With what is different each time taken out. */
async function answerOf(response: Response): Promise<object> {
  const mask = (text: string): string =>
    text.replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}/g, 'ID').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
  const headers = Object.fromEntries([...response.headers].map(([name, value]) => [name, mask(value)]))
  return { status: response.status, headers: { ...headers, date: '' }, body: mask(await response.text()) }
}

describe('what takes the direct way is answered as by the ordinary one', () => {
  test.each([
    ['a call', 'tasks.add', '[1,2]'],
    ['an object', 'reports.render', '{"id":"r1"}'],
    ['a task whose code lives elsewhere', 'python.multiply', '[6,7]'],
    ['letters of many bytes', 'tasks.echo', '["žluťoučký 🐎"]'],
    ['no JSON', 'tasks.add', '[1,'],
    ['no UTF-8', 'tasks.echo', Buffer.from([0x22, 0xff, 0x22])],
    ['the wrong kind of body', 'tasks.add', '{"x":1}'],
    ['an input that does not fit', 'reports.render', '{"dpi":"many"}'],
    ['a key that is refused', 'reports.render', '{"__proto__":1}'],
    ['no body', 'tasks.wait', ''],
    ['a body that is too long', 'tasks.echo', `["${'x'.repeat(2000)}"]`],
    ['a task that is not exposed', 'tasks.hidden', '[]'],
    ['a name that is a path', '..', '[]'],
  ])('%s', async (_, name, body) => {
    await using service = await startService('memory:', { maxBody: 1000 })
    const call = (headers: Record<string, string>): Promise<Response> =>
      service.fetch(`/v1/tasks/${name}`, { method: 'POST', body, headers: { ...JSON_TYPE, ...headers } })
    const direct = await answerOf(await call({}))
    expect(direct).toEqual(await answerOf(await call({ 'sec-fetch-site': 'same-origin' })))
  })

  test.each([
    ['waits', { status: 'PENDING' }],
    ['runs', { status: 'PROGRESS', result: { page: 1 }, date_started: '2026-11-01T10:00:00.000Z' }],
    ['has ended', { status: 'SUCCESS', result: 42, date_done: '2026-11-01T10:00:01.000Z' }],
    ['has a long number', { status: 'SUCCESS', result: [2n ** 64n, new Uint8Array([1, 2])] }],
    ['has failed', { status: 'FAILURE', result: { exc_type: 'Oops', exc_message: ['é'], exc_module: 'x' } }],
    ['is not exposed', { status: 'PENDING', name: 'tasks.hidden' }],
  ])('a job that %s', async (_, meta) => {
    await using service = await startService()
    await service.record({ task_id: 'job-1', ...meta })
    const direct = await answerOf(await service.fetch('/v1/jobs/job-1'))
    expect(direct).toEqual(await answerOf(await service.fetch('/v1/jobs/job-1', { headers: { prefer: 'nothing' } })))
  })

  test('a job that there is not', async () => {
    await using service = await startService()
    const direct = await answerOf(await service.fetch('/v1/jobs/none'))
    expect(direct).toEqual(await answerOf(await service.fetch('/v1/jobs/none', { headers: { prefer: 'nothing' } })))
  })
})

describe('the way that is taken', () => {
  async function ways(options: object, handler = false) {
    const app = new Celeriac({ broker: 'memory:' })
    const api = createHttp(app, { expose: [app.task('tasks.add', (x: number, y: number) => x + y)], ...options })
    const ordinary: string[] = []
    const { fetch: answer } = api
    api.fetch = (request, ...rest) => {
      ordinary.push(request.method)
      return answer(request, ...rest)
    }
    if (handler) api.onError((_error, c) => c.text('mine', 500))
    const server = await serve(api, { port: 0 })
    const end = async (): Promise<void> => {
      await server.close()
      await app.close()
    }
    return { server, ordinary, [Symbol.asyncDispose]: end }
  }

  const post = (server: HttpServer, headers: Record<string, string> = {}, query = ''): Promise<Response> =>
    fetch(`${server.url}/v1/tasks/tasks.add${query}`, {
      method: 'POST',
      body: '[1,2]',
      headers: { ...JSON_TYPE, ...headers },
    })

  test('a plain call and a look at its job are direct', async () => {
    await using service = await ways({})
    const { id } = (await (await post(service.server)).json()) as { id: string }
    expect((await fetch(`${service.server.url}/v1/jobs/${id}`)).status).toBe(200)
    expect(service.ordinary).toEqual([])
  })

  test.each([
    [{ prefer: 'wait=0' }],
    [{ 'idempotency-key': 'k1' }],
    [{ 'celeriac-webhook': 'https://example.com/' }],
    [{ 'content-encoding': 'identity' }],
    [{ 'content-type': 'application/json; charset=utf-8' }],
    [{ origin: 'https://example.com' }],
    [{ 'sec-fetch-site': 'cross-site' }],
  ])('%o is more than plain', async (headers) => {
    await using service = await ways({})
    await post(service.server, headers as Record<string, string>)
    expect(service.ordinary).toEqual(['POST'])
  })

  test('a query is more than plain', async () => {
    await using service = await ways({})
    await post(service.server, {}, '?tag=a')
    expect(service.ordinary).toEqual(['POST'])
  })

  test.each([
    [{ authorize: bearer({ 'a-token-of-sixteen-letters': { id: 'ann' } }) }],
    [{ rateLimit: { requests: 10, per: '1s' } }],
    [{ cors: { origins: ['https://example.com'] } }],
  ])('%o leaves no direct way', async (options) => {
    await using service = await ways(options)
    await post(service.server)
    expect(service.ordinary).toEqual(['POST'])
  })

  test('nor does a handler of errors', async () => {
    await using service = await ways({}, true)
    await post(service.server)
    expect(service.ordinary).toEqual(['POST'])
  })
})

test('a body in pieces', async () => {
  await using service = await startService()
  const head = 'POST /v1/tasks/tasks.add HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n'
  const answer = await rawExchange(service.server, [`${head}content-length: 5\r\n\r\n`, '[1', ',2]'])
  expect(answer).toMatch(/^HTTP\/1\.1 202 /)
})

test('a client that goes before the end of its body leaves its place to others', async () => {
  await using service = await startService('memory:', { maxConcurrent: 1 })
  const socket = connect(service.server.port, '127.0.0.1')
  await once(socket, 'connect')
  const head = 'POST /v1/tasks/tasks.add HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n'
  socket.write(`${head}content-length: 5\r\n\r\n[1`)
  await expect.poll(async () => (await service.post('/v1/tasks/tasks.add', [1, 2])).status).toBe(503)
  socket.destroy()
  await expect.poll(async () => (await service.post('/v1/tasks/tasks.add', [1, 2])).status).toBe(202)
  expect((await service.post('/v1/tasks/tasks.add', [1, 2])).status).toBe(202)
})

test('the task knows its request', async () => {
  const app = new Celeriac({ broker: 'memory:', alwaysEager: true })
  const where = app.task('tasks.where', () => {
    const { method, path, baseUrl } = requestContext() ?? {}
    return { method, path, baseUrl }
  })
  const server = await serve(app.http({ expose: [where] }), { port: 0 })
  const call = await fetch(`${server.url}/v1/tasks/tasks.where`, { method: 'POST', body: '[]', headers: JSON_TYPE })
  const { id } = (await call.json()) as { id: string }
  const job = (await (await fetch(`${server.url}/v1/jobs/${id}`)).json()) as { result: object }
  expect(job.result).toEqual({ method: 'POST', path: '/v1/tasks/tasks.where', baseUrl: server.url })
  await server.close()
  await app.close()
})

test('a record whose times are none is shown without them', async () => {
  await using service = await startService('memory:')
  const times = { date_submitted: 'soon', date_started: '2026-13-45', date_done: 'never' }
  await service.record({ task_id: 'odd', status: 'SUCCESS', result: 3, ...times })
  const answer = await service.fetch('/v1/jobs/odd')
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ result: 3, createdAt: null, startedAt: null, finishedAt: null })
})
