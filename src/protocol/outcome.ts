import type { SignatureData } from './signature.ts'

/** How a task ended. Plain data, so that it crosses threads and processes as it is. */
export type Outcome = Ending & {
  /**
   * Ids of the tasks that it sent while it ran; absent where it sent none, or where they are not known, as after its
   * thread died.
   */
  readonly children?: readonly string[]
}

type Ending =
  | { readonly kind: 'success'; readonly result: unknown }
  /** Run again `delay` milliseconds from now. `holdBack`: as of a failure. */
  | { readonly kind: 'retry'; readonly delay: number; readonly error: ErrorInfo; readonly holdBack?: number }
  /** Run again `delay` milliseconds from now; this is no attempt that failed. */
  | { readonly kind: 'snooze'; readonly delay: number }
  /**
   * `deadLetter`: keep its message as a dead letter, because it was lost too often, or its input cannot be read.
   * `expected`: the task declares this error.
   */
  | {
      readonly kind: 'failure'
      readonly error: ErrorInfo
      readonly deadLetter?: 'lost' | 'undecodable' | undefined
      readonly expected?: boolean
      /** It was asked to wait for so long (RetryAfter), ms: its rate limits let nothing through meanwhile. */
      readonly holdBack?: number
    }
  /** `lost`: its thread or process died, which is counted in the message. */
  | { readonly kind: 'reject'; readonly requeue: boolean; readonly reason: string; readonly lost?: boolean }
  | { readonly kind: 'ignore' }
  /** A workflow replaces it, with its id and with what follows from it. */
  | { readonly kind: 'replace'; readonly workflow: SignatureData }
  /** It did not come to its own end. `terminated`: it was ended by force, not by its own answer to the signal. */
  | { readonly kind: 'stopped'; readonly by: StopReason; readonly terminated: boolean; readonly error: ErrorInfo }

/** Who stopped a task: the hard time limit, a revoke, the worker's shutdown, or the death of its thread. */
export type StopReason = 'time limit' | 'revoke' | 'shutdown' | 'crash'

/** An error as data. */
export interface ErrorInfo {
  /** Class name. */
  readonly type: string
  readonly message: string
  /** Module of the class that Python shows; `celeriac.errors` for ours, `builtins` for analogues of Python's own. */
  readonly module?: string
  /** Name of that class, where it is not `type`: of a RangeError it is `ValueError`. */
  readonly pythonType?: string
  /** The error's arguments, where they are not just its message. */
  readonly args?: readonly unknown[]
  /** Stack text with the chain of causes. */
  readonly traceback?: string
}
