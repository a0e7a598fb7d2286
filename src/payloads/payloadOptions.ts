import type { Duration } from '../std/duration.ts'
import type { PayloadStore } from './payloadStore.ts'

/** The app's option `payloads`: where large inputs and results are kept. */
export interface PayloadOptions {
  /** `directoryPayloads(path)`, `s3Payloads(…)`, or a store of yours. All processes of the app need the same one. */
  readonly store: PayloadStore
  /**
   * The input of a call, as its message has it, and a result go to the payload store when they are larger: bytes, or
   * text as `'64 KiB'`. Default `'64 KiB'`.
   */
  readonly threshold?: number | string | undefined
  /** A larger input or result is refused with PayloadTooLargeError. Default `'256 MiB'`; at most `'512 MiB'`. */
  readonly maxSize?: number | string | undefined
  /**
   * How long a payload without a record is kept where the store cannot say whether its message still waits: after the
   * moment when the message is due. Default `'7d'`.
   */
  readonly keep?: Duration | undefined
  /** A payload without a message and a record is removed when it is this old. At least 1 min. Default `'1h'`. */
  readonly orphanAge?: Duration | undefined
  /** How often each worker looks for payloads that nothing needs any more. Default `'10m'`. */
  readonly sweepInterval?: Duration | undefined
  /**
   * Signs the URLs at which clients of the HTTP API put large inputs before their calls: at least 32 characters, the
   * same in all its processes. A list: the first signs, all are accepted. Not beside a codec, which does not seal them.
   * Default: the API takes none.
   */
  readonly secret?: string | readonly string[] | undefined
}

/** Parsed: sizes in bytes, times in ms. */
export interface PayloadConfig {
  readonly store: PayloadStore
  readonly threshold: number
  readonly maxSize: number
  readonly keep: number
  readonly orphanAge: number
  readonly sweepInterval: number
  /** None: no uploads. */
  readonly secrets: readonly string[]
}
