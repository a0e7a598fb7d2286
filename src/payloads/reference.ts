import { INPUT_ELSEWHERE, isInputElsewhere, PAYLOAD_HEADER } from '../protocol/callHeaders.ts'
import { PAYLOAD_MEMBER } from '../protocol/result.ts'
import { PayloadError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { prefixOf, readKey } from './payloadKey.ts'

/*
 * What a message, a record and a kept input have in place of a payload: where it is, and how long and which bytes it
 * must be. A reference in what belongs to one job never leads to a payload of another one.
 */

/** How a payload is read: `json` and `msgpack` are values, `bytes` and `text` are a result that is such. */
export type PayloadFormat = 'json' | 'msgpack' | 'bytes' | 'text'

/** Where a payload is. */
export interface PayloadReference {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** In hexadecimal. */
  readonly sha256: string
  readonly format: PayloadFormat
  /** It is JSON of plain values: nothing in it has to be restored when it is read. */
  readonly plain?: true
}

const FORMATS: ReadonlySet<unknown> = new Set<PayloadFormat>(['json', 'msgpack', 'bytes', 'text'])

/** The reference in the headers of a message. Throws PayloadError for one that is wrong, or of another job. */
export function referenceOfMessage(headers: Readonly<Record<string, unknown>>): PayloadReference {
  return readReference(headers[PAYLOAD_HEADER], String(headers.id))
}

/** The result of a record in place of a payload. */
export function resultOf(reference: PayloadReference): Readonly<Record<string, unknown>> {
  return { [PAYLOAD_MEMBER]: reference }
}

/** The reference in the result of this job. Throws PayloadError for one that is wrong, or of another job. */
export function referenceOfResult(result: unknown, id: string): PayloadReference {
  return readReference(isRecord(result) ? result[PAYLOAD_MEMBER] : undefined, id)
}

/** The kept input in place of a payload. */
export function inputOf(reference: PayloadReference): string {
  return `${INPUT_ELSEWHERE}${JSON.stringify(reference)}`
}

/** The reference that a kept input is; undefined for the body of a message. Throws PayloadError. */
export function referenceOfInput(input: string | Uint8Array, id: string): PayloadReference | undefined {
  if (!isInputElsewhere(input)) return undefined
  let value: unknown
  try {
    value = JSON.parse(input.slice(INPUT_ELSEWHERE.length))
  } catch (error) {
    throw new PayloadError('PAYLOAD_CORRUPT', `the kept input of job ${id}: its reference is no JSON`, { cause: error })
  }
  return readReference(value, id)
}

function readReference(value: unknown, id: string): PayloadReference {
  const { key, size, sha256, format, plain } = isRecord(value) ? value : ({} as Readonly<Record<string, unknown>>)
  const isWhole =
    typeof key === 'string' &&
    Number.isSafeInteger(size) &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    FORMATS.has(format)
  if (!isWhole || readKey(key) === undefined)
    throw new PayloadError('PAYLOAD_CORRUPT', `job ${id}: expected a reference to a payload, got another value`)
  if (!key.startsWith(prefixOf(id)))
    throw new PayloadError('PAYLOAD_CORRUPT', `job ${id}: its reference leads to a payload of another job`)
  const reference = { key, size: size as number, sha256, format: format as PayloadFormat }
  return plain === true ? { ...reference, plain } : reference
}
