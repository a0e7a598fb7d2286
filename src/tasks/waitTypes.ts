import type { Duration } from '../std/duration.ts'

/** How a task waits for an answer from outside. */
export interface WaitForOptions {
  /** Longest wait, from the first run of the job that asked on; then TimeoutError. */
  timeout: Duration
  /**
   * Called with the token, and awaited, by each run that has to wait: pass the token to the one who is to answer, only.
   */
  notify?: ((token: string) => unknown) | undefined
}

/** An answer that a job waits for: one for each name, whichever run of the job asks. */
export interface Wait {
  /** Its holder may answer, once. */
  readonly token: string
  /** When it ends without an answer, ms since the epoch. */
  readonly until: number
  /** It is answered, or was not in time: `answer` does not wait. */
  ended(): Promise<boolean>
  /**
   * The answer, when it comes. Throws TimeoutError, the signal's reason, or TaskRevokedError where the wait was revoked
   * by its id.
   */
  answer(signal: AbortSignal): Promise<unknown>
}

/**
 * Opens what a job waits for. Throws ArgumentError for what cannot be, NotSupportedError where the store does not
 * remember.
 */
export type OpenWait = (job: string, name: string, options: WaitForOptions) => Promise<Wait>
