import type { Hono } from 'hono'
import { isApp } from '../../app/app.ts'
import { ArgumentError } from '../../std/errors.ts'
import { requireNode } from '../../std/node.ts'
import { readOptions } from '../../std/optionTable.ts'
import { NodeServer } from './nodeServer.ts'
import { SERVE_OPTIONS, type ServeOptions } from './serveOptions.ts'

export { type Authorize, type BasicUser, basic, bearer, type Caller, type Granted } from '../access/auth.ts'
export type { CorsOptions } from '../access/crossOrigin.ts'
export type { Identity } from '../access/identity.ts'
export type { RateLimit } from '../access/rateLimit.ts'
// The face of `celeriac/http`; the app itself imports `api.ts` alone, which needs no Node server.
export {
  type ContextOptions,
  expressContext,
  fastifyContext,
  fetchContext,
  honoContext,
  nodeContext,
} from '../adapters/context.ts'
export { type ExpressMiddleware, type ExpressRequest, toExpress } from '../adapters/express.ts'
export {
  type FastifyInstance,
  type FastifyPlugin,
  type FastifyReply,
  type FastifyRequest,
  toFastify,
} from '../adapters/fastify.ts'
export { type FetchHandler, type PrefixOptions, toFetch } from '../adapters/fetch.ts'
export { toNode } from '../adapters/node.ts'
export { type ApiInfo, createHttp, type HttpOptions, type ScopedTask } from '../api.ts'
export { createWorkerHttp, type ProbedWorker } from '../routes/worker.ts'
export type { ServeOptions } from './serveOptions.ts'

requireNode()

/** A running server. */
export interface HttpServer {
  /** Where it is, as `http://127.0.0.1:5000`. */
  readonly url: string
  readonly port: number
  /** Take no more, finish the requests that run (at most 10 s), close every connection. Twice is harmless. */
  close(): Promise<void>
  /**
   * The same without failing a client, for who is replaced: streams and long polls end at once, each connection after
   * its next answer or when it has been idle for 5 s, all within 10 s.
   */
  retire(): Promise<void>
}

/**
 * Serve an API by Node's HTTP server. Resolves when it listens. Rejects with ConfigError when it cannot listen there,
 * with ArgumentError for anything but an API, as an app.
 */
export async function serve(api: Hono, options: ServeOptions = {}): Promise<HttpServer> {
  if (typeof (api as Partial<Hono> | undefined)?.fetch !== 'function')
    throw new ArgumentError(`serve: expected an API, as app.http({ expose: [task] }) returns, got ${kindOf(api)}`)
  const server = new NodeServer(api, readOptions(SERVE_OPTIONS, options, 'serve'))
  await server.start()
  return {
    url: server.url,
    port: server.port,
    close: () => server.stop(),
    retire: () => server.retire(),
  }
}

/** Nothing of what it is: an app has passwords in it. */
function kindOf(value: unknown): string {
  if (isApp(value)) return 'an app'
  return value === null || value === undefined ? `${value}` : `a value of type ${typeof value}`
}
