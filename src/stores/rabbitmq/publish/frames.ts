import type { Options } from 'amqplib'

/** Where a message goes. */
export interface Target {
  readonly exchange: string
  readonly routingKey: string
  /** Return the message when it reached no queue. */
  readonly mandatory: boolean
}

const [METHOD, HEADER, BODY] = ['\x01', '\x02', '\x03']
const FRAME_END = '\xce'
/** basic.publish with the reserved ticket. */
const PUBLISH_METHOD = '\x00\x3c\x00\x28\x00\x00'
/** Properties of the class basic, and a weight of 0. */
const BASIC_HEADER = '\x00\x3c\x00\x00'
/** A frame without its content. */
const FRAME_OVERHEAD_BYTES = 8
const MAX_SHORT_STRING_BYTES = 255
/** How deep headers may be nested here. */
const MAX_DEPTH = 20
/** How many names and routes are kept in their written form: more than any program has, and a bound. */
const MAX_CACHED_NAMES = 1000

/** The properties of a message that celeriac sets, in the order of the wire, with their flags. */
const PROPERTY_FLAGS = {
  contentType: 0x8000,
  contentEncoding: 0x4000,
  headers: 0x2000,
  deliveryMode: 0x1000,
  priority: 0x0800,
  correlationId: 0x0400,
  replyTo: 0x0200,
  expiration: 0x0100,
  messageId: 0x0080,
} as const

/**
 * A message as its three frames (AMQP 0-9-1, 4.2), each byte a character below 256: so the parts that are the same each
 * time are written once, and many messages become bytes in one step. The client library writes each name and value by
 * itself, which costs more than all the rest of a call. Undefined for messages that are left to the library: long ones,
 * and values that only it can write.
 */
export function writeFrames(
  channel: number,
  target: Target,
  properties: Options.Publish,
  body: string | Uint8Array,
  most: number,
): string | undefined {
  if (body.length === 0 || body.length > most) return undefined
  const table = writeTable(properties.headers ?? {}, 0)
  if (table === undefined) return undefined
  const content =
    typeof body === 'string'
      ? utf8(body)
      : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1')
  const basic = writeProperties(properties, table)
  if (basic === undefined || content.length > most || basic.length > most) return undefined
  const head = `${BASIC_HEADER}\x00\x00\x00\x00${uint32(content.length)}${basic}`
  const at = uint16(channel)
  return `${METHOD}${at}${publishing(target)}${HEADER}${at}${uint32(head.length)}${head}${FRAME_END}${BODY}${at}${uint32(content.length)}${content}${FRAME_END}`
}

/** How long a frame's content may be where a frame has at most this length. */
export function longestContent(frameMax: number): number {
  return frameMax - FRAME_OVERHEAD_BYTES
}

const targets = new Map<string, string>()

/** Length, content and end of the method's frame. */
function publishing({ exchange, routingKey, mandatory }: Target): string {
  const name = `${mandatory ? '!' : ''}${exchange}\0${routingKey}`
  return remember(targets, name, () => {
    const [to, key] = [utf8(exchange), utf8(routingKey)]
    if (to.length > MAX_SHORT_STRING_BYTES || key.length > MAX_SHORT_STRING_BYTES)
      throw new TypeError(
        `expected an exchange and a routing key of at most 255 bytes, got ${exchange} and ${routingKey}`,
      )
    const content = `${PUBLISH_METHOD}${octet(to.length)}${to}${octet(key.length)}${key}${mandatory ? '\x01' : '\x00'}`
    return `${uint32(content.length)}${content}${FRAME_END}`
  })
}

/** Flags and values; undefined with one that is too long, or of a type that celeriac does not send. */
function writeProperties(given: Options.Publish, table: string): string | undefined {
  const bare = table === NO_FIELDS
  let flags: number = bare ? 0 : PROPERTY_FLAGS.headers
  let wrong = false
  const text = (value: string | number | undefined, flag: number): string => {
    if (value === undefined) return ''
    flags |= flag
    const written = utf8(String(value))
    if (written.length > MAX_SHORT_STRING_BYTES) wrong = true
    return octet(written.length & MAX_SHORT_STRING_BYTES) + written
  }
  const number = (value: unknown, flag: number): string => {
    if (value === undefined) return ''
    flags |= flag
    if (typeof value !== 'number' || !(value >= 0 && value <= MAX_SHORT_STRING_BYTES)) wrong = true
    return octet(Number(value) & MAX_SHORT_STRING_BYTES)
  }
  const values =
    text(given.contentType, PROPERTY_FLAGS.contentType) +
    text(given.contentEncoding, PROPERTY_FLAGS.contentEncoding) +
    (bare ? '' : table) +
    number(given.deliveryMode, PROPERTY_FLAGS.deliveryMode) +
    number(given.priority, PROPERTY_FLAGS.priority) +
    text(given.correlationId, PROPERTY_FLAGS.correlationId) +
    text(given.replyTo, PROPERTY_FLAGS.replyTo) +
    text(given.expiration, PROPERTY_FLAGS.expiration) +
    text(given.messageId, PROPERTY_FLAGS.messageId)
  return wrong ? undefined : uint16(flags) + values
}

/** A table without fields: replies have none. */
const NO_FIELDS = '\0\0\0\0'

const names = new Map<string, string>()

function writeTable(table: object, depth: number): string | undefined {
  let fields = ''
  // As the client library: inherited fields too, of which plain data has none.
  for (const [name, value] of Object.entries(table)) {
    if (value === undefined) continue
    const written = writeValue(value, depth)
    if (written === undefined) return undefined
    const key = remember(names, name, () => {
      const bytes = utf8(name)
      return octet(bytes.length & MAX_SHORT_STRING_BYTES) + bytes
    })
    if (key.length > MAX_SHORT_STRING_BYTES) return undefined
    fields += key + written
  }
  return uint32(fields.length) + fields
}

/**
 * A value with the letter of its type; undefined for types that only the client library can write: bytes, times,
 * decimals, large integers.
 */
function writeValue(value: unknown, depth: number): string | undefined {
  if (value === null) return 'V'
  switch (typeof value) {
    case 'string': {
      const bytes = utf8(value)
      return `S${uint32(bytes.length)}${bytes}`
    }
    case 'boolean':
      return value ? 't\x01' : 't\x00'
    case 'number':
      return writeNumber(value)
    case 'object':
      return depth < MAX_DEPTH ? writeNested(value, depth + 1) : undefined
    default:
      return undefined
  }
}

function writeNested(value: object, depth: number): string | undefined {
  if (Array.isArray(value)) {
    let items = ''
    for (const item of value) {
      const written = writeValue(item, depth)
      if (written === undefined) return undefined
      items += written
    }
    return `A${uint32(items.length)}${items}`
  }
  if (ArrayBuffer.isView(value) || Object.hasOwn(value, '!')) return undefined
  const table = writeTable(value, depth)
  return table === undefined ? undefined : `F${table}`
}

/**
 * With the letters that all clients read alike: Python's takes `s`, an integer of 16 bits, for a text, and loses its
 * connection; and it reads no sign in `b`.
 */
function writeNumber(value: number): string | undefined {
  if (!Number.isFinite(value)) return undefined
  if (!Number.isInteger(value)) return `d${float64(value)}`
  if (value >= 0 && value < 0x80) return `b${octet(value)}`
  return isInt32(value) ? `I${uint32(value)}` : undefined
}

function isInt32(value: number): boolean {
  return value >= -0x80000000 && value < 0x80000000
}

/** The same for a value that the client library writes: with the type named where it would choose another. */
export function portable(value: unknown): unknown {
  if (typeof value === 'number')
    return Number.isInteger(value) && isInt32(value) && !(value >= 0 && value < 0x80) ? { '!': 'int32', value } : value
  if (Array.isArray(value)) return value.map((item) => portable(item))
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.hasOwn(value, '!'))
    return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, portable(one)]))
}

/** The bytes of a text, each as a character. */
function utf8(text: string): string {
  return /[^ -~]/.test(text) ? Buffer.from(text).toString('latin1') : text
}

function octet(value: number): string {
  return String.fromCharCode(value)
}

function uint16(value: number): string {
  return String.fromCharCode(value >>> 8, value & 0xff)
}

function float64(value: number): string {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('latin1')
}

function uint32(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}

function remember(known: Map<string, string>, name: string, write: () => string): string {
  let written = known.get(name)
  if (written === undefined) {
    if (known.size === MAX_CACHED_NAMES) known.clear()
    written = write()
    known.set(name, written)
  }
  return written
}
