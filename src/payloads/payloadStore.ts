/*
 * The payload store seam: where inputs and results that are too large for a message or a record are kept.
 * Each sentence of these docs is a case of `testing/suites/payloads/payloadSuite.ts`, which every payload store passes.
 */

/** The part of a payload that is read: bytes from `start` to `end`, both included, counted from 0. */
export interface PayloadRange {
  readonly start: number
  readonly end: number
}

/** A payload that is being read. */
export interface StoredPayload {
  /** Bytes of all of it, whatever part is read. */
  readonly size: number
  /** Its bytes, in order. It must be read to its end or left (`return`), which frees what it holds. */
  readonly body: AsyncIterable<Uint8Array>
}

/** Which keys are listed. */
export interface PayloadListing {
  /** Only keys that begin so. */
  readonly prefix?: string | undefined
  /** Only keys after this one. */
  readonly after?: string | undefined
  /** Most keys of one answer. */
  readonly limit: number
}

/**
 * Keeps payloads by their keys. Keys are made by celeriac: parts of `a-z`, `A-Z`, `0-9`, `_`, `-`, `~` and `.`, which
 * `/` separates, at most 300 characters. Any other key is refused with ArgumentError. All methods reject with
 * StoreUnavailableError where the store does not answer, or refuses.
 */
export interface PayloadStore {
  /** For people to read: no password in it. */
  readonly url: string
  /**
   * Keep these bytes under a key. Resolves once they would survive a crash of this process, and are read whole by
   * every process; before, and where it rejects, there is nothing under the key. A payload is never changed: a second
   * one of the same key replaces the first.
   */
  put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void>
  /** Read it, or a part of it; undefined where there is none. A part that ends behind its end ends with it. */
  get(key: string, range?: PayloadRange): Promise<StoredPayload | undefined>
  /** Drop these. Unknown keys are no error. */
  delete(keys: readonly string[]): Promise<void>
  /**
   * Keys in the order of their characters, at most `limit`: fewer only where no more follow. Those that are put or
   * dropped meanwhile may be in it or not.
   */
  list(listing: PayloadListing): Promise<readonly string[]>
  /**
   * A URL by which anyone can read (`GET`) or write (`PUT`) this key for so many seconds. Absent where the store has
   * no server of its own: then celeriac's HTTP API signs one.
   */
  signedUrl?(key: string, method: 'GET' | 'PUT', seconds: number): Promise<string>
}
