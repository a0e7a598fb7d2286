import type { AsyncResult, WaitOptions } from './asyncResult.ts'

/**
 * The return value of `delay`: a promise of the handle, so that both `await add.delay(1, 2)` and `await add.delay(1,
 * 2).get()` read well.
 */
export class Submission<Result, Progress = unknown, Chunk = unknown> extends Promise<
  AsyncResult<Result, Progress, Chunk>
> {
  /** `then` returns plain promises: only the call itself is a submission. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  /** Send, then wait for the result. */
  get(options?: WaitOptions): Promise<Result> {
    return this.then((result) => result.get(options))
  }
}
