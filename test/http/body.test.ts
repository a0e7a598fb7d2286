import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problemOf, rawExchange, type Service, startService } from './harness.ts'

const PATH = '/v1/tasks/tasks.echo'
const JSON_TYPE = { 'content-type': 'application/json' }

describe('the body of a call', () => {
  let service: Service
  beforeAll(async () => {
    service = await startService('memory:', { maxBody: 10_000 })
  })
  afterAll(() => service[Symbol.asyncDispose]())

  const send = (
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = JSON_TYPE,
  ): Promise<Response> => service.fetch(PATH, { method: 'POST', body, headers })

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"',
    'application/json ; charset=utf8; profile=x',
    'application/vnd.api+json',
  ])('is taken as %s', async (type) => {
    expect((await send('[1]', { 'content-type': type })).status).toBe(202)
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonx',
    'application/json; charset=latin1',
    'json',
    '',
  ])('415 as %j', async (type) => {
    const response = await send(new TextEncoder().encode('[1]'), type ? { 'content-type': type } : {})
    expect(response.headers.get('accept')).toBe('application/json')
    await problemOf(response, 415, 'unsupported-media-type')
  })

  test('a hostile charset is refused at once', async () => {
    const started = performance.now()
    const response = await send('[1]', { 'content-type': `application/json; charset=${' '.repeat(1000)}"x"y` })
    await problemOf(response, 415, 'unsupported-media-type')
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('415 when it is compressed', async () => {
    const response = await send('[1]', { ...JSON_TYPE, 'content-encoding': 'gzip' })
    expect(response.headers.get('accept-encoding')).toBe('identity')
    await problemOf(response, 415, 'unsupported-media-type')
  })

  test('400 says where the JSON is wrong', async () => {
    const problem = await problemOf(await send('[1, oops]'), 400, 'malformed-body')
    expect(problem).toMatchObject({ position: 4, detail: expect.stringContaining('not JSON at position 4') })
  })

  test('400 for text that is not UTF-8', async () => {
    const problem = await problemOf(
      await send(new Uint8Array([0x5b, 0x22, 0xff, 0xfe, 0x22, 0x5d])),
      400,
      'malformed-body',
    )
    expect(problem.detail).toBe('the body is not UTF-8')
  })

  test('400 for deep nesting, without work', async () => {
    const problem = await problemOf(await send('['.repeat(9_000)), 400, 'malformed-body')
    expect(problem).toMatchObject({ position: 100, detail: expect.stringContaining('nested deeper than 100 levels') })
  })

  test('400 for __proto__ as a key; nothing is polluted', async () => {
    const problem = await problemOf(await send('[{"__proto__":{"polluted":1}}]'), 400, 'malformed-body')
    expect(problem.detail).toBe('the key __proto__ is not accepted')
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  test('up to maxBody is taken, one byte more is 413', async () => {
    expect((await send(JSON.stringify(['x'.repeat(10_000 - 4)]))).status).toBe(202)
    await problemOf(await send(JSON.stringify(['x'.repeat(10_000 - 3)])), 413, 'body-too-large')
  })

  test('413 by the announced length alone, before any byte of it', async () => {
    const head = `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n`
    const answer = await rawExchange(service.server, [head])
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer).toContain('urn:celeriac:problem:body-too-large')
  })

  test('413 for a long chunked body, before its end', async () => {
    const head = `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`
    const answer = await rawExchange(service.server, [head, chunk, chunk, chunk])
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('a short chunked body is taken', async () => {
    const parts = ['[1,', '2]'].map((part) => new TextEncoder().encode(part))
    const body = new ReadableStream({
      pull(controller) {
        const part = parts.shift()
        if (part) controller.enqueue(part)
        else controller.close()
      },
    })
    const response = await service.fetch(PATH, {
      method: 'POST',
      body,
      headers: JSON_TYPE,
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(202)
  })

  test('a huge chunked upload is answered, and not kept', async () => {
    const chunk = new Uint8Array(64 * 1024).fill(0x20)
    let sent = 0
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ < 256) controller.enqueue(chunk)
        else controller.close()
      },
    })
    const response = await service.fetch(PATH, {
      method: 'POST',
      body,
      headers: JSON_TYPE,
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(413)
  })

  test('a client that goes away in the middle is no error of ours', async () => {
    const head = `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[1,`
    await rawExchange(service.server, [head], 50)
    expect((await service.fetch('/livez')).status).toBe(200)
    expect(service.log.filter(({ level }) => (level as number) >= 50)).toEqual([])
  })
})

describe('hostile requests', () => {
  let service: Service
  beforeAll(async () => {
    service = await startService()
  })
  afterAll(() => service[Symbol.asyncDispose]())

  test.each([
    '/v1/tasks/x%0d%0aSet-Cookie:%20a=b',
    '/v1/jobs/x%0d%0aSet-Cookie:%20a=b',
    '/v1/jobs/%00',
    '/v1/jobs/%ff%fe',
    '/v1/jobs/%',
    `/v1/jobs/${'x'.repeat(300)}`,
  ])('nothing is injected by %s', async (path) => {
    const response = await service.fetch(path, { method: path.includes('tasks') ? 'POST' : 'GET' })
    expect(response.status).toBe(404)
    expect(response.headers.get('set-cookie')).toBeNull()
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })

  test('an exposed name of odd characters gets an escaped path, not a header of its own', async () => {
    const name = 'odd name/ü\r\nX-Evil: 1'
    const own = await startService('memory:', { expose: [name] })
    const response = await own.post(`/v1/tasks/${encodeURIComponent(name)}`, [])
    // The app itself refuses control characters in names.
    expect(response.status).toBe(500)
    expect(response.headers.get('x-evil')).toBeNull()
    await own[Symbol.asyncDispose]()
  })

  test('ids with slashes and spaces are found by their links', async () => {
    await service.record({ task_id: 'a/b c?d#é' })
    const response = await service.fetch(`/v1/jobs/${encodeURIComponent('a/b c?d#é')}`)
    const { links } = (await response.json()) as { links: { self: string } }
    expect((await service.fetch(links.self)).status).toBe(200)
  })

  test('malformed HTTP does not stop the server', async () => {
    expect(await rawExchange(service.server, ['BREW / HTTP/1.1\r\n\r\n'])).toMatch(/^HTTP\/1\.1 400 /)
    const long = `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`
    expect(await rawExchange(service.server, [long])).toMatch(/^HTTP\/1\.1 431 /)
    expect((await service.fetch('/livez')).status).toBe(200)
  })
})
