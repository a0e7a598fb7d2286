import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { RequestFacts } from '../../config/baseUrl.ts'

/** What a request of Node's says. `target` is its URL where a router has taken something off `url`. */
export function nodeFacts(request: IncomingMessage, target: string = request.url ?? ''): RequestFacts {
  return {
    method: request.method ?? '',
    target,
    secure: (request.socket as Partial<TLSSocket>).encrypted === true,
    header: (name) => nodeHeader(request, name),
    headerNames: () => Object.keys(request.headers),
  }
}

/** HTTP/2 has no Host. */
function nodeHeader({ headers }: IncomingMessage, name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : name === 'host' ? headers[':authority'] : undefined
  return Array.isArray(value) ? value.join(', ') : value
}

/** What a fetch request says. */
export function fetchFacts(request: Request): RequestFacts {
  const { url, headers } = request
  const authority = url.indexOf('//') + 2
  const end = url.slice(authority).search(/[/?#]/)
  const path = end === -1 ? url.length : authority + end
  return {
    method: request.method,
    target: url.slice(path),
    secure: url.startsWith('https:'),
    header: (name) => headers.get(name) ?? (name === 'host' ? url.slice(authority, path) : undefined),
    headerNames: () => headers.keys(),
  }
}
