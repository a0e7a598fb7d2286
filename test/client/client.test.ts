import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  ConnectionError,
  createClient,
  type JobEvent,
  ProblemError,
  WaitTimeoutError,
} from '../../src/client/client.ts'
import { bearer } from '../../src/http/access/auth.ts'
import { PIXEL, type Scene, startScene, type Tasks } from '../http/scene.ts'

describe('with a server', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await startScene()
  })
  afterAll(() => scene[Symbol.asyncDispose]())
  const client = () => createClient<Tasks>(scene.url)

  test('run: values, bytes, text, nothing; dates and big integers as JSON has them', async () => {
    expect(await client().run('math.add', [20, 22])).toBe(42)
    expect(await client().run('images.pixel', [])).toEqual(new Uint8Array(PIXEL))
    expect(await client().run('pages.hello', [])).toBe('<h1>hello</h1>')
    expect(await client().run('echo', [null])).toBeNull()
    expect(await client().run('echo', ['aGk='])).toBe('aGk=')
    const back = await client().run('echo', [
      { at: new Date(0), big: 12345678901234567890n, small: 1, text: '1234567890123456789' },
    ])
    expect(back).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      big: 12345678901234567890n,
      small: 1,
      text: '1234567890123456789',
    })
  })

  test('run with progress, each once and in order', async () => {
    const pages: number[] = []
    const result = await client().run(
      'reports.render',
      { title: 'x', pages: 4 },
      { onProgress: ({ page }) => pages.push(page) },
    )
    expect(result).toEqual({ url: '/reports/x.pdf', pages: 4 })
    expect(pages).toEqual([1, 2, 3, 4])
  })

  test('a job is found by the tags that it was submitted with', async () => {
    const tags = ['a b', 'c&d']
    const { id } = await client().submit('math.add', [1, 2], { tags })
    await client().submit('math.add', [1, 2], { tags: ['a b'] })
    const found = await fetch(`${scene.url}/v1/jobs?tag=${encodeURIComponent('c&d')}`)
    expect(((await found.json()) as { jobs: { id: string }[] }).jobs.map((job) => job.id)).toEqual([id])
  })

  test('what goes wrong is a ProblemError that says what', async () => {
    const failed = await client()
      .run('fail', ['too far'])
      .catch((error: unknown) => error as ProblemError)
    expect(failed).toBeInstanceOf(ProblemError)
    expect(failed).toMatchObject({
      kind: 'job-failed',
      status: 409,
      problem: { error: { type: 'RangeError', message: 'too far' } },
    })
    const invalid = await client()
      .submit('reports.render', { title: '' })
      .catch((error: unknown) => error)
    expect(invalid).toMatchObject({ kind: 'invalid-input', status: 422, problem: { errors: [{ pointer: '#/title' }] } })
    await expect(client().job('unknown').result()).rejects.toMatchObject({ kind: 'unknown-job' })
    await expect(client().events('unknown').next()).rejects.toMatchObject({ kind: 'unknown-job' })
  })

  test('a handle: info, events, cancel, result', async () => {
    const handle = await client().submit('held', { steps: 2 })
    const types: string[] = []
    for await (const event of handle.events()) {
      types.push(event.type)
      if (event.type === 'progress' && event.data.step === 2) {
        expect(await handle.info()).toMatchObject({ id: handle.id, task: 'held', state: 'STARTED' })
        await handle.cancel()
      }
      if (event.type === 'error') expect(event).toMatchObject({ state: 'REVOKED', error: { type: 'TaskRevokedError' } })
    }
    expect(types.at(-1)).toBe('error')
    await expect(handle.result()).rejects.toMatchObject({ kind: 'job-revoked' })
    await expect(client().cancel(handle.id)).rejects.toMatchObject({ kind: 'job-final' })
  })

  test('events from a place on; none after the end', async () => {
    const handle = await client().submit('reports.render', { title: 'x', pages: 3 })
    const all: JobEvent[] = []
    for await (const event of handle.events()) all.push(event)
    const place = all.at(-3)
    const rest: JobEvent[] = []
    for await (const event of handle.events({ lastEventId: place?.id })) rest.push(event)
    expect(rest).toEqual(all.slice(-2))
    for await (const event of handle.events({ lastEventId: all.at(-1)?.id })) throw new Error(`came: ${event.type}`)
  })

  test('the same key is the same job', async () => {
    const options = { idempotencyKey: 'a "quoted" \\ key' }
    const first = await client().submit('math.add', [1, 2], options)
    const second = await client().submit('math.add', [1, 2], options)
    expect(second.id).toBe(first.id)
    expect((await client().submit('math.add', [1, 2])).id).not.toBe(first.id)
    await expect(client().submit('math.add', [2, 2], options)).rejects.toMatchObject({ kind: 'key-reused' })
  })

  test('forget: what is kept of jobs that have ended', async () => {
    const jobs = await Promise.all([1, 2].map((n) => client().submit('math.add', [n, n])))
    await Promise.all(jobs.map((job) => job.result()))
    const ids = jobs.map(({ id }) => id)
    expect(await client().forget({ ids, dryRun: true })).toMatchObject({
      ids,
      removed: { deadLetters: 0 },
    })
    expect(await client().forget({ ids })).toMatchObject({ ids, active: [], removed: { records: 2, inputs: 2 } })
    await expect(client().forget({ ids, limit: 3 })).rejects.toMatchObject({ kind: 'invalid-query' })
    expect(await client().forget({ ids })).toMatchObject({ ids: [] })
  })

  test('a wait ends by its timeout or its signal, and the job goes on', async () => {
    const handle = await client().submit('held', {})
    await expect(handle.result({ timeout: 100 })).rejects.toBeInstanceOf(WaitTimeoutError)
    const reason = new Error('enough')
    await expect(handle.result({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const stop = new AbortController()
    const events = handle.events({ signal: stop.signal })
    await events.next()
    setTimeout(() => stop.abort(reason), 50)
    const drain = async (): Promise<void> => {
      for await (const _ of events);
    }
    await expect(drain()).rejects.toBe(reason)
    await expect(client().run('held', {}, { timeout: 100 })).rejects.toBeInstanceOf(WaitTimeoutError)
    expect((await handle.info()).state).not.toBe('REVOKED')
    await handle.cancel()
  })

  test('events go on across a restart of the server, each once', async () => {
    const handle = await client().submit('held', { steps: 8 })
    const steps: number[] = []
    const events = handle.events()
    for await (const event of events) {
      if (event.type === 'progress') steps.push(event.data.step)
      if (event.type === 'progress' && event.data.step === 3) void scene.restart()
      if (event.type === 'progress' && event.data.step === 8) break
    }
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await handle.cancel()
  })
})

test('a token, also one that is asked for each time', async () => {
  await using scene = await startScene({ authorize: bearer({ 'token-of-ada-1234': 'ada' }) })
  await expect(createClient<Tasks>(scene.url).run('math.add', [1, 2])).rejects.toMatchObject({
    kind: 'unauthorized',
    status: 401,
  })
  const client = createClient<Tasks>(scene.url, { token: async () => 'token-of-ada-1234' })
  expect(await client.run('math.add', [1, 2])).toBe(3)
  const events: string[] = []
  for await (const event of (await client.submit('math.add', [1, 2])).events()) events.push(event.type)
  expect(events.at(-1)).toBe('result')
})

describe('with a server that is not well', () => {
  let server: Server
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })
  type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => unknown
  const start = async (answer: Answer): Promise<string> => {
    let count = 0
    server = createServer((request, response) => answer(request, response, ++count))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const problem = (response: ServerResponse, status: number, kind: string, headers = {}): void => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    response.end(JSON.stringify({ type: `urn:celeriac:problem:${kind}`, title: kind, status }))
  }

  test('a submission that broke off is repeated under the same key', async () => {
    const keys: unknown[] = []
    const url = await start((request, response, count) => {
      keys.push(request.headers['idempotency-key'])
      if (count === 1) request.socket.destroy()
      else if (count === 2) problem(response, 503, 'store-unavailable', { 'retry-after': '0' })
      else if (count === 3) problem(response, 409, 'key-in-use', { 'retry-after': '0' })
      else if (count === 4) response.writeHead(502).end('<html>')
      else response.writeHead(202, { 'content-type': 'application/json' }).end('{"id":"j1"}')
    })
    expect((await createClient<Tasks>(url).submit('math.add', [1, 2])).id).toBe('j1')
    expect(keys).toHaveLength(5)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^"[0-9a-f]{32}"$/)
  })

  test('an answer that breaks off is none, and asked for again', async () => {
    const keys = new Set<unknown>()
    const url = await start((request, response, count) => {
      keys.add(request.headers['idempotency-key'])
      const text = '{"id":"j1","state":"SUCCESS","result":3}'
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length })
      if (count % 2 === 0) response.end(text)
      else response.write(text.slice(0, 20), () => setImmediate(() => response.destroy()))
    })
    expect(await createClient<Tasks>(url).run('math.add', [1, 2])).toBe(3)
    expect(keys.size).toBe(1)
    expect((await createClient<Tasks>(url).job('j1').info()).result).toBe(3)
    const once = createClient<Tasks>(url, { retries: 0 })
    await expect(once.job('j1').info()).rejects.toThrow(ConnectionError)
  })

  test('what cannot pass is not repeated; what never passes ends', async () => {
    const counts: number[] = []
    const url = await start((_, response, count) => {
      counts.push(count)
      problem(response, 422, 'invalid-input')
    })
    await expect(createClient<Tasks>(url).submit('math.add', [1, 2])).rejects.toMatchObject({ kind: 'invalid-input' })
    expect(counts).toHaveLength(1)
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
    const nobody = createClient<Tasks>(url, { retries: 1 })
    const error = await nobody.submit('math.add', [1, 2]).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConnectionError)
    expect((error as Error).message).toContain('ECONNREFUSED')
    await expect(nobody.events('x').next()).rejects.toBeInstanceOf(ConnectionError)
  })

  test('a proxy says what it likes', async () => {
    const url = await start((_, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<html>'))
    await expect(createClient<Tasks>(url).job('x').info()).rejects.toMatchObject({ kind: 'about:blank', status: 404 })
  })

  test('a server that cannot remember keys gets none', async () => {
    const keys: unknown[] = []
    const url = await start((request, response) => {
      keys.push(request.headers['idempotency-key'])
      if (keys.at(-1)) problem(response, 501, 'cannot-remember')
      else response.writeHead(202, { 'content-type': 'application/json' }).end('{"id":"j1"}')
    })
    const client = createClient<Tasks>(url)
    expect((await client.submit('math.add', [1, 2])).id).toBe('j1')
    expect(keys).toEqual([expect.any(String), undefined])
    await expect(client.submit('math.add', [1, 2], { idempotencyKey: 'mine' })).rejects.toMatchObject({
      kind: 'cannot-remember',
    })
  })

  test('a stream in pieces, with other line ends, comments and events of a later version', async () => {
    const text =
      ':\r\nretry: 10\r\n\r\nid: 1\r\nevent: progress\r\ndata: {"a":\r\ndata: "ä"}\r\n\r\nid: 2\nevent: later\ndata: 1\n\nid: 3\revent: result\rdata: 12345678901234567890\r\r'
    const bytes = Buffer.from(`${text}\n`)
    const url = await start(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const byte of bytes) {
        response.write(Buffer.of(byte))
        await new Promise((resolve) => setImmediate(resolve))
      }
      response.end()
    })
    const events: JobEvent[] = []
    for await (const event of createClient(url).events('x')) events.push(event)
    expect(events).toEqual([
      { type: 'progress', id: '1', data: { a: 'ä' } },
      { type: 'result', id: '3', data: 12345678901234567890n },
    ])
  })
})

test('options that cannot be are refused', () => {
  expect(() => createClient(5 as unknown as string)).toThrow('URL')
  expect(() => createClient('/', { tokn: 'x' } as object)).toThrow('tokn')
  expect(() => createClient('/', { retries: -1 })).toThrow('retries')
  expect(() => createClient('/').job('')).toThrow('id')
})

test.each([0, 5])('run: a server that never answers, with %i repeats: the timeout ends it', async (retries) => {
  const server = createServer(() => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = createClient<Tasks>(`http://127.0.0.1:${port}`, { retries })
  const start = performance.now()
  await expect(client.run('math.add', [1, 2], { timeout: 200 })).rejects.toThrow(WaitTimeoutError)
  const reason = new Error('enough')
  const stop = AbortSignal.abort(reason)
  await expect(client.run('math.add', [1, 2], { timeout: 60_000, signal: stop })).rejects.toBe(reason)
  server.closeAllConnections()
  server.close()
  await expect(client.run('math.add', [1, 2], { timeout: 200 })).rejects.toThrow(
    retries ? WaitTimeoutError : ConnectionError,
  )
  expect(performance.now() - start).toBeLessThan(3000)
})
