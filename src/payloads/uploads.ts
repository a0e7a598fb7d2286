import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../std/clock.ts'
import { PayloadTooLargeError } from '../std/errors.ts'
import { uuid } from '../std/id.ts'
import { newKey } from './payloadKey.ts'
import type { PayloadConfig } from './payloadOptions.ts'
import type { StoredPayload } from './payloadStore.ts'

/** How long an upload can be written, and be used, ms. */
export const UPLOAD_MS = 3_600_000

/** Where an input can be put before the call that it belongs to. */
export interface Upload {
  /** Names it in the call. Its owner alone can write and use it. */
  readonly token: string
  /** By the store's own server; absent where the API of this app takes it. */
  readonly url?: string
  readonly expires: Date
}

/** What a token says: the key, the end of its time (s since the epoch), and whose it is. */
type Claims = readonly [key: string, until: number, owner: string | null]

/**
 * Inputs that come before their calls. A token is signed: no other key of the store can be written or read with one,
 * and none of another owner.
 */
export class Uploads {
  readonly #config: PayloadConfig
  readonly #secrets: readonly string[]
  readonly #clock: Clock

  /** The first secret signs. */
  constructor(config: PayloadConfig, secrets: readonly string[], clock: Clock) {
    this.#config = config
    this.#secrets = secrets
    this.#clock = clock
  }

  /** Rejects with StoreUnavailableError. */
  async open(owner: string | undefined): Promise<Upload> {
    const { store } = this.#config
    const made = this.#clock.now()
    const until = made + UPLOAD_MS
    const key = newKey({ id: uuid(made, this.#clock), kind: 'upload', made, until, queue: undefined })
    const url = await store.signedUrl?.(key, 'PUT', UPLOAD_MS / 1000)
    const token = this.#signed([key, Math.floor(until / 1000), owner ?? null])
    return { token, expires: new Date(until), ...(url !== undefined && { url }) }
  }

  /** The key of an upload of this owner; undefined for a token that is forged, has expired, or is another's. */
  keyOf(token: string, owner: string | undefined): string | undefined {
    const [text = '', signature = '', rest] = token.split('.', 3)
    if (rest !== undefined || !this.#secrets.some((secret) => isSame(signature, signatureOf(text, secret))))
      return undefined
    const [key, until, own] = JSON.parse(Buffer.from(text, 'base64url').toString()) as Claims
    return own === (owner ?? null) && this.#clock.now() < until * 1000 ? key : undefined
  }

  /** Rejects with PayloadTooLargeError, StoreUnavailableError. */
  put(key: string, body: AsyncIterable<Uint8Array> | null): Promise<void> {
    return this.#config.store.put(key, body ? bounded(body, this.#config.maxSize) : new Uint8Array())
  }

  /** Undefined where nothing was put. Rejects with PayloadTooLargeError, StoreUnavailableError. */
  async read(key: string): Promise<Uint8Array | undefined> {
    const found: StoredPayload | undefined = await this.#config.store.get(key)
    if (!found) return undefined
    const parts: Uint8Array[] = []
    for await (const part of bounded(found.body, this.#config.maxSize)) parts.push(part)
    return Buffer.concat(parts)
  }

  #signed(claims: Claims): string {
    const text = Buffer.from(JSON.stringify(claims)).toString('base64url')
    return `${text}.${signatureOf(text, this.#secrets[0] as string)}`
  }
}

function signatureOf(text: string, secret: string): string {
  return createHmac('sha256', secret).update(`celeriac upload ${text}`).digest('base64url')
}

function isSame(one: string, other: string): boolean {
  const [own, given] = [Buffer.from(one), Buffer.from(other)]
  return own.length === given.length && timingSafeEqual(own, given)
}

async function* bounded(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array, void, void> {
  let size = 0
  for await (const part of body) {
    size += part.byteLength
    if (size > limit)
      throw new PayloadTooLargeError(
        `an upload: expected at most ${limit} bytes (payloads.maxSize), got more`,
        size,
        limit,
      )
    yield part
  }
}
