import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'
import { serve as serveHono } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { createHttp, toExpress, toFastify, toFetch, toNode } from '../../../src/http/server/serve.ts'
import { createLogger } from '../../../src/std/log.ts'
import { atEnd, listen } from './contexts.ts'

function newApi(): Hono {
  const app = new App({ broker: 'memory:', logger: createLogger('silent') })
  atEnd(() => app.close())
  const add = app.task('add', (x: number, y: number) => x + y)
  return createHttp(app, { expose: [add] })
}

const hosts: Readonly<Record<string, (api: Hono) => Promise<string>>> = {
  'Hono, route': async (api) => {
    const outer = new Hono().route('/api', api)
    return new Promise((resolve) => {
      const server = serveHono({ fetch: outer.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
        resolve(`http://127.0.0.1:${port}/api`)
      })
      atEnd(() => server.close())
    })
  },
  'Hono, mount': (api) => {
    const outer = new Hono()
    outer.mount('/api', toFetch(api, { prefix: '/api' }), { replaceRequest: false })
    return listen(createServer(toNode(outer))).then((url) => `${url}/api`)
  },
  'Fastify, prefix': async (api) => {
    const outer = fastify()
    outer.addHook('onRequest', async (_request, reply) => {
      reply.header('x-outer', 'yes')
    })
    await outer.register(toFastify(api), { prefix: '/api' })
    outer.post('/own', async ({ body }) => body)
    atEnd(() => outer.close())
    return `${await outer.listen({ port: 0, host: '127.0.0.1' })}/api`
  },
  'Fastify, none': async (api) => {
    const outer = fastify()
    await outer.register(toFastify(api))
    atEnd(() => outer.close())
    return outer.listen({ port: 0, host: '127.0.0.1' })
  },
  'Express, use': async (api) => `${await listen(createServer(express().use('/api', toExpress(api))))}/api`,
  'Express, behind express.json()': async (api) => {
    const outer = express().use(express.json()).use('/api', toExpress(api))
    return `${await listen(createServer(outer))}/api`
  },
  'Express, a router with a parameter': async (api) => {
    const outer = express().use('/:tenant', express.Router().use('/deep', toExpress(api)))
    return `${await listen(createServer(outer))}/{*}`.replace('{*}', 'acme/deep')
  },
  'node:http': (api) => listen(createServer(toNode(api))),
  'node:http, prefix': async (api) => `${await listen(createServer(toNode(api, { prefix: '/api' })))}/api`,
  'any fetch host': async (api) =>
    `${await listen(createServer(toNode(new Hono().all('*', (c) => api.fetch(c.req.raw)))))}`,
}

describe.each(Object.entries(hosts))('%s', (_name, open) => {
  test('a job is handed in and seen; links lead where it is mounted', async () => {
    const url = await open(newApi())
    const { origin, pathname } = new URL(url)
    const base = pathname === '/' ? '' : pathname
    const accepted = await fetch(`${url}/v1/tasks/add`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '[1, 2]',
    })
    expect(accepted.status).toBe(202)
    const location = accepted.headers.get('location') as string
    expect(location).toMatch(new RegExp(`^${base}/v1/jobs/[\\w-]+$`))
    const document = (await accepted.json()) as { id: string; links: Record<string, string> }
    expect(document.links.self).toBe(location)
    const job = await fetch(origin + location)
    expect(job.status).toBe(200)
    expect(await job.json()).toMatchObject({ id: document.id, links: { self: location } })
    const invalid = await fetch(`${url}/v1/tasks/add`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"no": "array"}',
    })
    expect(invalid.status).toBe(422)
    expect(await invalid.json()).toMatchObject({ instance: `${base}/v1/tasks/add` })
    const nothing = await fetch(`${url}/v1/nothing`)
    expect(nothing.status).toBe(404)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    const openapi = (await (await fetch(`${url}/openapi.json`)).json()) as { servers: unknown }
    expect(openapi.servers).toEqual([{ url: base || '/' }])
  })
})

describe('the framework around', () => {
  test('Fastify: its hooks run before, its own parsers stay, its prefix is its own', async () => {
    const outer = fastify()
    outer.addHook('onRequest', async (_request, reply) => {
      reply.header('x-outer', 'yes')
    })
    await outer.register(toFastify(newApi()), { prefix: '/api' })
    outer.post('/own', async ({ body }) => body)
    atEnd(() => outer.close())
    const url = await outer.listen({ port: 0, host: '127.0.0.1' })
    const answer = await fetch(`${url}/api/livez`)
    expect([answer.status, answer.headers.get('x-outer')]).toEqual([200, 'yes'])
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' }
    expect(await (await fetch(`${url}/own`, json)).json()).toEqual({ a: 1 })
    expect((await fetch(`${url}/livez`)).status).toBe(404)
  })

  test('a body that a parser has read: JSON is put back, decompressed; another is a clear error', async () => {
    const outer = express()
      .use(express.json(), express.urlencoded({ extended: false }))
      .use('/api', toExpress(newApi()))
    const url = `${await listen(createServer(outer))}/api/v1/tasks/add`
    const zipped = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', 'content-encoding': 'gzip' },
      body: gzipSync('[1, 2]'),
    })
    expect(zipped.status).toBe(202)
    const form = await fetch(url, { method: 'POST', body: new URLSearchParams({ x: '1' }) })
    expect(form.status).toBe(500)
    expect(await form.json()).toMatchObject({
      type: 'urn:celeriac:problem:internal-error',
      detail: expect.stringContaining('mount the API before what parses bodies'),
      instance: '/api/v1/tasks/add',
    })
    const text = await fetch(url, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' })
    expect(text.status).toBe(415)
    const empty = await fetch(url, { method: 'POST' })
    expect(empty.status).toBe(202)
  })

  test('paths beside the prefix are nothing; a wrong prefix is refused', async () => {
    const api = newApi()
    const url = await listen(createServer(toNode(api, { prefix: '/api' })))
    for (const path of ['/v1/jobs', '/apiary/livez', '/']) expect((await fetch(url + path)).status, path).toBe(404)
    const handle = toFetch(api, { prefix: '/api' })
    expect((await handle(new Request('http://any.example/livez'))).status).toBe(404)
    expect((await handle(new Request('http://any.example/api/livez'))).status).toBe(200)
    expect(() => toNode(api, { prefix: 'api' })).toThrow('toNode: prefix: expected a path such as \'/api\', got "api"')
  })

  test('what a client puts into the path of a parameter never gets into a header', async () => {
    const outer = express().use('/:tenant', toExpress(newApi()))
    const url = await listen(createServer(outer))
    for (const tenant of ['%0d%0aX-Evil:%201', '%E2%82%AC', 'a%20b', ':x{(a+)+}', '*']) {
      const answer = await fetch(`${url}/${tenant}/v1/tasks/add`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '[1,2]',
      })
      expect(answer.status, tenant).toBe(202)
      expect(answer.headers.get('x-evil')).toBeNull()
      const location = answer.headers.get('location') as string
      expect(location).toMatch(/^[!-~]+$/)
      expect((await fetch(url + location)).status, tenant).toBe(200)
    }
  })
})
