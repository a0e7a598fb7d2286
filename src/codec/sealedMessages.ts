import type { Message, SubmissionMetadata } from '../backend/unitOfWork.ts'
import { isInputElsewhere } from '../protocol/callHeaders.ts'
import { decompress } from '../protocol/compression.ts'
import { CODEC_HEADER, type Envelope, mayBePart, REFUSED_TEXT } from '../protocol/envelope.ts'
import { FAILED_HEADER } from '../protocol/failedTask.ts'
import { HIDDEN } from '../protocol/repr.ts'
import { ALL_CONTENT_TYPES, CONTENT_TYPES, deserialize, write } from '../protocol/serializer.ts'
import { CodecError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { type Sealed, type Sealer, sealedIn } from './sealer.ts'

/*
 * A sealed message is a message of Celery's: its body is `[[], {"celeriac-codec": {text, headers}}, embed]`, where
 * text is the sealed body and embed says that nothing follows; its header `celeriac-codec` has the headers of the
 * codec. A worker that does not know this cannot call a function of Python with such a name of an argument.
 */

/** Nothing follows, as far as others see. */
const NO_EMBED = { callbacks: null, errbacks: null, chain: null, chord: null }
/** End of a body that nothing follows from. */
const PLAIN_END = ',"chain":null,"chord":null}]'
/** The usual body as text, before and after the sealed text with its headers. */
const JSON_START = `[[],{"${CODEC_HEADER}":{"text":"`
const JSON_END = '}},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]'
/** A purge looks for this text in a body, to find members of chords. */
const PART_MARK = { chord: {} }
/** Of an input that is bytes, and no text. */
const BYTES_MARK = { bytes: true }

/** Seals messages, and opens them. */
export class SealedMessages {
  readonly #sealer: Sealer
  readonly open = (envelope: Envelope): Envelope => this.#open(envelope)

  constructor(sealer: Sealer) {
    this.#sealer = sealer
  }

  /** A call of a task; any other message, and one that is sealed, as it is. */
  seal(envelope: Envelope): Envelope {
    const { headers, properties } = envelope
    const { id } = headers
    if (headers.task === undefined || typeof id !== 'string' || headers[CODEC_HEADER] !== undefined) return envelope
    const body = plainBody(envelope)
    const sealed = this.#sealer.seal(body, id, 'message')
    const failed = headers[FAILED_HEADER]
    const given: Record<string, unknown> = { ...headers, argsrepr: HIDDEN, kwargsrepr: HIDDEN }
    given[CODEC_HEADER] = sealed.headers
    if (given.compression !== undefined) given.compression = null
    if (failed !== undefined)
      given[FAILED_HEADER] = { [CODEC_HEADER]: this.#sealer.seal(JSON.stringify(failed), id, 'failed') }
    return { headers: given, properties, body: bodyOf(sealed, { ...envelope, body }) }
  }

  /** Messages that follow from a delivery: one that is passed on as it came stays as it is. */
  sealAll(messages: readonly Message[], passed?: Envelope['body']): readonly Message[] {
    return messages.map((message) => {
      const { envelope } = message
      return envelope.body === passed ? message : { ...message, envelope: this.seal(envelope) }
    })
  }

  /** The input that is kept of a call: mostly the body of its message, which is then sealed already. */
  sealMetadata(id: string, metadata: SubmissionMetadata, plain?: Envelope, sealed?: Envelope): SubmissionMetadata {
    const { input } = metadata
    if (input === undefined || sealedIn(input) !== undefined || isInputElsewhere(input)) return metadata
    const known = plain && sealed && plain !== sealed && plain.body === input ? sealedOf(sealed) : undefined
    const own = known ?? this.#sealer.seal(input, id, 'message')
    const value = typeof input === 'string' ? own : { ...own, ...BYTES_MARK }
    return { ...metadata, input: JSON.stringify({ [CODEC_HEADER]: value }) }
  }

  openMetadata(id: string, metadata: SubmissionMetadata | undefined): SubmissionMetadata | undefined {
    return metadata?.input === undefined ? metadata : { ...metadata, input: this.openInput(id, metadata.input) }
  }

  /** A kept input, as it was; sealed where it cannot be opened: its reader says so. */
  openInput(id: string, input: string | Uint8Array): string | Uint8Array {
    const sealed = sealedIn(input)
    if (sealed === undefined) return this.#sealer.required && !isInputElsewhere(input) ? REFUSED_TEXT : input
    try {
      const bytes = this.#sealer.open(sealed, id, 'message')
      return isRecord(sealed) && 'bytes' in sealed ? bytes : bytes.toString()
    } catch (error) {
      if (error instanceof CodecError) return input
      throw error
    }
  }

  #open(envelope: Envelope): Envelope {
    const { headers, properties } = envelope
    const id = typeof headers.id === 'string' ? headers.id : ''
    if (headers[CODEC_HEADER] === undefined) {
      this.#sealer.accept(`the message of ${id}`)
      return envelope
    }
    const bytes = this.#sealer.open(sealedOf(envelope), id, 'message')
    // To leave a property out costs ten times as much.
    const rest: Record<string, unknown> = { ...headers, [CODEC_HEADER]: undefined }
    const failed = headers[FAILED_HEADER]
    if (failed !== undefined) rest[FAILED_HEADER] = this.#openFailed(failed, id)
    const isText = properties.contentType === CONTENT_TYPES.json
    return { headers: rest, properties, body: isText ? bytes.toString() : bytes }
  }

  #openFailed(failed: unknown, id: string): unknown {
    const sealed = isRecord(failed) ? failed[CODEC_HEADER] : undefined
    if (sealed === undefined) this.#sealer.accept(`the failed task in the message of ${id}`)
    return sealed === undefined ? failed : JSON.parse(this.#sealer.open(sealed, id, 'failed').toString())
  }
}

function plainBody({ headers, body }: Envelope): string | Uint8Array {
  const { compression } = headers
  return compression === undefined || compression === null ? body : decompress(body, compression)
}

function bodyOf(sealed: Sealed, plain: Envelope): string | Uint8Array {
  const { body, properties } = plain
  if (typeof body === 'string' && body.endsWith(PLAIN_END) && properties.contentType === CONTENT_TYPES.json)
    return `${JSON_START}${sealed.text}","headers":${JSON.stringify(sealed.headers)}${JSON_END}`
  const isPart = mayBePart(plain)
  const value = isPart ? { ...sealed, ...PART_MARK } : sealed
  const isText = properties.contentType !== CONTENT_TYPES.msgpack
  return write([[], { [CODEC_HEADER]: value }, NO_EMBED], isText ? 'json' : 'msgpack').body
}

/** Of the usual body, whose headers are those of the message: without reading all of it as JSON. */
function usualOf({ headers, body }: Envelope): Sealed | undefined {
  const known = headers[CODEC_HEADER]
  if (typeof body !== 'string' || !body.startsWith(JSON_START) || !body.endsWith(JSON_END)) return undefined
  const end = body.indexOf('"', JSON_START.length)
  return isRecord(known) ? { text: body.slice(JSON_START.length, end), headers: known as Sealed['headers'] } : undefined
}

/** What is sealed in a message. Throws CodecError. */
function sealedOf(envelope: Envelope): Sealed {
  const usual = usualOf(envelope)
  if (usual) return usual
  const { contentType, contentEncoding } = envelope.properties
  const body = deserialize(plainBody(envelope), contentType, contentEncoding, ALL_CONTENT_TYPES)
  const [args, kwargs] = Array.isArray(body) ? body : []
  const isSealed = Array.isArray(args) && args.length === 0 && isRecord(kwargs) && Object.keys(kwargs).length === 1
  const sealed = isSealed ? kwargs[CODEC_HEADER] : undefined
  if (isRecord(sealed)) return sealed as unknown as Sealed
  throw new CodecError(`a sealed message: expected no arguments but ${CODEC_HEADER}`)
}
