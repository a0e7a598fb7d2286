import { createServer } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { z } from 'zod'
import {
  expressContext,
  fastifyContext,
  fetchContext,
  honoContext,
  nodeContext,
  toExpress,
  toFastify,
  toFetch,
  toNode,
} from '../../src/http/server/serve.ts'
import { type App, Celeriac, currentTask, requestContext } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_same: Same<A, B>): void => undefined

/** Compiled, never run: the types of the request context, and that each framework takes what is made for it. */
export async function types(): Promise<void> {
  const app = new Celeriac({
    context: z.object({ tenant: z.string(), at: z.coerce.date().optional(), n: z.number().default(1) }),
  })
  const values = app.requestContext()?.values
  same<NonNullable<typeof values>['tenant'], string | undefined>(true)
  same<NonNullable<typeof values>['at'], Date | undefined>(true)
  app.withContext({ tenant: 'acme', at: '2026-01-01' }, () => 1).toFixed()
  // @ts-expect-error tenant is text
  app.withContext({ tenant: 1 }, () => 1)
  // @ts-expect-error tenant is missing
  app.withContext({}, () => 1)
  app.task({
    name: 'a',
    input: z.object({}),
    run: (_input, ctx) => ctx.request?.values.tenant?.toUpperCase(),
  })
  // An app with a schema goes wherever an app goes.
  const plain: App = app
  new Worker(app)
  app.http({ expose: [] })

  const open = new Celeriac()
  open.withContext({ anything: 1 }, async () => 'x').then((text) => text.trim())
  const unknown = requestContext()?.values.anything
  same<typeof unknown, unknown>(true)
  currentTask()?.request?.query.page
  // @ts-expect-error a schema of objects
  new Celeriac({ context: z.string() })

  const api = app.http({ expose: [] })
  new Hono().use(honoContext(app, { identity: (c) => c.req.header('x-user') })).route('/api', api)
  const server = fastify()
  await server.register(toFastify(api), { prefix: '/api' })
  await server.register(fastifyContext(plain, { identity: ({ raw }) => raw.method }))
  express()
    .use(expressContext(app, { values: (request) => ({ at: request.originalUrl }) }))
    .use('/api', toExpress(api))
  createServer(toNode(api, { prefix: '/api' }))
  createServer(nodeContext(app, (_request, response) => void response.end()))
  const handle = fetchContext(app, (request: Request, env: { key: string }) => new Response(request.url + env.key))
  await handle(new Request('http://a.example'), { key: 'x' })
  await toFetch(api)(new Request('http://a.example'))
}
