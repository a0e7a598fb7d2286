import { type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { RequestError } from '@hono/node-server'
import { PROBLEMS, type ProblemKind, problemDocument, respondProblem } from '../output/problem.ts'

/** Codes of Node's errors for what never becomes a request, or not in time. */
const PROBLEM_KINDS: Readonly<Record<string, ProblemKind>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
  HPE_HEADER_OVERFLOW: 'headers-too-large',
}

/**
 * Answer what cannot be read as HTTP, or does not come within the server's time, with a problem document; then end the
 * connection.
 */
export function answerClientErrors(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // An answer that has begun cannot be taken back.
    const begun = (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent
    if (socket.writable && !begun) socket.write(answerTo(error))
    socket.destroySoon()
  })
}

/** The answer to what was thrown before an API could answer: by a request whose target or `Host` makes no URL. */
export function respondThrown(error: unknown): Response {
  if (error instanceof RequestError) return respondProblem({ kind: 'malformed-request', detail: error.message })
  return respondProblem({
    kind: 'internal-error',
    detail: 'internal error; the server failed before it reached the API',
  })
}

function answerTo({ code }: NodeJS.ErrnoException): string {
  const kind = PROBLEM_KINDS[code ?? ''] ?? 'malformed-request'
  const { status } = PROBLEMS[kind]
  const body = JSON.stringify(problemDocument({ kind, detail: PROBLEM_DETAILS[kind] ?? '' }))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

const PROBLEM_DETAILS: Partial<Record<ProblemKind, string>> = {
  'request-timeout': 'the request did not arrive in the time that this server gives it',
  'headers-too-large': 'the headers are longer than this server reads',
  'malformed-request': 'this is not HTTP/1.1 as RFC 9112 has it',
}
