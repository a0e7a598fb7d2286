import { Packr } from 'msgpackr'
import { DecodeError } from '../std/errors.ts'
import { decodePlain } from './decoding.ts'
import { encodePlain, MAX_DEPTH, type SerializerName, unreadable } from './encoding.ts'
import { isSealedText, unopened } from './envelope.ts'
import { withTokens } from './nonFinite.ts'

export type { SerializerName }

/** A value as it travels, with the two properties that say how to read it. */
export interface Serialized {
  readonly body: string | Uint8Array
  readonly contentType: string
  readonly contentEncoding: string
}

/** Content type of each serializer. */
export const CONTENT_TYPES: Readonly<Record<SerializerName, string>> = {
  json: 'application/json',
  msgpack: 'application/x-msgpack',
}

/**
 * Content types of all serializers: accepted where the message can only be our own, or holds nothing that could harm.
 */
export const ALL_CONTENT_TYPES: ReadonlySet<string> = new Set(Object.values(CONTENT_TYPES))

/** What is accepted unless the configuration says otherwise, as in Celery. */
export const JSON_ONLY: ReadonlySet<string> = new Set([CONTENT_TYPES.json])

/** Write a value. `path` names it in the EncodeError for what the serializer cannot carry (see `encodePlain`). */
export function serialize(value: unknown, name: SerializerName, path: string): Serialized {
  return write(encodePlain(value, path, name), name)
}

/** Write what `encodePlain` made, or plain data around it. Throws an Error for what cannot be read a second time. */
export function write(prepared: unknown, name: SerializerName): Serialized {
  try {
    return written(prepared, name)
  } catch (thrown) {
    throw unreadable(thrown, 'value')
  }
}

function written(prepared: unknown, name: SerializerName): Serialized {
  if (name === 'json') {
    return { body: withTokens(JSON.stringify(prepared)), contentType: CONTENT_TYPES.json, contentEncoding: 'utf-8' }
  }
  // Copied, as the packer answers a view of its own large buffer.
  return { body: new Uint8Array(packr.pack(prepared)), contentType: CONTENT_TYPES.msgpack, contentEncoding: 'binary' }
}

/**
 * Read what `serialize` or Celery wrote; `kept` as for `decodePlain`. Throws DecodeError for a content type outside
 * `accept` and for whatever is unreadable.
 */
export function deserialize(
  body: string | Uint8Array,
  contentType: string,
  contentEncoding: string,
  accept: ReadonlySet<string>,
  kept?: number,
): unknown {
  if (!accept.has(contentType)) {
    throw new DecodeError(`content type ${quote(contentType)} is not accepted; accepted: ${[...accept].join(', ')}`)
  }
  try {
    if (contentType === CONTENT_TYPES.json) {
      return decodePlain(typeof body === 'string' ? body : decodeText(body, contentEncoding), kept)
    }
    if (contentType === CONTENT_TYPES.msgpack) return unpack(body)
  } catch (error) {
    if (error instanceof DecodeError) throw error
    throw new DecodeError(`not readable as ${contentType}: ${(error as Error).message}`, { cause: error })
  }
  throw new DecodeError(
    `content type ${quote(contentType)} is not known; known: ${Object.values(CONTENT_TYPES).join(', ')}`,
  )
}

/**
 * Read an object that was stored without its content type. JSON begins with `{`, and no map of msgpack begins with that
 * byte. Throws as `deserialize`.
 */
export function deserializeObject(body: string | Uint8Array, accept: ReadonlySet<string>): unknown {
  const isJson = typeof body === 'string' || body[0] === 0x7b
  return isJson
    ? deserialize(body, CONTENT_TYPES.json, 'utf-8', accept)
    : deserialize(body, CONTENT_TYPES.msgpack, 'binary', accept)
}

function quote(text: unknown): string {
  return JSON.stringify(text)?.slice(0, 80) ?? 'undefined'
}

const UTF8_NAMES: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii', 'binary'])
const utf8 = new TextDecoder('utf-8', { fatal: true })

function decodeText(bytes: Uint8Array, encoding: string): string {
  if (!UTF8_NAMES.has(encoding.toLowerCase())) {
    throw new DecodeError(`content encoding ${quote(encoding)} is not known; expected utf-8`)
  }
  return utf8.decode(bytes)
}

const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  // To number within the safe integers, else to bigint; its types do not know the word.
  int64AsType: 'auto' as 'bigint',
  copyBuffers: true,
  useToJSON: false,
})

function unpack(body: string | Uint8Array): unknown {
  if (typeof body === 'string') throw new DecodeError('a msgpack body must be bytes, got text')
  // As a plain view: of a Buffer, it would answer Buffers.
  const value: unknown = packr.unpack(new Uint8Array(body.buffer, body.byteOffset, body.byteLength))
  checkPlain(value, 0)
  return value
}

/** The extensions of msgpackr (Map, Set, Error, RegExp, undefined …) are not Celery's: none of them gets in. */
function checkPlain(value: unknown, depth: number): void {
  if (typeof value === 'undefined' || typeof value === 'function' || typeof value === 'symbol') {
    throw new DecodeError('unknown msgpack extension')
  }
  if (typeof value !== 'object' || value === null) return
  if (depth >= MAX_DEPTH) throw new DecodeError(`nested deeper than ${MAX_DEPTH} levels`)
  if (Array.isArray(value)) {
    for (const item of value) checkPlain(item, depth + 1)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Date.prototype || prototype === Uint8Array.prototype) return
  if (prototype !== Object.prototype) throw new DecodeError('unknown msgpack extension')
  for (const key of Object.keys(value)) checkPlain((value as Record<string, unknown>)[key], depth + 1)
}

/** The arguments in the body of a message of ours, as it is kept with a record. */
export function keptArguments(body: string | Uint8Array): {
  readonly args: unknown[]
  readonly kwargs: Record<string, unknown>
} {
  if (typeof body === 'string' && isSealedText(body)) throw unopened('the input', body)
  const [type, encoding] = typeof body === 'string' ? [CONTENT_TYPES.json, 'utf-8'] : [CONTENT_TYPES.msgpack, 'binary']
  const [args, kwargs] = deserialize(body, type, encoding, new Set([type])) as [unknown[], Record<string, unknown>]
  return { args, kwargs }
}
