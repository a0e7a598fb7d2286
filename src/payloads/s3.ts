import { ArgumentError, StoreUnavailableError } from '../std/errors.ts'
import { asError } from '../std/thrown.ts'
import { refuseUnknown, requireFunction, requireObject, requireText, shown } from '../std/validate.ts'
import { requireKey } from './payloadKey.ts'
import type { PayloadListing, PayloadRange, PayloadStore, StoredPayload } from './payloadStore.ts'

interface InBucket {
  readonly Bucket: string
}

/** What is used of a client: `new S3({ … })` of `@aws-sdk/client-s3` is one. */
export interface S3Client {
  putObject(input: InBucket & { readonly Key: string; readonly Body: Uint8Array }): Promise<unknown>
  getObject(input: InBucket & { readonly Key: string; readonly Range?: string | undefined }): Promise<S3Object>
  deleteObject(input: InBucket & { readonly Key: string }): Promise<unknown>
  listObjectsV2(
    input: InBucket & {
      readonly Prefix?: string | undefined
      readonly StartAfter?: string | undefined
      readonly MaxKeys: number
    },
  ): Promise<{ readonly Contents?: readonly { readonly Key?: string | undefined }[] | undefined }>
}

/** An answer to `getObject`. */
export interface S3Object {
  /** Can be iterated in Node. */
  readonly Body?: unknown
  readonly ContentLength?: number | undefined
  /** As `bytes 0-9/100`. */
  readonly ContentRange?: string | undefined
}

/** Where the payloads are. */
export interface S3Options {
  /** `new S3({ … })` of `@aws-sdk/client-s3`. */
  readonly client: S3Client
  /** It is there already. */
  readonly bucket: string
  /** Put before every key, as `shop/`. Default: none. */
  readonly prefix?: string | undefined
  /**
   * Makes signed URLs, as `getSignedUrl` of `@aws-sdk/s3-request-presigner` does: clients of the HTTP API then put
   * large inputs into the bucket themselves. Default: the API takes them.
   */
  readonly sign?: ((object: S3Signing) => Promise<string>) | undefined
}

/** What a signed URL allows. */
export interface S3Signing {
  readonly Bucket: string
  readonly Key: string
  readonly method: 'GET' | 'PUT'
  readonly seconds: number
}

/** Keys of one answer: S3's own limit. */
const MAX_KEYS = 1000
const KNOWN: ReadonlySet<string> = new Set(['client', 'bucket', 'prefix', 'sign'])
const METHODS = ['putObject', 'getObject', 'deleteObject', 'listObjectsV2'] as const

/** A payload store in a bucket of Amazon S3, or of a server that speaks its protocol. Throws ArgumentError. */
export function s3Payloads(options: S3Options): PayloadStore {
  requireObject(options, 's3Payloads')
  refuseUnknown(options, KNOWN, 's3Payloads')
  const { client, bucket, prefix = '', sign } = options
  requireObject(client, 's3Payloads: client')
  const missing = METHODS.find((name) => typeof client[name] !== 'function')
  if (missing)
    throw new ArgumentError(`s3Payloads: client: expected the S3 of @aws-sdk/client-s3, got one without ${missing}`)
  requireText(bucket, 's3Payloads: bucket')
  if (typeof prefix !== 'string') throw new ArgumentError(`s3Payloads: prefix: expected text, got ${shown(prefix)}`)
  if (sign !== undefined) requireFunction(sign, 's3Payloads: sign')
  return new S3Store(client, bucket, prefix, sign)
}

class S3Store implements PayloadStore {
  readonly url: string
  readonly #client: S3Client
  readonly #bucket: string
  readonly #prefix: string

  /** Where the application signs. */
  readonly signedUrl?: NonNullable<PayloadStore['signedUrl']>

  constructor(client: S3Client, bucket: string, prefix: string, sign: S3Options['sign']) {
    if (sign) this.signedUrl = async (key, method, seconds) => sign({ ...this.#place(key), method, seconds })
    this.url = `s3://${bucket}/${prefix}`
    this.#client = client
    this.#bucket = bucket
    this.#prefix = prefix
  }

  /** A stream is read first: S3 wants to know how long it is. */
  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    const place = this.#place(key)
    const bytes = body instanceof Uint8Array ? body : await wholeOf(body)
    await this.#attempt('write', () => this.#client.putObject({ ...place, Body: bytes }))
  }

  async get(key: string, range?: PayloadRange): Promise<StoredPayload | undefined> {
    const place = this.#place(key)
    return this.#attempt('read', async () => {
      const input = range ? { ...place, Range: `bytes=${range.start}-${range.end}` } : place
      const found = await this.#client.getObject(input).catch(ifThere)
      return found && { size: sizeOf(found), body: this.#bytesOf(found) }
    })
  }

  async *#bytesOf({ Body }: S3Object): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* Body as AsyncIterable<Uint8Array>
    } catch (error) {
      throw this.#unavailable('read', error)
    }
  }

  /** One by one: not every server that speaks the protocol deletes many at once. */
  async delete(keys: readonly string[]): Promise<void> {
    for (const place of keys.map((key) => this.#place(key)))
      await this.#attempt('delete', () => this.#client.deleteObject(place))
  }

  async list({ prefix = '', after, limit }: PayloadListing): Promise<readonly string[]> {
    const keys: string[] = []
    await this.#attempt('list', async () => {
      let last = after
      for (let more = true; more && keys.length < limit; ) {
        const page = await this.#page(prefix, last, Math.min(limit - keys.length, MAX_KEYS))
        keys.push(...page)
        last = page.at(-1)
        more = page.length > 0
      }
    })
    return keys
  }

  async #page(prefix: string, after: string | undefined, limit: number): Promise<readonly string[]> {
    const { Contents = [] } = await this.#client.listObjectsV2({
      Bucket: this.#bucket,
      Prefix: this.#prefix + prefix,
      ...(after !== undefined && { StartAfter: this.#prefix + after }),
      MaxKeys: limit,
    })
    return Contents.flatMap(({ Key }) => (Key === undefined ? [] : Key.slice(this.#prefix.length)))
  }

  #place(key: string): { readonly Bucket: string; readonly Key: string } {
    requireKey(key)
    return { Bucket: this.#bucket, Key: this.#prefix + key }
  }

  async #attempt<Result>(doing: string, run: () => Promise<Result>): Promise<Result> {
    try {
      return await run()
    } catch (thrown) {
      throw this.#unavailable(doing, thrown)
    }
  }

  #unavailable(doing: string, thrown: unknown): StoreUnavailableError {
    const { name, message } = asError(thrown)
    return new StoreUnavailableError(`payload store ${this.url}: cannot ${doing}: ${name}: ${message}`, {
      cause: thrown,
    })
  }
}

async function wholeOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts)
}

/** Of a part, the range says how long all is. */
function sizeOf({ ContentLength = 0, ContentRange }: S3Object): number {
  const [, total] = /\/(\d{1,15})$/.exec(ContentRange ?? '') ?? []
  return total === undefined ? ContentLength : Number(total)
}

/** Undefined for an object that is not there. */
function ifThere(error: unknown): undefined {
  const { name } = asError(error)
  if (name !== 'NoSuchKey' && name !== 'NotFound') throw error
}
