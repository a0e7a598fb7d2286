import { isUtf8 } from 'node:buffer'
import type { Envelope, Properties } from '../../protocol/envelope.ts'
import { DecodeError } from '../../std/errors.ts'
import type { Route } from '../broker.ts'

/** An envelope as kombu's virtual transports write it (celery-wire §1.4). */
interface Written {
  readonly body?: unknown
  readonly 'content-type'?: unknown
  readonly 'content-encoding'?: unknown
  readonly headers?: unknown
  readonly properties?: Readonly<Record<string, unknown>>
}

/** Header of ours that counts how often the holder of a message died. */
export const LOST_HEADER = 'x-celeriac-lost'

/** Write an envelope; `tag` is its delivery tag. */
export function writeEnvelope({ headers, properties, body }: Envelope, route: Route, tag: string): string {
  const { contentType, contentEncoding, correlationId, replyTo, priority, expiration, deliveryMode } = properties
  return JSON.stringify({
    body: Buffer.from(body as string).toString('base64'),
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
      // Last, as kombu has it: the script that takes messages looks for it there.
      delivery_tag: tag,
    },
  })
}

/** What was written, and what the transport says of it. */
export interface ReadEnvelope {
  readonly envelope: Envelope
  readonly redelivered: boolean
  readonly lost: number
}

/** Read what `writeEnvelope` or kombu wrote. Throws DecodeError. */
export function readEnvelope(text: string): ReadEnvelope {
  const written = parse(text)
  const { headers: given, properties = {} } = written
  const headers = typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {}
  const { [LOST_HEADER]: lost, redelivered: mark } = headers
  // Not the sender's own.
  if (mark !== undefined) delete headers.redelivered
  if (lost !== undefined) delete headers[LOST_HEADER]
  const info = properties.delivery_info as Readonly<Record<string, unknown>> | undefined
  return {
    envelope: { headers, properties: readProperties(written, properties), body: readBody(written, properties) },
    redelivered: mark === true || info?.redelivered === true,
    lost: typeof lost === 'number' ? lost : 0,
  }
}

function parse(text: string): Written {
  try {
    const written: unknown = JSON.parse(text)
    if (typeof written === 'object' && written !== null) return written as Written
  } catch (error) {
    throw new DecodeError(`envelope: not readable as JSON: ${(error as Error).message}`, { cause: error })
  }
  throw new DecodeError('envelope: expected a JSON object')
}

function readProperties(written: Written, properties: Readonly<Record<string, unknown>>): Properties {
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
function readBody(
  written: Written,
  { body_encoding: encoding }: Readonly<Record<string, unknown>>,
): string | Uint8Array {
  const { body } = written
  if (typeof body !== 'string') throw new DecodeError(`envelope: expected a body of text, got ${typeof body}`)
  if (encoding !== 'base64') return body
  const bytes = Buffer.from(body, 'base64')
  return written['content-encoding'] !== 'binary' && isUtf8(bytes) ? bytes.toString('utf8') : new Uint8Array(bytes)
}
