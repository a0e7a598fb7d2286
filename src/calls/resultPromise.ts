import type { AsyncResult, WaitOptions } from './asyncResult.ts'

/** What `delay` returns: a promise of the handle, so that both `await add.delay(1, 2)` and `await add.delay(1, 2).get()` read well. */
export class Submission<Result, Progress = unknown, Chunk = unknown> extends Promise<
  AsyncResult<Result, Progress, Chunk>
> {
  /** `then` gives plain promises: only the call itself is a submission. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  /** Send, then wait for the result. */
  get(options?: WaitOptions): Promise<Result> {
    return this.then((result) => result.get(options))
  }
}
