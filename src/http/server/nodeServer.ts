import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { ConfigError } from '../../std/errors.ts'
import { Lifecycle, type Service, type ServiceRun } from '../../std/service.ts'
import type { StopSignal } from '../../std/stopSignal.ts'
import { hostGuard } from '../access/hostGuard.ts'
import { logAccess } from './accessLog.ts'
import { answerClientErrors, respondThrown } from './clientError.ts'
import { directListener } from './fastPath.ts'
import { retire } from './gracefulClose.ts'
import type { ParsedServeOptions } from './serveOptions.ts'
import type { ServedBy } from './shutdownSignal.ts'
import { checkTarget } from './target.ts'

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

/** An API behind Node's HTTP server. */
export class NodeServer implements Service {
  readonly #api: Hono
  readonly #options: ParsedServeOptions
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))
  #port: number
  #isRetiring = false

  constructor(api: Hono, options: ParsedServeOptions) {
    this.#api = api
    this.#options = options
    this.#port = options.port
  }

  /** Where it listens, as `http://127.0.0.1:5000`. */
  get url(): string {
    return `http://${hostOf(this.#options.host)}:${this.#port}`
  }

  /** Of the option, until it listens: then the port that it has. */
  get port(): number {
    return this.#port
  }

  /** Resolves when it listens; rejects with ConfigError when it cannot listen there. */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  /** Accept no more connections, finish the requests that run (at most 10 s), close every connection. */
  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  /** The same without failing a client, see `HttpServer`. */
  retire(): Promise<void> {
    if (this.#lifecycle.state !== 'stopping') this.#isRetiring = true
    return this.#lifecycle.stop()
  }

  async #open(run: ServiceRun): Promise<void> {
    const { host, port, accessLog } = this.#options
    this.#isRetiring = false
    const server = createNodeServer(this.#api, this.#options, run.stopping)
    answerClientErrors(server)
    if (accessLog) logAccess(server, accessLog)
    const silent = silentSockets(server)
    await listen(server, host, port)
    run.defer(() => (this.#isRetiring ? retire(server, CLOSE_TIMEOUT_MS) : close(server, silent)))
    this.#port = (server.address() as AddressInfo).port
  }
}

/** `closing` is the signal at which streams and long polls end. */
function createNodeServer(api: Hono, { host, hosts, requestTimeout }: ParsedServeOptions, closing: StopSignal): Server {
  const ordinary = getRequestListener(servedBy(api, closing), { errorHandler: respondThrown })
  return createServer(
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
}

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
