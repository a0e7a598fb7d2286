import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { ConfigError } from '../std/errors.ts'

// The face of `celeriac/http`; the app itself imports `api.ts` alone, which needs no Node server.
export { createHttp, type HttpOptions } from './api.ts'

export interface ServeOptions {
  /** Address to listen at. Default `127.0.0.1`: this machine alone. */
  host?: string
  /** Default 5000; 0 takes any that is free. */
  port?: number
}

/** A running server. */
export interface HttpServer {
  /** Where it is, as `http://127.0.0.1:5000`. */
  readonly url: string
  readonly port: number
  /** Take no more, finish the requests that run (at most 10 s), close every connection. Twice is harmless. */
  close(): Promise<void>
}

/** ms. A client gets this long for its headers, and this long for its whole request. */
const HEADERS_TIMEOUT = 10_000
const REQUEST_TIMEOUT = 60_000
/** ms that an idle connection is kept. */
const KEEP_ALIVE_TIMEOUT = 5_000
/** ms that `close` waits for running requests, for the first request of a connection, and between looks for those that became idle. */
const CLOSE_TIMEOUT = 10_000
const SILENCE_TIMEOUT = 500
const CLOSE_INTERVAL = 50

/** Serve an API by Node's HTTP server. Resolves when it listens; throws ConfigError when it cannot listen there. */
export async function serve(api: Hono, options: ServeOptions = {}): Promise<HttpServer> {
  const { host = '127.0.0.1', port = 5000 } = options
  const server = createAdaptorServer({
    fetch: api.fetch,
    serverOptions: {
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
      connectionsCheckingInterval: 5_000,
    },
  }) as Server
  const silent = silentSockets(server)
  await listen(server, host, port)
  const bound = (server.address() as AddressInfo).port
  let closing: Promise<void> | undefined
  return {
    url: `http://${hostOf(host)}:${bound}`,
    port: bound,
    close: () => {
      closing ??= close(server, silent)
      return closing
    },
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
  EADDRINUSE: 'something else listens there already; choose another port',
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
  const sweep = setInterval(() => server.closeIdleConnections(), CLOSE_INTERVAL)
  const hush = setTimeout(() => {
    for (const socket of silent) socket.destroy()
  }, SILENCE_TIMEOUT)
  const bound = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT)
  try {
    await new Promise<void>((resolve) => server.close(() => resolve()))
  } finally {
    clearInterval(sweep)
    clearTimeout(hush)
    clearTimeout(bound)
  }
}
