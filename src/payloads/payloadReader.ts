import { createHash } from 'node:crypto'
import { PAYLOAD_HEADER } from '../protocol/callHeaders.ts'
import { type Envelope, type OpenEnvelope, unopened } from '../protocol/envelope.ts'
import { sealedResult, type TaskMeta } from '../protocol/result.ts'
import { ALL_CONTENT_TYPES, CONTENT_TYPES, deserialize } from '../protocol/serializer.ts'
import { CodecError, PayloadError } from '../std/errors.ts'
import type { PayloadRange, PayloadStore } from './payloadStore.ts'
import { type PayloadReference, referenceOfInput, referenceOfMessage, referenceOfResult } from './reference.ts'

/** A result in the payload store. */
export interface StoredResult extends Pick<PayloadReference, 'size' | 'sha256' | 'format' | 'plain'> {
  /** Its bytes, as `PayloadReader.stream`. */
  stream(range?: PayloadRange): Promise<AsyncIterable<Uint8Array>>
  /** All of it, as its task has returned it. */
  value(): Promise<unknown>
}

/** Opens what a codec sealed before it was put. `opens` and `result` throw CodecError; an input stays sealed then. */
export interface PayloadOpening {
  /** What is not sealed is refused: all is read through this. */
  readonly required: boolean
  readonly opens: OpenEnvelope
  result(id: string, result: unknown): unknown
  input(id: string, input: string | Uint8Array): string | Uint8Array
}

/**
 * Reads what references lead to. All methods reject with PayloadError for a payload that is not there, or is not what
 * was put, with StoreUnavailableError, and with CodecError for one that is sealed and cannot be opened.
 */
export class PayloadReader {
  readonly #store: PayloadStore
  readonly #opening: PayloadOpening | undefined

  constructor(store: PayloadStore, opening?: PayloadOpening) {
    this.#store = store
    this.#opening = opening
  }

  /** All of it, checked. */
  async read(reference: PayloadReference): Promise<Buffer> {
    const bytes: Uint8Array[] = []
    for await (const chunk of await this.stream(reference)) bytes.push(chunk)
    const [only] = bytes
    return bytes.length === 1 && only
      ? Buffer.from(only.buffer, only.byteOffset, only.byteLength)
      : Buffer.concat(bytes)
  }

  /**
   * Its bytes as they come, or a part of them. Its length is checked before the first; all of it is checked with the
   * last, and a stream of other bytes ends with PayloadError.
   */
  async stream(reference: PayloadReference, range?: PayloadRange): Promise<AsyncIterable<Uint8Array>> {
    const { key, size } = reference
    const found = await this.#store.get(key, range)
    if (!found)
      throw new PayloadError(
        'PAYLOAD_MISSING',
        `payload ${key} is not in ${this.#store.url}: it was deleted, or has expired`,
      )
    if (found.size !== size) {
      await found.body[Symbol.asyncIterator]().return?.()
      throw corrupt(key, `${size} bytes`, `${found.size}`)
    }
    return range ? found.body : checked(found.body, reference)
  }

  /** The message with its arguments. */
  async envelope(envelope: Envelope): Promise<Envelope> {
    const { [PAYLOAD_HEADER]: _, ...headers } = envelope.headers
    const reference = referenceOfMessage(envelope.headers)
    const whole = { headers, properties: envelope.properties, body: bodyOf(await this.read(reference), reference) }
    return this.#opening ? this.#opening.opens(whole) : whole
  }

  /** The record with its result; with a problem where that is sealed and cannot be opened. */
  async record(meta: TaskMeta): Promise<TaskMeta> {
    try {
      return { ...meta, result: await this.result(meta.task_id, meta.result) }
    } catch (problem) {
      if (problem instanceof CodecError) return { ...meta, problem }
      throw problem
    }
  }

  /** The result of a record, to be read as it comes. */
  stored({ task_id: id, result }: TaskMeta): StoredResult {
    const reference = referenceOfResult(result, id)
    // As its bytes are it would be streamed, and not opened.
    const { plain: _, ...unread } = { ...reference, format: 'json' as const }
    return {
      ...(this.#opening?.required ? unread : reference),
      stream: (range) => this.stream(reference, range),
      value: () => this.result(id, result),
    }
  }

  /** The result that this one of a job stands for. */
  async result(id: string, result: unknown): Promise<unknown> {
    const reference = referenceOfResult(result, id)
    const value = contentOf(await this.read(reference), reference)
    if (this.#opening) return this.#opening.result(id, value)
    if (sealedResult(value) !== undefined) throw unopened('the result')
    return value
  }

  /** The body that a kept input of this job is, or stands for. */
  async input(id: string, input: string | Uint8Array): Promise<string | Uint8Array> {
    const reference = referenceOfInput(input, id)
    const body = reference ? bodyOf(await this.read(reference), reference) : input
    return this.#opening ? this.#opening.input(id, body) : body
  }
}

function contentOf(bytes: Buffer, { format }: PayloadReference): unknown {
  if (format === 'bytes') return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return format === 'text' ? bytes.toString() : deserialize(bytes, CONTENT_TYPES[format], 'utf-8', ALL_CONTENT_TYPES)
}

function bodyOf(bytes: Buffer, { format }: PayloadReference): string | Uint8Array {
  return format === 'json' ? bytes.toString() : bytes
}

/** The last bytes come after the check: who counts them never takes others for the whole. */
async function* checked(
  body: AsyncIterable<Uint8Array>,
  { key, sha256 }: PayloadReference,
): AsyncGenerator<Uint8Array, void, void> {
  const hash = createHash('sha256')
  let last: Uint8Array | undefined
  for await (const chunk of body) {
    hash.update(chunk)
    if (last) yield last
    last = chunk
  }
  const got = hash.digest('hex')
  if (got !== sha256) throw corrupt(key, `SHA-256 ${sha256}`, got)
  if (last) yield last
}

function corrupt(key: string, expected: string, got: string): PayloadError {
  return new PayloadError('PAYLOAD_CORRUPT', `payload ${key}: expected ${expected}, got ${got}`)
}
