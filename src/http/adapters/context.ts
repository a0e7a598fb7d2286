import type { EventEmitter } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Context, Hono, MiddlewareHandler } from 'hono'
import type { App } from '../../app/app.ts'
import type { RequestFacts } from '../../config/baseUrl.ts'
import type { ContextValues } from '../../config/requestValues.ts'
import { captureRequest } from '../../request/capture.ts'
import { type ContextSource, LazyContext } from '../../request/requestContext.ts'
import { runWithin, sourceHere } from '../../tasks/current.ts'
import { identityOf } from '../access/identity.ts'
import type { ExpressMiddleware, ExpressRequest } from './express.ts'
import { fetchFacts, nodeFacts } from './facts.ts'
import type { FastifyPlugin, FastifyRequest } from './fastify.ts'

/*
 * One function per framework, all alike: every task that is called while a request is handled, however deep, carries
 * what the app's option `request` lets it know. The context is made when the first task is called or when it is first
 * read: what a later middleware finds (who the user is) is then known.
 */

/** What the application knows of a request beside what it says itself. */
export interface ContextOptions<Request> {
  /** Who sent it: plain JSON data. */
  identity?: ((request: Request) => unknown) | undefined
  /** Values of the app's own, as `withContext` takes them. */
  values?: ((request: Request) => ContextValues | undefined) | undefined
}

/** Hono middleware: `outer.use(honoContext(app))`. */
export function honoContext(app: App, options: ContextOptions<Context> = {}): MiddlewareHandler {
  return (c, next) => runWithin(sourceOf(app, fetchFacts(c.req.raw), c, options), next)
}

/** A handler of fetch requests around another: `serve(fetchContext(app, handler))`. */
export function fetchContext<Rest extends unknown[]>(
  app: App,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options: ContextOptions<Request> = {},
): (request: Request, ...rest: Rest) => Response | Promise<Response> {
  return (request, ...rest) =>
    runWithin(sourceOf(app, fetchFacts(request), request, options), () => handler(request, ...rest))
}

/** A listener of Node's HTTP server around another: `createServer(nodeContext(app, listener))`. */
export function nodeContext(
  app: App,
  listener: RequestListener,
  options: ContextOptions<IncomingMessage> = {},
): RequestListener {
  return (request, response) => {
    const source = sourceOf(app, nodeFacts(request), request, options)
    runBound(source, request, response, () => listener(request, response))
  }
}

/** Express middleware: `outer.use(expressContext(app))`. */
export function expressContext<Request extends IncomingMessage = ExpressRequest>(
  app: App,
  options: ContextOptions<Request> = {},
): ExpressMiddleware<Request> {
  return (request, response, next) => {
    const source = sourceOf(app, nodeFacts(request, (request as ExpressRequest).originalUrl), request, options)
    runBound(source, request, response, () => next())
  }
}

/**
 * A Fastify plugin: `fastify.register(fastifyContext(app))`. It holds for the instance on which it is registered, and
 * all below.
 */
export function fastifyContext<Request extends FastifyRequest = FastifyRequest>(
  app: App,
  options: ContextOptions<Request> = {},
): FastifyPlugin {
  const plugin: FastifyPlugin = (instance, _options, done) => {
    instance.addHook('onRequest', (request, reply, next) => {
      const source = sourceOf(app, nodeFacts(request.raw, request.originalUrl), request as Request, options)
      runBound(source, request.raw, reply.raw, () => next())
    })
    done()
  }
  // Fastify's word for a plugin whose hooks are not kept to itself.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}

/** The context of a request, made when it is first asked for. */
export function sourceOf<Request>(
  app: App,
  facts: RequestFacts,
  request: Request,
  { identity, values }: ContextOptions<Request>,
): ContextSource {
  const around = sourceHere()
  return new LazyContext(() =>
    captureRequest(
      facts,
      { identity: identity?.(request), values: values?.(request) },
      app.config.request,
      around?.carried.wire,
    ),
  )
}

/** What listens to the request or the response is called by Node from outside of it: from now on, within. */
function runBound(source: ContextSource, request: IncomingMessage, response: ServerResponse, run: () => unknown): void {
  bind(source, request)
  bind(source, response)
  runWithin(source, run)
}

function bind(source: ContextSource, emitter: EventEmitter): void {
  const emit = emitter.emit.bind(emitter)
  emitter.emit = (event: string | symbol, ...args: unknown[]) => runWithin(source, () => emit(event, ...args))
}

/**
 * Whatever a POST to the API calls carries its request, and who sent it: of the identity, what `authorize` must give,
 * and not what an application hangs on it.
 */
export function addRequestContext(api: Hono, base: string, app: App): void {
  const capture = honoContext(app, {
    identity: (c) => {
      const identity = identityOf(c)
      return identity && { id: identity.id, ...(identity.scopes ? { scopes: identity.scopes } : {}) }
    },
  })
  api.post(`${base}/*`, capture)
}
