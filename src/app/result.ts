import type { TaskMeta } from '../protocol/result.ts'
import { FAILURE, isFinal, PROGRESS, REVOKED, SUCCESS, UNKNOWN } from '../protocol/states.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { CeleriacError, TaskError, TaskRevokedError, TimeoutError, UnknownJobError } from '../std/errors.ts'
import { infoOf, type JobError, type JobInfo } from './info.ts'
import type { Link, Stores } from './link.ts'
import { LONGEST_TIMER } from './options.ts'
import { revokeTask } from './revoke.ts'

/** A change in the life of a task. */
export type TaskEvent<Result, Progress> =
  | { readonly type: 'state'; readonly state: string; readonly meta: unknown; readonly info: JobInfo }
  | { readonly type: 'progress'; readonly state: 'PROGRESS'; readonly data: Progress; readonly info: JobInfo }
  | { readonly type: 'success'; readonly state: 'SUCCESS'; readonly result: Result; readonly info: JobInfo }
  | { readonly type: 'failure'; readonly state: 'FAILURE'; readonly error: JobError; readonly info: JobInfo }
  | { readonly type: 'revoked'; readonly state: 'REVOKED'; readonly error: JobError; readonly info: JobInfo }

export interface WaitOptions {
  /** Longest wait; then TimeoutError, and the task goes on. Default: no end. */
  timeout?: Duration
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal
}

export interface RevokeOptions {
  /** Also end a running task by force, in pools that can (threads), after the worker's grace period. */
  terminate?: boolean
}

/** A submitted task, by id. Not thenable: `await task.delay()` gives this handle, not the result. */
export class AsyncResult<Result = unknown, Progress = unknown> {
  readonly id: string
  readonly #link: Link
  readonly #ignored: boolean

  /** Made by `delay`, `applyAsync` and `app.result(id)`. `ignored`: the call keeps no record. */
  constructor(id: string, link: Link, ignored = false) {
    this.id = id
    this.#link = link
    this.#ignored = ignored
  }

  /**
   * Wait for the end and return the result. Pushed, not polled, where the store can.
   * Throws TaskError (it failed), TaskRevokedError, TimeoutError, UnknownJobError (nobody submitted it).
   */
  async get(options: WaitOptions = {}): Promise<Result> {
    this.#requireRecord()
    for await (const meta of this.#watch(options)) {
      if (isFinal(meta.status)) return settled<Result>(meta)
    }
    throw new UnknownJobError(this.id)
  }

  /** The state now; `UNKNOWN` when no record of this id exists (never submitted, forgotten, expired, or results ignored). */
  async state(): Promise<string> {
    return (await this.#meta())?.status ?? UNKNOWN
  }

  /** It ended: SUCCESS, FAILURE or REVOKED. */
  async ready(): Promise<boolean> {
    return isFinal(await this.state())
  }

  async successful(): Promise<boolean> {
    return (await this.state()) === SUCCESS
  }

  /** It ended with FAILURE. */
  async failed(): Promise<boolean> {
    return (await this.state()) === FAILURE
  }

  /** Everything known of it, or undefined where nothing is. */
  async info(): Promise<JobInfo | undefined> {
    const meta = await this.#meta()
    return meta && infoOf(meta)
  }

  /**
   * Its states and progress as they come: first where it is now, last its end. Each is newer than the one before;
   * those that follow faster than they are read may be left out, the last never. Throws as `get` for an unknown id.
   */
  async *events(options: WaitOptions = {}): AsyncGenerator<TaskEvent<Result, Progress>, void, void> {
    this.#requireRecord()
    for await (const meta of this.#watch(options)) {
      yield eventOf<Result, Progress>(meta)
      if (isFinal(meta.status)) return
    }
  }

  /**
   * Ask that it does not run, or stops: a waiting task never runs (state REVOKED at once where the store can take it out);
   * a running one gets its `signal` aborted, from any process on the store. False when it had ended already.
   */
  async revoke(options: RevokeOptions = {}): Promise<boolean> {
    return revokeTask(await this.#link.open(), this.id, options.terminate ?? false)
  }

  /** Drop the record; the id is then unknown. The task itself, if it still runs, goes on. */
  async forget(): Promise<void> {
    const { backend } = await this.#link.open()
    await backend.forget([this.id])
  }

  async #meta(): Promise<TaskMeta | undefined> {
    const { backend } = await this.#link.open()
    return (await backend.load([this.id]))[0]
  }

  #requireRecord(): void {
    if (this.#ignored)
      throw new CeleriacError(
        'RESULT_IGNORED',
        `task ${this.id} was called with ignoreResult: it keeps no record to wait for`,
      )
  }

  async *#watch({ timeout, signal }: WaitOptions): AsyncGenerator<TaskMeta, void, void> {
    const stores: Stores = await this.#link.open()
    const limit = timeout === undefined ? undefined : milliseconds(timeout, 'timeout')
    const stop = new AbortController()
    const abort = (): void => stop.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    const timer =
      limit === undefined
        ? undefined
        : setTimeout(
            () => stop.abort(new TimeoutError(`task ${this.id} was not ready within ${limit} ms`)),
            Math.min(limit, LONGEST_TIMER),
          )
    const metas = stores.backend.watch([this.id], stop.signal)[Symbol.asyncIterator]()
    try {
      const first = metas.next()
      // Awaited below. Should the record be missing, nobody will, and that is no error.
      first.catch(() => undefined)
      // Looked for only now that it is watched: one that is dropped from here on ends the watch.
      const [known] = await stores.backend.load([this.id])
      if (!known && stores.backend.knowsAll) throw new UnknownJobError(this.id, stores.backend.hint)
      for (let step = await first; !step.done; step = await metas.next()) yield step.value
      if (stop.signal.aborted) throw stop.signal.reason
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      stop.abort()
      await metas.return?.()
    }
  }
}

function settled<Result>(meta: TaskMeta): Result {
  if (meta.status === SUCCESS) return meta.result as Result
  const { error } = infoOf(meta)
  if (meta.status === REVOKED) throw new TaskRevokedError(meta.task_id, error?.message ?? 'revoked')
  throw new TaskError(meta.task_id, error?.type ?? 'Error', error?.message ?? '', error?.traceback)
}

function eventOf<Result, Progress>(meta: TaskMeta): TaskEvent<Result, Progress> {
  const info = infoOf(meta)
  const error = info.error ?? { type: 'Error', message: '', traceback: undefined }
  switch (meta.status) {
    case SUCCESS:
      return { type: 'success', state: SUCCESS, result: meta.result as Result, info }
    case FAILURE:
      return { type: 'failure', state: FAILURE, error, info }
    case REVOKED:
      return { type: 'revoked', state: REVOKED, error, info }
    case PROGRESS:
      return { type: 'progress', state: PROGRESS, data: meta.result as Progress, info }
    default:
      return { type: 'state', state: meta.status, meta: meta.result, info }
  }
}
