import { isUtf8 } from 'node:buffer'
import type { MessageProperties, Options } from 'amqplib'
import type { Envelope, Properties } from '../../protocol/envelope.ts'

/**
 * Content, headers and properties on the wire (celery-wire §1.5): bodies are raw bytes, messages are persistent unless
 * configured otherwise. A task that expires has a header for that, so that a worker reports its expiry: by the property
 * alone the server would drop it without a record.
 */
export function writeProperties({ headers, properties }: Envelope): Options.Publish {
  const { contentType, contentEncoding, correlationId, replyTo, priority, expiration, deliveryMode } = properties
  return {
    headers,
    contentType,
    contentEncoding,
    correlationId,
    replyTo,
    priority,
    expiration: typeof headers.expires === 'string' ? undefined : expiration,
    deliveryMode: deliveryMode ?? 2,
  }
}

/** Headers of copies of held messages: the key of the copy, and how often its holders had died before. */
export const HELD_HEADER = 'x-celeriac-held'
export const LOST_HEADER = 'x-celeriac-lost'
/**
 * The server's header of a copy that was dead-lettered: `rejected` when its holder released it, `expired` when its
 * holder was gone.
 */
export const REASON_HEADER = 'x-first-death-reason'

/** Headers by which the server describes a message's path: they are not part of the envelope. */
const SERVER_HEADER =
  /^x-(?:celeriac-held|celeriac-lost|delivery-count|death|first-death-(?:exchange|queue|reason)|last-death-(?:exchange|queue|reason)|acquired-count)$/

/** `ours`: true for queues that messages only pass through; the headers that they add are removed. */
export function readEnvelope(
  { content, properties }: { readonly content: Buffer; readonly properties: MessageProperties },
  ours: (queue: string) => boolean,
): Envelope {
  const headers = properties.headers ?? {}
  const delayed = ours(String(headers['x-first-death-queue']))
  return {
    headers: delayed || headers['x-delivery-count'] !== undefined ? own(headers, delayed) : headers,
    properties: readProperties(properties),
    body: readBody(content, properties),
  }
}

/**
 * Headers without those that the server added. If a message were sent with them again, the server would assume a cycle.
 */
export function withoutWay(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return own(headers, true)
}

function own(headers: Readonly<Record<string, unknown>>, deaths: boolean): Readonly<Record<string, unknown>> {
  const kept = Object.entries(headers).filter(([name]) =>
    deaths ? !SERVER_HEADER.test(name) : name !== 'x-delivery-count',
  )
  return Object.fromEntries(kept)
}

function readProperties(given: MessageProperties): Properties {
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
  return {
    contentType: text(given.contentType) ?? 'application/data',
    contentEncoding: text(given.contentEncoding) ?? 'utf-8',
    correlationId: text(given.correlationId),
    replyTo: text(given.replyTo),
    priority: typeof given.priority === 'number' ? given.priority : undefined,
    expiration: text(given.expiration),
    deliveryMode: given.deliveryMode === 1 ? 1 : 2,
  }
}

/** Text where the content encoding is a character set and the bytes are of it, else bytes. */
function readBody(content: Buffer, { contentEncoding }: MessageProperties): string | Uint8Array {
  return contentEncoding !== 'binary' && isUtf8(content) ? content.toString('utf8') : new Uint8Array(content)
}
