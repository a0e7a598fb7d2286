import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import { ArgumentError, CodecError } from '../std/errors.ts'
import { refuseUnknown, requireFlag, shown } from '../std/validate.ts'
import type { Codec, SealedBytes, SealedPlace } from './codec.ts'

export type { Codec, SealedBytes, SealedField, SealedPlace } from './codec.ts'

/** Keys of `aesGcm`. */
export interface AesGcmOptions {
  /** The master keys by their names: 32 bytes each, or their base64. Each opens what was sealed with it. */
  readonly keys: Readonly<Record<string, Uint8Array | string>>
  /** Name of the key that seals. Default: the only key. */
  readonly seal?: string | undefined
  /** Refuse what is not sealed, as `Codec.required`. Default `false`. */
  readonly required?: boolean | undefined
}

const KNOWN: ReadonlySet<string> = new Set(['keys', 'seal', 'required'])
const KEY_BYTES = 32
const KEY_NAME = /^[\w.-]{1,64}$/
/** First byte of all that is sealed. */
const VERSION = 1
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + SALT_BYTES
const INFO = 'celeriac-codec v1'
const CIPHER = 'aes-256-gcm'

/**
 * A codec of AES-256-GCM. Each seal has a key and a nonce of its own, by HKDF-SHA-256 from the master key and 16 random
 * bytes; task id and field are its additional data, so that a text that was moved to another task or field is refused.
 * Throws ArgumentError for keys that cannot be.
 */
export function aesGcm(options: AesGcmOptions): Codec {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`aesGcm: expected an object with keys, got ${noKeys(options)}`)
  refuseUnknown(options, KNOWN, 'aesGcm')
  const { keys, seal, required = false } = options
  requireFlag(required, 'aesGcm: required')
  if (typeof keys !== 'object' || keys === null || Object.keys(keys).length === 0)
    throw new ArgumentError(`aesGcm: keys: expected an object of keys by their names, got ${noKeys(keys)}`)
  const masters = new Map(Object.entries(keys).map(([name, key]) => [checkedName(name), masterKey(name, key)]))
  const names = [...masters.keys()]
  const sealing = seal ?? (names.length === 1 ? names[0] : undefined)
  const master = sealing === undefined ? undefined : masters.get(sealing)
  if (sealing === undefined || !master)
    throw new ArgumentError(`aesGcm: seal: expected one of ${names.join(', ')}, got ${shown(seal)}`)
  return new AesGcm(masters, sealing, master, required)
}

/** Without its value, which may be a key. */
function noKeys(keys: unknown): string {
  if (keys === undefined || keys === null) return String(keys)
  return typeof keys === 'object' ? 'an empty one' : `a ${typeof keys}`
}

function checkedName(name: string): string {
  if (KEY_NAME.test(name)) return name
  throw new ArgumentError(`aesGcm: keys: expected names of 1 to 64 letters, digits, _, . and -, got ${shown(name)}`)
}

/** No error of it shows the key. */
function masterKey(name: string, key: unknown): KeyObject {
  const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : key
  if (!(bytes instanceof Uint8Array))
    throw new ArgumentError(`aesGcm: keys.${name}: expected ${KEY_BYTES} bytes or their base64, got a ${typeof key}`)
  if (bytes.length !== KEY_BYTES)
    throw new ArgumentError(`aesGcm: keys.${name}: expected ${KEY_BYTES} bytes, got ${bytes.length}`)
  return createSecretKey(bytes)
}

class AesGcm implements Codec {
  readonly required: boolean
  readonly #masters: ReadonlyMap<string, KeyObject>
  readonly #master: KeyObject
  readonly #headers: SealedBytes['headers']

  constructor(masters: ReadonlyMap<string, KeyObject>, sealing: string, master: KeyObject, required: boolean) {
    this.required = required
    this.#masters = masters
    this.#master = master
    this.#headers = Object.freeze({ key: sealing })
  }

  seal(bytes: Uint8Array, place: SealedPlace): SealedBytes {
    const salt = randomBytes(SALT_BYTES)
    const { key, nonce } = derived(this.#master, salt)
    const cipher = createCipheriv(CIPHER, key, nonce)
    cipher.setAAD(additional(place))
    const text = cipher.update(bytes)
    cipher.final()
    const sealed = Buffer.allocUnsafe(HEAD_BYTES + text.length + TAG_BYTES)
    sealed[0] = VERSION
    salt.copy(sealed, 1)
    text.copy(sealed, HEAD_BYTES)
    cipher.getAuthTag().copy(sealed, HEAD_BYTES + text.length)
    return { bytes: sealed, headers: this.#headers }
  }

  open({ bytes, headers }: SealedBytes, place: SealedPlace): Uint8Array {
    const master = this.#masters.get(headers.key ?? '')
    if (!master) throw new CodecError(`sealed with the key ${shown(headers.key)}: ${this.#known()}`, 'NO_KEY')
    if (bytes[0] !== VERSION || bytes.length < HEAD_BYTES + TAG_BYTES)
      throw new CodecError(`expected sealed bytes of version ${VERSION}, got ${bytes.length} others`)
    const { key, nonce } = derived(master, bytes.subarray(1, HEAD_BYTES))
    const cipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(additional(place))
    cipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    const text = cipher.update(bytes.subarray(HEAD_BYTES, -TAG_BYTES))
    try {
      cipher.final()
    } catch (cause) {
      throw new CodecError(
        `the ${place.field} of ${place.taskId} was changed, moved here from another task or field, or sealed with another key of the name ${headers.key}`,
        undefined,
        { cause },
      )
    }
    return text
  }

  #known(): string {
    return `this process has the keys ${[...this.#masters.keys()].join(', ')}`
  }
}

/** Key and nonce of one seal: its salt is never used twice, so neither are they. */
function derived(master: KeyObject, salt: Uint8Array): { readonly key: Buffer; readonly nonce: Buffer } {
  const bytes = Buffer.from(hkdfSync('sha256', master, salt, INFO, KEY_BYTES + NONCE_BYTES))
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) }
}

/** No name of a field has the zero byte, so two places never look alike. */
function additional({ taskId, field }: SealedPlace): Buffer {
  return Buffer.from(`${taskId}\0${field}`)
}
