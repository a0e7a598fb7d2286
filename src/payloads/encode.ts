import { isOffloaded } from '../protocol/callHeaders.ts'
import { encodePlain } from '../protocol/encoding.ts'
import { CODEC_HEADER, type Envelope, mayBePart } from '../protocol/envelope.ts'
import { itemTexts } from '../protocol/jsonMembers.ts'
import { isReference, sealedResult } from '../protocol/result.ts'
import { ALL_CONTENT_TYPES, CONTENT_TYPES, deserialize, serialize, write } from '../protocol/serializer.ts'
import type { PayloadFormat } from './reference.ts'

/* What is put into a payload store, and what is left in its place. */

/** Bytes with the way to read them. */
export interface Encoded {
  readonly bytes: Uint8Array
  readonly format: PayloadFormat
  readonly plain?: true
}

/** Keyword argument of ours in place of a call: a worker that reads no payloads refuses it by its name. */
const PLACEHOLDER = 'celeriac_payload'
/** How most bodies end. */
const NOTHING_EMBEDDED = '{"callbacks":null,"errbacks":null,"chain":null,"chord":null}'
const MAX_CHARACTER_BYTES = 3

/** A text or bytes of more than `limit` bytes. */
export function isLonger(body: string | Uint8Array, limit: number): boolean {
  if (typeof body !== 'string') return body.byteLength > limit
  return body.length > limit || (body.length * MAX_CHARACTER_BYTES > limit && Buffer.byteLength(body) > limit)
}

/** The arguments of this message can be put elsewhere: in protocol 2, as they are, and in a format of ours. */
export function canMove({ headers, properties, body }: Envelope): boolean {
  const isPlain = (headers.compression ?? null) === null && !isOffloaded(headers)
  if (!isPlain || typeof headers.task !== 'string' || typeof headers.id !== 'string') return false
  return properties.contentType === CONTENT_TYPES.msgpack
    ? typeof body !== 'string'
    : properties.contentType === CONTENT_TYPES.json && /^utf-?8$/i.test(properties.contentEncoding)
}

/** The body of such a message, whole: `[args, kwargs, embed]`. */
export function encodedBody({ properties, body }: Pick<Envelope, 'properties' | 'body'>): Encoded {
  const format = properties.contentType === CONTENT_TYPES.msgpack ? 'msgpack' : 'json'
  return { bytes: typeof body === 'string' ? Buffer.from(body) : body, format }
}

/** What is left of it: what follows from the task, and the key in place of the arguments. Throws DecodeError. */
export function shortBody(envelope: Envelope, key: string): string | Uint8Array {
  const { headers, properties, body } = envelope
  // What follows from it is sealed: a purge needs to see a member of a chord nevertheless.
  const isPart = headers[CODEC_HEADER] !== undefined && mayBePart(envelope)
  const kwargs = { [PLACEHOLDER]: key, ...(isPart && { chord: {} }) }
  if (properties.contentType !== CONTENT_TYPES.msgpack) {
    const text = typeof body === 'string' ? body : Buffer.from(body).toString()
    return `[[],${JSON.stringify(kwargs)},${embedText(text)}]`
  }
  const parts = deserialize(body, properties.contentType, properties.contentEncoding, ALL_CONTENT_TYPES)
  const embed = Array.isArray(parts) ? (parts[2] ?? {}) : {}
  return write([[], kwargs, encodePlain(embed, 'embed', 'msgpack', 1)], 'msgpack').body
}

function embedText(body: string): string {
  return body.endsWith(`,${NOTHING_EMBEDDED}]`) ? NOTHING_EMBEDDED : (itemTexts(body)[2] ?? '{}')
}

/** The result, encoded, if it has more than `limit` bytes, or looks like a reference; throws EncodeError. */
export function longResult(result: unknown, limit: number): Encoded | undefined {
  if (result instanceof Uint8Array) return result.byteLength > limit ? { bytes: result, format: 'bytes' } : undefined
  if (typeof result === 'string' && result.isWellFormed())
    return isLonger(result, limit) ? { bytes: Buffer.from(result), format: 'text' } : undefined
  if (!mayBeLongResult(result, limit)) return undefined
  const text = serialize(result, 'json', 'result').body as string
  if (!isLonger(text, limit) && !isReference(result)) return undefined
  const encoded = { bytes: Buffer.from(text), format: 'json' } as const
  // What is sealed is opened as a whole: only its end shows that it was not changed.
  return sealedResult(result) !== undefined || NOT_PLAIN.test(text) ? encoded : { ...encoded, plain: true }
}

/** False: `longResult` has nothing to put, surely. */
export function mayBeLongResult(result: unknown, limit: number): boolean {
  if (result instanceof Uint8Array) return result.byteLength > limit
  return mayBeLonger(result, { left: limit }) || isReference(result)
}

/** What is read back as more than JSON: typed values, and what is no number there. It may also be part of a text. */
const NOT_PLAIN = /__type__|NaN|Infinity/
/** Characters of JSON that one of a text may become. */
const MAX_ESCAPED = 6
const SCALAR_BYTES = 40

/** False: its JSON has at most so many bytes, surely. What is in a circle may be longer. */
function mayBeLonger(value: unknown, budget: { left: number }): boolean {
  if (typeof value === 'string') budget.left -= value.length * MAX_ESCAPED + 2
  else if (typeof value === 'bigint') return true
  else if (value instanceof Uint8Array) budget.left -= Math.ceil(value.byteLength * 1.4) + SCALAR_BYTES * 2
  else budget.left -= SCALAR_BYTES
  if (budget.left < 0) return true
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  if (Array.isArray(value)) return value.some((item) => mayBeLonger(item, budget))
  for (const key of Object.keys(value)) {
    budget.left -= key.length * MAX_ESCAPED + 4
    if (mayBeLonger((value as Record<string, unknown>)[key], budget)) return true
  }
  return false
}
