import type { IncomingMessage, RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { HostGuard } from '../access/hostGuard.ts'
import { setRawHeader } from '../input/rawHeader.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i
/** A host and a port, without a user (RFC 9110, 4.2). */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(?::\d*)?$/i

/** Passes on requests whose target and `Host` are valid and whose host the guard accepts; answers the others. */
export function checkTarget(next: RequestListener, guard?: HostGuard): RequestListener {
  return (request, response) => {
    const wrong = readTarget(request)
    const refused = wrong ? respondProblem(wrong) : guard?.(request.headers.host, request.url ?? '')
    if (refused) {
      const answer = (): Response => refused
      void getRequestListener(answer, { overrideGlobalObjects: false, errorHandler: answer })(request, response)
      return
    }
    addHost(request)
    next(request, response)
  }
}

/**
 * Apply to a request of Node's what RFC 9112 (3.2) says of its target and its `Host`, before anything reads either: an
 * absolute target replaces `Host`, and leaves its path in `url`; HTTP/1.1 needs one `Host`, and no version may have
 * two. Returns the problem of a request that breaks this. An HTTP/1.0 request may lack `Host`: `addHost` then completes
 * it.
 */
function readTarget(request: IncomingMessage): Problem | undefined {
  // HTTP/2 has `:authority`, which its own parser has checked.
  if (request.httpVersionMajor > 1) return undefined
  const count = hostCount(request.rawHeaders)
  if (count > 1) return malformed(`expected one Host header, got ${count}`)
  if (count === 0 && request.httpVersion !== '1.0') return malformed('expected a Host header, which HTTP/1.1 requires')
  const { url = '' } = request
  const [, host, rest = ''] = (url.startsWith('/') ? undefined : ABSOLUTE.exec(url)) ?? []
  if (host !== undefined) {
    setRawHeader(request, 'host', host)
    request.url = rest.startsWith('/') ? rest : `/${rest}`
  }
  const asked = request.headers.host
  if (asked === undefined || HOST.test(asked)) return undefined
  return malformed(
    `expected a host and perhaps a port, as api.example.com:8080, got ${JSON.stringify(asked.slice(0, 200))}`,
  )
}

/** Give a request of HTTP/1.0 that names no host the address at which it arrived (RFC 9112, 3.3). */
function addHost(request: IncomingMessage): void {
  if (request.httpVersionMajor > 1 || request.headers.host !== undefined) return
  const { localAddress = '127.0.0.1', localPort = 80 } = request.socket
  setRawHeader(request, 'host', `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`)
}

function hostCount(rawHeaders: readonly string[]): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (name.length === 4 && name.toLowerCase() === 'host') count++
  }
  return count
}

function malformed(detail: string): Problem {
  return { kind: 'malformed-request', detail }
}
