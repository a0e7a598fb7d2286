import { CODEC_HEADER, isSealedText, REFUSED_TEXT, unsealed } from '../protocol/envelope.ts'
import { CodecError, ConfigError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import type { Codec, SealedBytes, SealedField } from './codec.ts'

/** Sealed bytes, as JSON and msgpack have them. */
export interface Sealed {
  /** The bytes, as base64. */
  readonly text: string
  readonly headers: SealedBytes['headers']
}

/** A sealed value in place of another value. */
export type SealedValue = { readonly [CODEC_HEADER]: Sealed }

/** Texts of calls of bodies that are kept sealed: the members of one chord share them. */
const MAX_SHARED = 64

/** A codec with the texts around its bytes. */
export class Sealer {
  /** What is not sealed is refused. */
  readonly required: boolean
  readonly #codec: Codec
  readonly #shared = new Map<string, string>()

  constructor(codec: Codec) {
    this.#codec = codec
    this.required = codec.required === true
  }

  /** Throws ConfigError where the codec throws: what is to be sealed is never written in clear. */
  seal(value: string | Uint8Array, taskId: string, field: SealedField): Sealed {
    const plain = typeof value === 'string' ? Buffer.from(value) : value
    let sealed: SealedBytes
    try {
      sealed = this.#codec.seal(plain, { taskId, field })
    } catch (cause) {
      throw new ConfigError(`the codec cannot seal the ${field} of ${taskId}`, { cause })
    }
    const { bytes, headers } = sealed ?? {}
    if (!(bytes instanceof Uint8Array) || !isRecord(headers))
      throw new ConfigError('codec: seal: expected that it returns { bytes, headers }, and no promise')
    return { text: bytesOf(bytes).toString('base64'), headers }
  }

  /** Throws CodecError. `sealed`: as it was received. */
  open(sealed: unknown, taskId: string, field: SealedField): Buffer {
    if (!isRecord(sealed) || typeof sealed.text !== 'string' || !isRecord(sealed.headers))
      throw new CodecError(`the ${field} of ${taskId}: expected a sealed value with text and headers`)
    const { text, headers } = sealed
    let bytes: Uint8Array
    try {
      const given = { bytes: Buffer.from(text, 'base64'), headers: headers as Sealed['headers'] }
      bytes = this.#codec.open(given, { taskId, field })
    } catch (error) {
      if (error instanceof CodecError) throw error
      throw new CodecError(`the codec cannot open the ${field} of ${taskId}`, undefined, { cause: error })
    }
    if (!(bytes instanceof Uint8Array))
      throw new CodecError('codec: open: expected that it returns bytes, and no promise')
    return bytesOf(bytes)
  }

  /** A text as a text. `shared`: the same texts of one place are sealed once, as far as they are remembered. */
  sealText(text: string, taskId: string, field: SealedField, shared = false): string {
    const key = `${taskId}\0${text}`
    const known = shared ? this.#shared.get(key) : undefined
    if (known !== undefined) return known
    const sealed = JSON.stringify({ [CODEC_HEADER]: this.seal(text, taskId, field) })
    if (!shared) return sealed
    const [oldest] = this.#shared.size < MAX_SHARED ? [] : this.#shared.keys()
    if (oldest !== undefined) this.#shared.delete(oldest)
    this.#shared.set(key, sealed)
    return sealed
  }

  /** One that cannot be opened stays as it is: its reader says so. An empty text is none. */
  openText(text: string, taskId: string, field: SealedField): string {
    const sealed = sealedIn(text)
    if (sealed === undefined) return this.required && text !== '' ? REFUSED_TEXT : text
    try {
      return this.open(sealed, taskId, field).toString()
    } catch (error) {
      if (error instanceof CodecError) return text
      throw error
    }
  }

  /** `what`: in words. Throws CodecError where what is not sealed is refused. */
  accept(what: string): void {
    if (this.required) throw unsealed(what)
  }
}

/** What is sealed in a text; undefined where nothing is. */
export function sealedIn(text: string | Uint8Array): unknown {
  if (typeof text !== 'string' || !isSealedText(text)) return undefined
  try {
    return (JSON.parse(text) as SealedValue)[CODEC_HEADER]
  } catch {
    // A text of another kind that begins alike.
    return undefined
  }
}

/** The same bytes. */
function bytesOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
