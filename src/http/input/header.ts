import type { IncomingHttpHeaders } from 'node:http'
import type { Context } from 'hono'

/** Reads a header by its name in lower case; null where it is missing. Several lines of one name are joined by `, `. */
export type HeaderReader = (name: string) => string | null

/**
 * The headers of a request. Behind Node's HTTP server they are read as Node has them: that spares every request a
 * `Headers` object of its own.
 */
export function headersOf(c: Context): HeaderReader {
  const incoming = (c.env as { incoming?: { headers?: IncomingHttpHeaders } } | undefined)?.incoming?.headers
  const { raw } = c.req
  return incoming && isLight(raw) ? (name) => textOf(incoming, name) : (name) => raw.headers.get(name)
}

/**
 * The server adapter's stand-in for a request: made from Node's, and the same to the letter. A real `Request`, which
 * some outer handler has made and may have changed, has a prototype that names its class.
 */
function isLight(request: Request): boolean {
  return !Object.hasOwn(Object.getPrototypeOf(request) as object, 'constructor')
}

/** HTTP/2 has `:authority` for the host. */
function textOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name] ?? (name === 'host' ? (headers[':authority'] as string | undefined) : undefined)
  return Array.isArray(value) ? value.join(', ') : (value ?? null)
}
