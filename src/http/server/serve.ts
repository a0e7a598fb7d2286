import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { readOptions } from '../../config/optionTable.ts'
import { ConfigError } from '../../std/errors.ts'
import { requireNode } from '../../std/node.ts'
import { Stop, type StopSignal } from '../../std/stopSignal.ts'
import { hostGuard } from '../access/hostGuard.ts'
import { logAccess } from './accessLog.ts'
import { answerClientErrors, respondThrown } from './clientError.ts'
import { directListener } from './fastPath.ts'
import { retire } from './gracefulClose.ts'
import { SERVE_OPTIONS, type ServeOptions } from './serveOptions.ts'
import type { ServedBy } from './shutdownSignal.ts'
import { checkTarget } from './target.ts'

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
 * A client gets this long for its headers, and this long for its whole request; ms between looks for those that took
 * longer.
 */
const HEADERS_TIMEOUT_MS = 10_000
const TIMEOUT_CHECK_INTERVAL_MS = 5_000
/** ms that an idle connection is kept. */
const KEEP_ALIVE_TIMEOUT_MS = 5_000
/**
 * ms that `close` waits for running requests, for the first request of a connection, and between looks for those that
 * became idle.
 */
const CLOSE_TIMEOUT_MS = 10_000
const SILENCE_TIMEOUT_MS = 500
const CLOSE_CHECK_INTERVAL_MS = 50

/** Serve an API by Node's HTTP server. Resolves when it listens; throws ConfigError when it cannot listen there. */
export async function serve(api: Hono, options: ServeOptions = {}): Promise<HttpServer> {
  const { host, port, hosts, requestTimeout, accessLog } = readOptions(SERVE_OPTIONS, options, 'serve')
  const stop = new Stop()
  const ordinary = getRequestListener(servedBy(api, stop), { errorHandler: respondThrown })
  const server = createServer(
    {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
      requestTimeout,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // `checkTarget` refuses what needs one and has none, with a problem document.
      requireHostHeader: false,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_INTERVAL_MS, Math.ceil(requestTimeout / 2)),
    },
    checkTarget(
      directListener(api, (request, response) => void ordinary(request, response)),
      hostGuard(host, hosts),
    ),
  )
  answerClientErrors(server)
  if (accessLog) logAccess(server, accessLog)
  const silent = silentSockets(server)
  await listen(server, host, port)
  const bound = (server.address() as AddressInfo).port
  let closing: Promise<void> | undefined
  return {
    url: `http://${hostOf(host)}:${bound}`,
    port: bound,
    close: () => {
      stop.abort('closing')
      closing ??= close(server, silent)
      return closing
    },
    retire: () => {
      stop.abort('closing')
      closing ??= retire(server, CLOSE_TIMEOUT_MS)
      return closing
    },
  }
}

/** `closing` is the signal at which streams and long polls end. */
function servedBy(api: Hono, closing: StopSignal): Hono['fetch'] {
  return (request, env, context) => {
    ;(env as ServedBy).closing = closing
    return api.fetch(request, env, context)
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(listenError(error, host, port))
    server.once('error', fail)
    try {
      server.listen(port, host, () => {
        server.off('error', fail)
        resolve()
      })
    } catch (error) {
      fail(error as Error)
    }
  })
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there already; choose another port',
  EACCES: 'this user may not listen there; choose a port of 1024 or above',
  EADDRNOTAVAIL: 'the address is not one of this machine',
  ENOTFOUND: 'the host is not known',
  ERR_SOCKET_BAD_PORT: 'expected a port from 0 to 65535',
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ConfigError {
  return new ConfigError(`cannot listen at ${host}:${port}: ${REASONS[error.code ?? ''] ?? error.message}`, {
    cause: error,
  })
}

/** A host as a URL for people: one that means every address is shown as this machine's own. */
function hostOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

/** Connections that have not had a request yet: Node does not count them as idle. */
function silentSockets(server: Server): ReadonlySet<Socket> {
  const silent = new Set<Socket>()
  server.on('connection', (socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  server.on('request', ({ socket }) => silent.delete(socket))
  return silent
}

async function close(server: Server, silent: ReadonlySet<Socket>): Promise<void> {
  const sweep = setInterval(() => server.closeIdleConnections(), CLOSE_CHECK_INTERVAL_MS)
  const hush = setTimeout(() => {
    for (const socket of silent) socket.destroy()
  }, SILENCE_TIMEOUT_MS)
  const bound = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS)
  try {
    await new Promise<void>((resolve) => server.close(() => resolve()))
  } finally {
    clearInterval(sweep)
    clearTimeout(hush)
    clearTimeout(bound)
  }
}
