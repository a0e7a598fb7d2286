import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import type { Hono } from 'hono'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { serve, toExpress, toFastify, toNode } from '../../src/http/server/serve.ts'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { atEnd, listen } from './adapters/contexts.ts'

/** The whole answer to some bytes; the connection must end within 10 s. */
function ask(port: number, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no end of the answer within 10 s: ${answer}`)))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', reject)
    socket.on('end', () => resolve(answer))
    socket.write(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`)
  })
}

const hosts: Readonly<Record<string, (api: Hono) => Promise<number>>> = {
  serve: async (api) => {
    const server = await serve(api, { port: 0 })
    atEnd(() => server.close())
    return server.port
  },
  'serve with hosts': async (api) => {
    const server = await serve(api, { host: '0.0.0.0', port: 0, hosts: ['localhost'] })
    atEnd(() => server.close())
    return server.port
  },
  'node:http': async (api) => portOf(await listen(createServer({ requireHostHeader: false }, toNode(api)))),
  Express: async (api) =>
    portOf(await listen(createServer({ requireHostHeader: false }, express().use(toExpress(api))))),
  Fastify: async (api) => {
    const outer = fastify({ http: { requireHostHeader: false } })
    await outer.register(toFastify(api))
    atEnd(() => outer.close())
    return portOf(await outer.listen({ port: 0, host: '127.0.0.1' }))
  },
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}

function newApi(): Hono {
  const app = new Celeriac({ broker: 'memory:', logger: createLogger('silent') })
  atEnd(() => app.close())
  const where = app.task('where', () => 1)
  const api = app.http({ expose: [where] })
  api.get('/host', (c) => c.text(`host ${c.req.header('host')} of ${c.req.url}`))
  return api
}

describe.each(Object.entries(hosts))('%s', (name, open) => {
  let port: number
  beforeEach(async () => {
    port = await open(newApi())
  })

  test.each([
    ['HTTP/1.0 without Host', ['GET /livez HTTP/1.0']],
    ['HTTP/1.0 with Host', ['GET /livez HTTP/1.0', 'Host: localhost']],
    ['an absolute target', ['GET http://localhost/livez HTTP/1.1', 'Host: localhost']],
    [
      'an absolute target, whose host counts and not that of Host',
      ['GET HTTP://localhost/livez HTTP/1.1', 'Host: x.y'],
    ],
    ['an absolute target in HTTP/1.0 without Host', ['GET http://localhost/livez HTTP/1.0']],
  ])('%s: 200', async (_, lines) => {
    expect(await ask(port, lines)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\{"status":"ok"\}/s)
  })

  test.each([
    ['two Host lines', ['GET /livez HTTP/1.1', 'Host: localhost', 'Host: localhost']],
    ['two Host lines that differ', ['GET /livez HTTP/1.1', 'Host: localhost', 'HOST: evil.example']],
    ['two Host lines in HTTP/1.0', ['GET /livez HTTP/1.0', 'Host: localhost', 'Host: localhost']],
    ['two Host lines at a job', ['GET /v1/jobs/x HTTP/1.1', 'Host: localhost', 'Host: localhost']],
    ['no Host in HTTP/1.1', ['GET /livez HTTP/1.1']],
    ['an empty Host', ['GET /livez HTTP/1.1', 'Host:']],
    ['a Host with a user', ['GET /livez HTTP/1.1', 'Host: x@localhost']],
    ['a Host with a path', ['GET /livez HTTP/1.1', 'Host: localhost/x']],
    ['an absolute target with a user', ['GET http://x@localhost/livez HTTP/1.1', 'Host: localhost']],
    ['an absolute target without a host', ['GET http:///livez HTTP/1.1', 'Host: localhost']],
    ['an absolute target of another scheme', ['GET ftp://localhost/livez HTTP/1.1', 'Host: localhost']],
    ['a target that is no path', ['GET livez HTTP/1.1', 'Host: localhost']],
  ])('%s: 400', async (_, lines) => {
    const answer = await ask(port, lines)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    // Elsewhere Node's parser or the framework may refuse it before us.
    if (name.startsWith('serve')) expect(answer).toContain('"type":"urn:celeriac:problem:malformed-request"')
  })

  test('what comes after sees the host of an absolute target, and the address that was called where no host was named', async () => {
    expect(await ask(port, ['GET http://localhost:81/host?a=1 HTTP/1.1', 'Host: x.y'])).toContain(
      'host localhost:81 of http://localhost:81/host?a=1',
    )
    expect(await ask(port, ['GET /host HTTP/1.0'])).toContain(`host 127.0.0.1:${port} of http://127.0.0.1:${port}/host`)
  })
})

test('a name that is not ours is refused also as the host of an absolute target', async () => {
  const server = await serve(newApi(), { port: 0 })
  onTestFinished(() => server.close())
  const answer = await ask(server.port, ['GET http://evil.example/livez HTTP/1.1', 'Host: localhost'])
  expect(answer).toMatch(/^HTTP\/1\.1 421 .*urn:celeriac:problem:misdirected-request/s)
})

test('a refusal of a name that is not ours repeats no query: it may have a token', async () => {
  const server = await serve(newApi(), { port: 0 })
  onTestFinished(() => server.close())
  const answer = await ask(server.port, ['GET /login?token=s3cret HTTP/1.1', 'Host: evil.example'])
  expect(answer).toMatch(/"instance":"\/login"/)
  expect(answer).not.toContain('s3cret')
})

test('below a prefix an absolute target is found, too', async () => {
  const server = createServer(toNode(newApi(), { prefix: '/api' }))
  await listen(server)
  const { port } = server.address() as AddressInfo
  expect(await ask(port, ['GET http://localhost/api/livez HTTP/1.1', 'Host: localhost'])).toMatch(/^HTTP\/1\.1 200 /)
})
