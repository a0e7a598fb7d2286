import type { IncomingMessage } from 'node:http'
import { setRawHeader } from '../input/rawHeader.ts'

/** A request as body parsers leave it. */
type Parsed = IncomingMessage & { body?: unknown; rawBody?: unknown }

/**
 * Put back a body that a parser of the framework around has read: its bytes where they were kept, else the JSON of what
 * was parsed. False where that cannot be done.
 */
export function restoreBody(request: Parsed): boolean {
  if (!request.readableDidRead && !request.readableEnded) return true
  if (request.rawBody instanceof Buffer) return true
  const bytes = bytesOf(request.body, request.headers['content-type'])
  if (!bytes) return false
  request.rawBody = bytes
  // The parser has decompressed it.
  setRawHeader(request, 'content-encoding', undefined)
  setRawHeader(request, 'content-length', String(bytes.length))
  return true
}

function bytesOf(body: unknown, type = ''): Buffer | undefined {
  if (Buffer.isBuffer(body)) return body
  if (typeof body === 'string') return Buffer.from(body)
  if (body === undefined || !/^application\/(?:json|[^;]+\+json)\b/i.test(type.trim())) return undefined
  return Buffer.from(JSON.stringify(body))
}
