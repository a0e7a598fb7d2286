import { inflateSync } from 'node:zlib'
import { DecodeError } from '../std/errors.ts'

/** Longest body that is read, after decompression, in bytes: a few kilobytes may unpack to gigabytes. */
export const MAX_BODY_BYTES: number = 64 * 1024 * 1024

/**
 * Names of the header `compression`. All three mean zlib data (RFC 1950), whatever the name says: kombu compresses with
 * Python's `zlib` (celery-wire §1.6).
 */
const ZLIB_NAMES: ReadonlySet<unknown> = new Set(['application/x-gzip', 'gzip', 'zlib'])

/**
 * The body as it was before it was compressed. Throws DecodeError for a compression that is not known, data that is not
 * of it, and more than `limit` bytes.
 */
export function decompress(
  body: string | Uint8Array,
  compression: unknown,
  limit: number = MAX_BODY_BYTES,
): Uint8Array {
  if (!ZLIB_NAMES.has(compression)) {
    const name = JSON.stringify(compression).slice(0, 80)
    throw new DecodeError(`compression ${name} is not known; known: ${[...ZLIB_NAMES].join(', ')}`)
  }
  if (typeof body === 'string') throw new DecodeError('a compressed body must be bytes, got text')
  try {
    const bytes = inflateSync(body, { maxOutputLength: limit })
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE')
      throw new DecodeError(`compressed body: more than ${limit} bytes when decompressed`, { cause: error })
    throw new DecodeError(`compressed body: not readable as zlib: ${(error as Error).message}`, { cause: error })
  }
}
