import { type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http'
import { request as secureRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { Target } from './addressGuard.ts'

/** The receiver's answer. */
export interface Answer {
  readonly status: number
  /** The header of that name. */
  readonly retryAfter: string | undefined
}

/** Bytes of an answer that are read and dropped; the connection is closed there. */
const MAX_ANSWER_BYTES = 64 * 1024

/**
 * POST to a pinned target on a connection of its own. Redirects are not followed: they are answers like any other.
 * `timeout` (ms) bounds the whole exchange, `stop` ends it. Rejects when there is no answer.
 */
export function post(
  { url, address }: Target,
  body: string,
  headers: Readonly<Record<string, string>>,
  timeout: number,
  stop?: AbortSignal,
): Promise<Answer> {
  const bytes = Buffer.from(body)
  const limit = AbortSignal.timeout(timeout)
  const options: RequestOptions = {
    method: 'POST',
    headers: { ...headers, 'content-length': bytes.length },
    agent: false,
    lookup: always(address),
    signal: stop ? AbortSignal.any([limit, stop]) : limit,
  }
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? secureRequest : plainRequest
    const request = send(url, options, (response) => {
      const { statusCode: status = 0, headers: got } = response
      drain(response, () => resolve({ status, retryAfter: got['retry-after'] }))
    })
    request.on('error', (error) => {
      reject(limit.aborted ? new Error(`no answer within ${timeout} ms`, { cause: error }) : error)
    })
    request.end(bytes)
  })
}

/** The name stays in Host and in the TLS handshake; only the address is fixed. */
function always(address: string): LookupFunction {
  const family = isIP(address)
  return (_hostname, { all }, callback) => {
    if (all) callback(null, [{ address, family }])
    else callback(null, address, family)
  }
}

/** Only the status counts: an answer that breaks off after its status is an answer, too. */
function drain(response: IncomingMessage, done: () => void): void {
  let length = 0
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) response.destroy()
  })
  response.on('error', done)
  response.on('close', done)
}
