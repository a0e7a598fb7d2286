/*
 * The codec seam: what a codec makes of the bytes of payloads. All that is around it (which fields are sealed, how
 * sealed bytes lie in messages and records) is `codec/sealer.ts` and the files beside it.
 */

/**
 * What is sealed as one text:
 * - `message`: arguments of a call, and the signatures of what follows from it
 * - `result`: a result
 * - `error`: an error with its traceback and causes, of FAILURE, RETRY and REVOKED
 * - `progress`: what goes with any other state
 * - `output`: one chunk, or one line of a job's log
 * - `failed`: the error of a failed task, for its errback
 * - `chord`: the call of a chord's body
 * - `schedule`, `run`: an entry of a schedule, and a run of one that is about to be sent
 */
export type SealedField =
  | 'message'
  | 'result'
  | 'error'
  | 'progress'
  | 'output'
  | 'failed'
  | 'chord'
  | 'schedule'
  | 'run'

/** Where sealed bytes belong: a codec must not open those of another place. */
export interface SealedPlace {
  /** Id of the task; of a chord that of its group; of a schedule the name of the entry, or the id of the run. */
  readonly taskId: string
  readonly field: SealedField
}

/** Sealed bytes. */
export interface SealedBytes {
  readonly bytes: Uint8Array
  /** What is needed to open them, as the name of the key: short texts, which everyone can read. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Seals the payloads of an app, and opens them. Both functions are synchronous, as a call makes its message before it
 * returns: a key that has to be fetched is fetched before the app is made.
 */
export interface Codec {
  /**
   * Refuse what is not sealed: such a message is not run, such a record is read with a CodecError of the code
   * `NOT_SEALED` in place of its result. Default: it is read, so that an app can begin to seal while others wait.
   */
  readonly required?: boolean | undefined
  /** What it throws fails the call, and in a worker delays the end of the task until it does not throw. */
  seal(bytes: Uint8Array, place: SealedPlace): SealedBytes
  /** Throws for bytes that were changed, or belong to another place: CodecError, or anything. */
  open(sealed: SealedBytes, place: SealedPlace): Uint8Array
}
