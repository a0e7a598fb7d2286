import { createServer, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { App } from '../../../src/app/app.ts'
import type { ExpressRequest } from '../../../src/http/adapters/express.ts'
import {
  createHttp,
  expressContext,
  fastifyContext,
  fetchContext,
  honoContext,
  nodeContext,
  toExpress,
  toNode,
} from '../../../src/http/server/serve.ts'
import { requestContext, urlFor } from '../../../src/tasks/current.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { askTask, atEnd, listen, newApp } from './contexts.ts'

const identity = { identity: () => ({ id: 'ada' }), values: () => ({ tenant: 'acme' }) }

/** Far below the handler, after waits, as an application would call it. */
async function deep(app: App, depth = 3): Promise<unknown> {
  await sleep(1)
  return depth === 0 ? askTask(app) : deep(app, depth - 1)
}

/** A server that answers every request at /shop/orders with what a task called there knows. */
const frameworks: Readonly<Record<string, (app: App) => Promise<string>>> = {
  Hono: (app) => {
    const outer = new Hono().use(honoContext(app, identity))
    outer.route(
      '/shop',
      new Hono().all('/orders', async (c) => {
        await c.req.text()
        return c.json((await deep(app)) as object)
      }),
    )
    return listen(createServer(toNode(outer)))
  },
  Fastify: async (app) => {
    const outer = fastify()
    await outer.register(fastifyContext(app, identity))
    await outer.register(
      (inner, _options, done) => {
        inner.all('/orders', () => deep(app))
        done()
      },
      { prefix: '/shop' },
    )
    atEnd(() => outer.close())
    return outer.listen({ port: 0, host: '127.0.0.1' })
  },
  Express: (app) => {
    const router = express.Router().all('/orders', async (_request, response) => {
      response.json(await deep(app))
    })
    const outer = express().use(expressContext(app, identity), express.json()).use('/shop', router)
    return listen(createServer(outer))
  },
  'Express, captured in the router': (app) => {
    const router = express
      .Router()
      .use(expressContext(app, identity))
      .all('/orders', async (_request, response) => {
        response.json(await deep(app))
      })
    return listen(createServer(express().use('/shop', express.json(), router)))
  },
  'node:http': (app) =>
    listen(
      createServer(
        nodeContext(
          app,
          async (request, response) => {
            for await (const chunk of request) void chunk
            response.end(JSON.stringify(await deep(app)))
          },
          identity,
        ),
      ),
    ),
  'node:http by events': (app) =>
    listen(
      createServer(
        nodeContext(
          app,
          (request, response) => {
            request.on('data', () => undefined)
            request.on('end', () => void deep(app).then((seen) => response.end(JSON.stringify(seen))))
          },
          identity,
        ),
      ),
    ),
  fetch: (app) => {
    const handle = fetchContext(
      app,
      async (request) => {
        await request.text()
        return Response.json(await deep(app))
      },
      identity,
    )
    return listen(createServer(toNode(new Hono().all('*', (c) => handle(c.req.raw)))))
  },
}

describe.each(Object.entries(frameworks))('%s', (_name, open) => {
  test('a task that is called far below a handler knows the request', async () => {
    const app = newApp()
    const url = await open(app)
    const answer = await fetch(`${url}/shop/orders?page=2&tag=a&tag=b%20c`, {
      method: 'POST',
      body: JSON.stringify({ x: 'y'.repeat(100_000) }).slice(0, 50_000),
      headers: {
        'content-type': 'text/plain',
        'accept-language': 'fr',
        'x-request-id': 'r1',
        authorization: 'Bearer secret',
        cookie: 'session=secret',
        'x-other': 'not chosen',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        tracestate: 'vendor=1',
      },
    })
    expect(await answer.json()).toEqual({
      method: 'POST',
      path: '/shop/orders',
      baseUrl: url,
      query: { page: '2', tag: ['a', 'b c'] },
      headers: { 'accept-language': 'fr', 'x-request-id': 'r1' },
      identity: { id: 'ada' },
      values: { tenant: 'acme' },
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      tracestate: 'vendor=1',
      omitted: [],
    })
  })

  test('requests that wait among each other keep to their own', async () => {
    const app = newApp()
    const url = await open(app)
    const seen = await Promise.all(
      Array.from({ length: 150 }, async (_, n) => {
        const answer = await fetch(`${url}/shop/orders?n=${n}`, { method: 'POST', body: 'x' })
        return ((await answer.json()) as { query: { n: string } }).query.n
      }),
    )
    expect(seen).toEqual(seen.map((_, n) => String(n)))
  })
})

describe('the application', () => {
  test('handlers read it, add to it, and build URLs; who the user is may be found later', async () => {
    const app = newApp({ context: z.object({ tenant: z.string(), cart: z.number().optional() }) })
    const outer = express()
    outer.use(
      expressContext<IncomingMessage & { user?: string }>(app, {
        identity: ({ user }) => user,
        values: () => ({ tenant: 'acme' }),
      }),
    )
    outer.use((request, _response, next) => {
      Object.assign(request, { user: 'ada' })
      next()
    })
    outer.get('/cart', async (_request, response) => {
      const seen = await app.withContext({ tenant: 'acme', cart: 7 }, () => askTask(app))
      response.json({ seen, here: requestContext()?.values, url: urlFor('/cart/7', { q: 'a&b' }) })
    })
    const url = await listen(createServer(outer))
    expect(await (await fetch(`${url}/cart`)).json()).toMatchObject({
      seen: { path: '/cart', identity: 'ada', values: { tenant: 'acme', cart: 7 } },
      here: { tenant: 'acme' },
      url: `${url}/cart/7?q=a%26b`,
    })
  })

  test('1,000 requests at once, their tasks in a worker: each knows its own', async () => {
    const app = newApp({ alwaysEager: false, broker: 'memory:' })
    const worker = new Worker(app)
    await worker.start()
    atEnd(() => worker.stop())
    const outer = express().use(expressContext<ExpressRequest>(app, { identity: ({ url }) => url }))
    outer.get('/n/:n', async ({ params }, response) => {
      await sleep(Number(params.n) % 7)
      response.json(await deep(app))
    })
    const url = await listen(createServer(outer))
    const seen = await Promise.all(
      Array.from({ length: 1000 }, async (_, n) => {
        const answer = await fetch(`${url}/n/${n}?q=${n}`, { headers: { 'x-request-id': `r${n}` } })
        return (await answer.json()) as Record<string, unknown>
      }),
    )
    for (const [n, one] of seen.entries())
      expect(one).toMatchObject({
        path: `/n/${n}`,
        query: { q: `${n}` },
        headers: { 'x-request-id': `r${n}` },
        identity: `/n/${n}?q=${n}`,
      })
  })

  test('values that cannot be sent fail at the call, by their path', async () => {
    const app = newApp({ alwaysEager: false, broker: 'memory:' })
    class User {}
    const server = createServer(
      nodeContext(
        app,
        (_request, response) => {
          try {
            app.send('context')
          } catch (error) {
            response.end((error as Error).message)
          }
        },
        { identity: () => ({ user: new User() }) },
      ),
    )
    const url = await listen(server)
    expect(await (await fetch(url)).text()).toBe(
      'context.identity.user: instances of User cannot be sent; send plain data',
    )
  })

  test('a job that is handed in over the API knows its request, who sent it, and what is mounted around', async () => {
    const app = newApp({ alwaysEager: false, broker: 'memory:' })
    const worker = new Worker(app)
    await worker.start()
    const ended = new Promise((resolve) => app.afterTask((end) => resolve(end.request)))
    const api = createHttp(app, { expose: ['context'], authorize: () => ({ id: 'ada', scopes: ['admin'] }) })
    const outer = express().use(expressContext(app, { values: () => ({ tenant: 'acme' }) }), toExpress(api))
    const url = await listen(createServer(outer))
    const answer = await fetch(`${url}/v1/tasks/context`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'accept-language': 'fr' },
      body: '[]',
    })
    expect(answer.status).toBe(202)
    expect(await ended).toMatchObject({
      method: 'POST',
      path: '/v1/tasks/context',
      baseUrl: url,
      headers: { 'accept-language': 'fr' },
      identity: { id: 'ada', scopes: ['admin'] },
      values: { tenant: 'acme' },
    })
    await worker.stop()
  })
})
