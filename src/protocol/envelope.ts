import { CodecError } from '../std/errors.ts'

/** What any broker carries: headers, properties and a body, in AMQP's words. */
export interface Envelope {
  readonly headers: Readonly<Record<string, unknown>>
  readonly properties: Properties
  /** Text where the content encoding is a character set (JSON), else bytes. Still serialized. */
  readonly body: string | Uint8Array
}

/**
 * Name of what a codec has sealed: the header of such a message, the only keyword argument in its place, and the field
 * that replaces other values.
 */
export const CODEC_HEADER = 'celeriac-codec'

/** How a text begins that is sealed. */
const SEALED_START = `{"${CODEC_HEADER}":`

export function isSealedText(text: string): boolean {
  return text.startsWith(SEALED_START)
}

/** Stands for a text that is not sealed, where the codec accepts only those that are: no reader opens it. */
export const REFUSED_TEXT: string = `${SEALED_START}null}`

/** The error where a value is not sealed, and has to be. */
export function unsealed(what: string): CodecError {
  return new CodecError(`${what} is not sealed, and the codec of this app has the option required`, 'NOT_SEALED')
}

/**
 * The error where a sealed value was not opened: there is no codec, or it does not have the key. `text`: the value,
 * which may be refused for what it is.
 */
export function unopened(what: string, text?: string): CodecError {
  if (text === REFUSED_TEXT) return unsealed(what)
  return new CodecError(`${what} is sealed, and this process cannot open it: see the option codec`, 'NO_KEY')
}

/** Opens a message that a codec has sealed; any other is returned as it is. Throws CodecError. */
export type OpenEnvelope = (envelope: Envelope) => Envelope

/** The id of the task that a message calls. A reply has the id of its task, too, and calls none. */
export function calledTask({ headers, properties }: Envelope): string | undefined {
  return headers.task === undefined ? undefined : properties.correlationId
}

/**
 * False for nearly all messages whose end means nothing for a chord, without decoding them; true for its members, and
 * for tasks whose chain ends with one, unless they are compressed.
 */
export function mayBePart({ headers, body }: Envelope): boolean {
  if (typeof headers.group === 'string') return true
  return typeof body === 'string' ? /"chord": ?\{/.test(body) : Buffer.from(body).includes('\xa5chord', 0, 'latin1')
}

/** AMQP's basic properties, as far as Celery uses them (celery-wire §1.2). */
export interface Properties {
  readonly contentType: string
  readonly contentEncoding: string
  /** The task id. */
  readonly correlationId?: string
  /** Queue that rpc results go to. */
  readonly replyTo?: string
  /** 0 to 255; the embedded store serves the highest first. Absent is 0. */
  readonly priority?: number
  /** Milliseconds that the message may wait, as text (AMQP). */
  readonly expiration?: string
  /** 2 is persistent, 1 is not. */
  readonly deliveryMode?: 1 | 2
}
