import { isUtf8 } from 'node:buffer'
import type { Route } from '../../../broker/broker.ts'
import { MAX_DEPTH } from '../../../protocol/encoding.ts'
import type { Envelope, Properties } from '../../../protocol/envelope.ts'
import { parsePythonJson } from '../../../protocol/nonFinite.ts'
import { isRecord } from '../../../std/isRecord.ts'

/** An envelope as kombu's virtual transports write it (celery-wire §1.4). */
interface Written {
  readonly body?: unknown
  readonly 'content-type'?: unknown
  readonly 'content-encoding'?: unknown
  readonly headers?: unknown
  readonly properties?: unknown
}

/** Our header that counts how often the holder of a message died. */
export const LOST_HEADER = 'x-celeriac-lost'

/** Write an envelope; `tag` is its delivery tag. */
export function writeEnvelope({ headers, properties, body }: Envelope, route: Route, tag: string): string {
  const { contentType, contentEncoding, correlationId, replyTo, priority, expiration, deliveryMode } = properties
  const rest = JSON.stringify({
    'content-encoding': contentEncoding,
    'content-type': contentType,
    headers,
    properties: {
      correlation_id: correlationId,
      reply_to: replyTo ?? '',
      delivery_mode: deliveryMode ?? 2,
      delivery_info: { exchange: route.exchange, routing_key: route.routingKey },
      priority: priority ?? 0,
      body_encoding: 'base64',
      expiration,
      // Last, as in kombu: the script that claims messages looks for it there.
      delivery_tag: tag,
    },
  })
  // Nothing in base64 needs to be escaped, which JSON.stringify would look for in a long body.
  return `{"body":"${Buffer.from(body as string).toString('base64')}",${rest.slice(1)}`
}

/** Of what kombu writes around headers and body, and of the list's own. */
const AROUND_BYTES = 400
/** The server's memory comes in sizes of which each is at most so many times the one before. */
const ROUNDED = 1.25

/** `MessageBytes.of`: the body is base64. */
export function listedBytes({ headers, body }: Envelope): number {
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  const written = 4 * Math.ceil(bytes / 3) + Buffer.byteLength(JSON.stringify(headers)) + AROUND_BYTES
  return Math.ceil(written * ROUNDED)
}

/** The envelope, and what the transport added to it. */
export interface ReadEnvelope {
  readonly envelope: Envelope
  readonly redelivered: boolean
  readonly lost: number
  /** As the sender wrote it; a sender may write anything. */
  readonly exchange: unknown
  readonly routingKey: unknown
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Read what `writeEnvelope` or kombu wrote. Any client may write to a list: a text that is not an envelope becomes the
 * body of one with the content type text/plain, with the id of its task if that can be read, so that it is refused and
 * kept like any other message.
 */
export function readEnvelope(text: string): ReadEnvelope {
  const written = parse(text)
  const properties = isRecord(written?.properties) ? written.properties : {}
  const headers: Record<string, unknown> = isRecord(written?.headers) ? written.headers : {}
  const { [LOST_HEADER]: lost, redelivered: mark } = headers
  // Headers that the sender did not write.
  if (mark !== undefined) delete headers.redelivered
  if (lost !== undefined) delete headers[LOST_HEADER]
  const info = isRecord(properties.delivery_info) ? properties.delivery_info : {}
  const envelope: Envelope =
    typeof written?.body === 'string' && isShallow(headers, 0)
      ? { headers, properties: readProperties(written, properties), body: readBody(written.body, written, properties) }
      : noEnvelope(text, headers, readProperties({}, properties))
  return {
    envelope,
    redelivered: mark === true || info.redelivered === true,
    lost: typeof lost === 'number' ? lost : 0,
    exchange: info.exchange,
    routingKey: info.routing_key,
  }
}

function noEnvelope(body: string, { id }: Fields, properties: Properties): Envelope {
  return {
    headers: typeof id === 'string' ? { id } : {},
    properties: { ...properties, contentType: 'text/plain' },
    body,
  }
}

function parse(text: string): Written | undefined {
  try {
    const written = parsePythonJson(text)
    return isRecord(written) ? written : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Code that writes headers again recurses as deep as they are. */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth < MAX_DEPTH && Object.values(value).every((item) => isShallow(item, depth + 1))
}

function readProperties(written: Written, properties: Fields): Properties {
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
  const { priority, expiration } = properties
  return {
    contentType: text(written['content-type']) ?? 'application/data',
    contentEncoding: text(written['content-encoding']) ?? 'utf-8',
    correlationId: text(properties.correlation_id),
    replyTo: text(properties.reply_to),
    priority: typeof priority === 'number' ? priority : undefined,
    expiration: typeof expiration === 'number' ? String(expiration) : text(expiration),
    deliveryMode: properties.delivery_mode === 1 ? 1 : 2,
  }
}

/** Text where the content encoding is a character set and the bytes are of it, else bytes. */
function readBody(body: string, written: Written, { body_encoding: encoding }: Fields): string | Uint8Array {
  if (encoding !== 'base64') return body
  const bytes = Buffer.from(body, 'base64')
  return written['content-encoding'] !== 'binary' && isUtf8(bytes) ? bytes.toString('utf8') : new Uint8Array(bytes)
}
