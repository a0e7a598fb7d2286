import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { runs } from '../tier.ts'
import { type Answer, build, type House } from './house.ts'

const PATH = '/v1/tasks/tasks.echo'
const define = (app: Celeriac) => [app.task('tasks.echo', (value: unknown) => value)]

/** Everything that the server says until it ends the connection. */
function talk(port: number, work: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', () => resolve(answer))
    socket.on('close', () => resolve(answer))
    socket.on('connect', () => work(socket))
  })
}

/** Write as fast as the other side reads, until it ends. */
function pour(socket: Socket, chunk: Buffer, total: number): void {
  let sent = 0
  const more = (): void => {
    while (sent < total && !socket.destroyed) {
      sent += chunk.length
      if (!socket.write(chunk)) return
    }
  }
  socket.on('drain', more)
  more()
}

describe.each(['memory:', 'sqlite:'])('abuse on %s', (store) => {
  let house: House
  beforeAll(async () => {
    house = await build(store, define, { serve: { requestTimeout: 1500 } })
  })
  afterAll(async () => {
    // After all of it, it works as before.
    expect((await house.post(PATH, [1])).status).toBe(202)
    await house[Symbol.asyncDispose]()
  })
  const head = (headers: string): string => `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n`
  const json = 'Content-Type: application/json'

  test('a body that comes slowly, or never: 408, and the connection ends', async () => {
    for (const [start, drop] of [
      [`${head(`${json}\r\nContent-Length: 100`)}[1,`, ' '],
      [head(`${json}\r\nTransfer-Encoding: chunked`), '1\r\n \r\n'],
    ] as const) {
      const answer = await talk(house.server.port, (socket) => {
        socket.write(start)
        const drip = setInterval(() => socket.write(drop), 100)
        socket.on('close', () => clearInterval(drip))
      })
      expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
      expect(answer).toContain('content-type: application/problem+json')
      expect(answer).toContain('"type":"urn:celeriac:problem:request-timeout"')
    }
  })

  test('headers that come slowly: 408', async () => {
    const answer = await talk(house.server.port, (socket) => socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nX: '))
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('100 MB: 413 and closed, announced or not, and not kept in memory', async () => {
    const chunk = Buffer.alloc(64 * 1024, 0x20)
    const framed = Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')])
    const before = process.memoryUsage().rss
    for (const [headers, piece] of [
      ['Content-Length: 104857600', chunk],
      ['Transfer-Encoding: chunked', framed],
    ] as const) {
      const answers = await Promise.all(
        Array.from({ length: 2 }, () =>
          talk(house.server.port, (socket) => {
            socket.write(head(`${json}\r\n${headers}`))
            pour(socket, piece, 100 * 1024 * 1024)
          }),
        ),
      )
      // Whoever goes on writing may lose the answer with the connection.
      for (const answer of answers) if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(120 * 1024 * 1024)
  })

  test.each([
    ['['.repeat(500_000), 'nested deeper than 100 levels'],
    ['{"a":'.repeat(100_000), 'nested deeper than 100 levels'],
    ['[{"__proto__":{"admin":true}}]', 'the key __proto__ is not accepted'],
    ['[{"\\u005f_proto__":1}]', 'the key __proto__ is not accepted'],
  ])('JSON that is made to hurt: %#', async (body, detail) => {
    const answer = await house.ask('POST', PATH, { headers: { 'content-type': 'application/json' }, body })
    expect([answer.status, answer.json.type]).toEqual([400, 'urn:celeriac:problem:malformed-body'])
    expect(answer.json.detail).toContain(detail)
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  test('thousands of idempotency keys: each taken, none that expired kept', async () => {
    const send = (key: string): Promise<Response> =>
      fetch(house.server.url + PATH, {
        method: 'POST',
        body: '[1]',
        headers: { 'content-type': 'application/json', 'idempotency-key': `"${key}"` },
      })
    const batches = runs(20)
    for (let batch = 0; batch < batches; batch++) {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => send(`${batch} ${at}`)))
      for (const answer of answers) {
        expect(answer.status).toBe(202)
        await answer.arrayBuffer()
      }
    }
    expect(await house.app.queueSize()).toBe(batches * 100)
    expect((await send('3 7')).headers.get('idempotent-replayed')).toBe('true')
  })

  test.each([
    `/v1/tasks/tasks.echo%0d%0aX-Injected:%201`,
    '/v1/jobs/a%0d%0aX-Injected:%201',
    '/v1/jobs/a%0d%0aX-Injected:%201/retry',
    '/v1/batches/a%0d%0aX-Injected:%201',
    '/v1/tasks/%00',
    '/v1/tasks/%ff',
    '/v1/tasks/%E0%A4%A',
    `/v1/tasks/${'a'.repeat(5000)}`,
  ])('names that are no names: %s', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer: Answer = await house.ask(method, path)
      expect([404, 405]).toContain(answer.status)
      expect(answer.headers).not.toHaveProperty('x-injected')
    }
  })

  test('a line break in a tag, or in a header', async () => {
    const tag = await house.ask('POST', `${PATH}?tag=a%0d%0aX-Injected:%201`)
    expect([tag.status, tag.json.type]).toEqual([400, 'urn:celeriac:problem:invalid-query'])
    for (const query of ['tag=', `tag=${'x'.repeat(101)}`, 'tags=a', `tag=a&${'tag=a&'.repeat(20)}`])
      expect((await house.ask('POST', `${PATH}?${query}`)).status).toBe(400)
    const smuggled = await talk(house.server.port, (socket) =>
      socket.end(head(`Idempotency-Key: "a\rX-Injected: 1"\r\nContent-Length: 0`)),
    )
    expect(smuggled).toMatch(/^HTTP\/1\.1 400 /)
    expect(smuggled.toLowerCase()).not.toContain('\nx-injected')
  })

  test('what is not HTTP: 400 as a problem', async () => {
    const answer = await talk(house.server.port, (socket) => socket.write('HELO example.com\r\n\r\n'))
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(answer).toContain('"type":"urn:celeriac:problem:malformed-request"')
    const both = head(`${json}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked`)
    expect(await talk(house.server.port, (socket) => socket.write(`${both}0\r\n\r\n`))).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('headers beyond all measure: 431 as a problem', async () => {
    const answer = await talk(house.server.port, (socket) => socket.write(head(`X: ${'x'.repeat(40_000)}`)))
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    expect(answer).toContain('"type":"urn:celeriac:problem:headers-too-large"')
  })

  test('a path that is no URL as it is: its problem names it escaped', async () => {
    const { status, json } = await house.ask('GET', '/v1/jobs/a%0d%0ab%00%20c%C3%A4')
    expect([status, json.type]).toEqual([404, 'urn:celeriac:problem:unknown-job'])
    expect(json.instance).toBe('/v1/jobs/a%0D%0Ab%00%20c%C3%A4')
  })

  test.each([
    ['no Host', ''],
    ['a Host that is none', 'Host: a b\r\n'],
    ['a Host with a user', 'Host: x@localhost\r\n'],
  ])('%s: 400 as a problem', async (_, host) => {
    const answer = await talk(house.server.port, (socket) =>
      socket.write(`GET /v1/jobs/x HTTP/1.1\r\n${host}Connection: close\r\n\r\n`),
    )
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('content-type: application/problem+json')
    expect(answer).toContain('"type":"urn:celeriac:problem:malformed-request"')
  })

  test('a client that breaks off in the midst of its body', async () => {
    for (let count = 0; count < 50; count++) {
      const socket = connect(house.server.port, '127.0.0.1')
      socket.on('error', () => undefined)
      await new Promise((resolve) => socket.once('connect', resolve))
      socket.write(`${head(`${json}\r\nContent-Length: 100`)}[1,`)
      socket.destroySoon()
    }
    expect((await house.ask('GET', '/livez')).status).toBe(200)
  })
})
