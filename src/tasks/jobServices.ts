import type { CompleteChord } from '../backend/chords.ts'
import type { Completion } from '../backend/unitOfWork.ts'
import type { Job } from '../protocol/job.ts'
import type { SignatureData } from '../protocol/signature.ts'
import type { Resources } from './resources.ts'
import type { OpenWait } from './waitTypes.ts'

/** What a running job can do by its app. */
export interface JobServices {
  readonly resources: Resources
  readonly openWait: OpenWait
  /** Send one member more of the header that a job is a member of: `ctx.addToChord`. Resolves to its id. */
  addToChord(job: Job, data: SignatureData, count: number): Promise<string>
  /**
   * Write the end of a job in the transaction that is open on a client of the caller: `ctx.completeWithin`. `host`:
   * that of the job.
   */
  completeWithin(
    client: object,
    host: () => Promise<Completing>,
    result: unknown,
    children: readonly string[],
  ): Promise<void>
}

/** What the host of a job does for its end in a transaction of the caller. */
export interface Completing {
  /** The settlement of the job with this result. Rejects with ArgumentError, WorkerLostError where there is none. */
  prepare(result: unknown, children: readonly string[]): Promise<Completion>
  /** It is written in that transaction, with which these chords are complete. */
  written(chords: readonly CompleteChord[]): void
  /** It is not written. `isLost`: the message of the job is not ours any more. */
  failed(isLost: boolean): void
}
