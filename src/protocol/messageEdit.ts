import { NotSupportedError } from '../std/errors.ts'
import { decompress } from './compression.ts'
import { encodePlain } from './encoding.ts'
import { CODEC_HEADER, type Envelope, unopened } from './envelope.ts'
import { itemTexts } from './jsonMembers.ts'
import { decodeTask, encodeTask } from './message.ts'
import { reprArgs, reprKwargs } from './repr.ts'
import { ALL_CONTENT_TYPES, CONTENT_TYPES, write } from './serializer.ts'

/** What becomes different in a message; all else in it stays as its sender wrote it. */
export interface MessageEdit {
  /** Headers with their new values. */
  readonly headers?: Readonly<Record<string, unknown>>
  readonly priority?: number
  /** Of the same content type and encoding as the body before. */
  readonly body?: string | Uint8Array
}

/** The arguments of a call. */
interface Arguments {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
}

/** The envelope with an edit. */
export function edited(envelope: Envelope, { headers, priority, body }: MessageEdit): Envelope {
  return {
    headers: headers ? { ...envelope.headers, ...headers } : envelope.headers,
    properties: priority === undefined ? envelope.properties : { ...envelope.properties, priority },
    body: body ?? envelope.body,
  }
}

/**
 * The edit by which a message has other arguments. What follows from the task (links, chain, chord) keeps its text.
 * Throws EncodeError for arguments that cannot be sent, NotSupportedError for a message whose body cannot be changed.
 */
export function argumentsEdit(envelope: Envelope, given: Arguments, typed: boolean): MessageEdit {
  const { contentType, contentEncoding } = envelope.properties
  const compressed = envelope.headers.compression
  if (envelope.headers[CODEC_HEADER] !== undefined) throw unopened('the input')
  if (envelope.headers.task === undefined) throw new NotSupportedError('the input of a message of protocol 1')
  const headers: Record<string, unknown> = { argsrepr: reprArgs(given.args), kwargsrepr: reprKwargs(given.kwargs) }
  // Sent as it is from now on: no reader needs it to be compressed.
  if (compressed !== undefined && compressed !== null) headers.compression = null
  const plain = headers.compression === null ? decompress(envelope.body, compressed) : envelope.body
  const isText = contentType === CONTENT_TYPES.json && /^utf-?8$/i.test(contentEncoding)
  if (isText) return { headers, body: jsonBody(textOf(plain), given, typed) }
  if (contentType !== CONTENT_TYPES.msgpack)
    throw new NotSupportedError(`the input of a message of type ${contentType}, ${contentEncoding}`)
  const message = { ...decodeTask(envelope, ALL_CONTENT_TYPES), ...given, headers: {} }
  return { headers, body: encodeTask(message, 'msgpack', typed).body }
}

function jsonBody(body: string, { args, kwargs }: Arguments, typed: boolean): string {
  const [, , ...embed] = itemTexts(body)
  return `[${[valueText(args, 'args', typed), valueText(kwargs, 'kwargs', typed), ...embed].join(',')}]`
}

function valueText(value: unknown, path: string, typed: boolean): string {
  return write(encodePlain(value, path, 'json', 1, typed), 'json').body as string
}

function textOf(body: string | Uint8Array): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString('utf8')
}
