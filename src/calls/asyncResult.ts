import { type Change, seqOf } from '../backend/eventLog.ts'
import type { LogLine } from '../protocol/emission.ts'
import { childIds, isOver, type TaskMeta } from '../protocol/result.ts'
import { FAILURE, isFinal, PROGRESS, REVOKED, STARTED, SUCCESS, UNKNOWN } from '../protocol/states.ts'
import type { Clock } from '../std/clock.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import {
  ArgumentError,
  CeleriacError,
  TaskError,
  TaskRevokedError,
  TimeoutError,
  UnknownJobError,
} from '../std/errors.ts'
import { lendSlot, slotHolder } from '../tasks/current.ts'
import { infoOf, type JobError, type JobInfo } from './jobInfo.ts'
import type { JobChanges } from './jobs/jobChanges.ts'
import { revokeTask } from './revoke.ts'
import type { AppStores } from './stores.ts'
import type { WorkerCheck } from './workerCheck.ts'

/** A change in the life of a task, or what it emitted while it ran. */
export type TaskEvent<Result, Progress, Chunk = unknown> =
  | (EventBase & { readonly type: 'state'; readonly state: string; readonly meta: unknown })
  | (EventBase & { readonly type: 'progress'; readonly state: 'PROGRESS'; readonly data: Progress })
  | (EventBase & {
      readonly type: 'chunk'
      readonly state: 'STARTED'
      readonly attempt: number
      readonly data: Chunk
    })
  | (EventBase & { readonly type: 'log'; readonly state: 'STARTED'; readonly attempt: number; readonly line: LogLine })
  | (EventBase & { readonly type: 'success'; readonly state: 'SUCCESS'; readonly result: Result })
  | (EventBase & { readonly type: 'failure'; readonly state: 'FAILURE'; readonly error: JobError })
  | (EventBase & { readonly type: 'revoked'; readonly state: 'REVOKED'; readonly error: JobError })

interface EventBase {
  /**
   * Its number in the task's life, from 1 for PENDING. Only with `after`, and where it was counted: Python workers do
   * not count.
   */
  readonly seq?: number
  /** What was known of the task; with `chunk` and `log` no more than its id, name and attempt. */
  readonly info: JobInfo
}

/** How long to wait for a task. */
export interface WaitOptions {
  /** Longest wait; then TimeoutError, and the task goes on. Default: no end. */
  timeout?: Duration | undefined
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** Which events of a task are received, and for how long. */
export interface EventOptions extends WaitOptions {
  /**
   * Number of the last known event, 0 for none: then every later one comes, each once, in order, however fast they were
   * and also after a restart; as far back as the store keeps them (`eventLog`). Default: from the current state on.
   */
  after?: number | undefined
  /** A result in the payload store is not read: `info.resultOmitted` says so. Default `false`. */
  omitResult?: boolean | undefined
}

/** How a task is revoked. */
export interface RevokeOptions {
  /** Also end a running task by force, in pools that can (threads, processes), after the worker's grace period. */
  terminate?: boolean | undefined
  /**
   * Also all that leads to it, as the steps of its chain before it and the members of the header of its chord, and all
   * that these have sent: the whole workflow, on the handle of its result. Default `false`.
   */
  tree?: boolean | undefined
}

/** What a workflow results in: an `AsyncResult` or a `GroupResult`. */
export interface ResultHandle {
  readonly id: string
  /** What ends before this begins, where that is known: the step before it in a chain, the header of a chord. */
  readonly parent: ResultHandle | undefined
}

/** A submitted task, by id. Not thenable: `await task.delay()` returns this handle, not the result. */
export class AsyncResult<Result = unknown, Progress = unknown, Chunk = unknown> implements ResultHandle {
  readonly id: string
  /** False where its call sent nothing: its idempotency key or note existed, or this is the job that has its key. */
  readonly sent: boolean
  readonly #stores: AppStores
  readonly #ignored: boolean
  readonly #parent: ResultHandle | undefined

  /** Made by `delay`, `applyAsync` and `app.result(id)`. `ignored`: the call keeps no record. */
  constructor(id: string, stores: AppStores, ignored = false, sent = true, parent?: ResultHandle) {
    this.id = id
    this.#parent = parent
    this.sent = sent
    this.#stores = stores
    this.#ignored = ignored
  }

  get parent(): ResultHandle | undefined {
    return this.#parent
  }

  /**
   * Wait for the end and return the result. Pushed, not polled, where the store can do that. Throws TaskError (it
   * failed), TaskRevokedError, TimeoutError, UnknownJobError (it was never submitted), DecodeError (its record cannot
   * be read).
   */
  async get(options: WaitOptions = {}): Promise<Result> {
    this.#requireRecord()
    for await (const { meta } of this.#watch(options)) {
      if (isOver(meta)) return settled<Result>(await this.#stores.whole(meta))
    }
    throw new UnknownJobError(this.id)
  }

  /**
   * The state now; `UNKNOWN` when no record of this id exists (never submitted, forgotten, expired, or results
   * ignored), or it cannot be read so far.
   */
  async state(): Promise<string> {
    return (await this.#meta())?.status ?? UNKNOWN
  }

  /** The same: Celery has both names. */
  status(): Promise<string> {
    return this.state()
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

  /** All that is known of it, or undefined where there is no record. */
  async info(): Promise<JobInfo | undefined> {
    const meta = await this.#meta()
    return meta && infoOf(await this.#stores.whole(meta))
  }

  /**
   * Its states, its progress and what it emits, as they come: first its current state and what it has emitted since,
   * last its end. Each is newer than the one before, and none is left out where the store keeps them; with `after`,
   * none since that one. Throws as `get` for an unknown id, and for a record that cannot be read.
   */
  async *events(options: EventOptions = {}): AsyncGenerator<TaskEvent<Result, Progress, Chunk>, void, void> {
    this.#requireRecord()
    const { after } = options
    if (after !== undefined && !(Number.isSafeInteger(after) && after >= 0))
      throw new ArgumentError(`events: after: expected the seq of an event or 0, got ${String(after)}`)
    const changes = after === undefined ? this.#fromNow(options) : this.#follow(options, after)
    for await (const step of changes) {
      const change = step.emission || options.omitResult ? step : { ...step, meta: await this.#stores.whole(step.meta) }
      yield eventOf<Result, Progress, Chunk>(after === undefined ? { ...change, seq: undefined } : change)
      if (isFinal(change.meta.status)) return
    }
  }

  /**
   * Ask that it does not run, or stops: a waiting task never runs (state REVOKED at once where the store can take it
   * out); a running one gets its `signal` aborted, from any process on the store. False when it had ended already; with
   * `tree`, when all of it had.
   */
  async revoke({ terminate = false, tree = false }: RevokeOptions = {}): Promise<boolean> {
    if (tree) return (await this.#stores.revokeTree(this.id, { terminate })) > 0
    const stores = await this.#stores.open()
    return revokeTask(stores, this.id, terminate, this.#stores.followUps(stores), this.#stores.clock)
  }

  /** Change it while it waits: `countdown: 0` lets it run now. Rejects with NotWaitingError where it does not wait. */
  change(changes: JobChanges): Promise<void> {
    return this.#stores.change(this.id, changes)
  }

  /** Drop the record; the id is then unknown. The task itself, if it still runs, goes on. */
  async forget(): Promise<void> {
    await this.#stores.forget([this.id])
  }

  /** Handles of the tasks that it has sent, once it has ended: its children, its callbacks, and what follows it. */
  async children(): Promise<AsyncResult[]> {
    const meta = await this.#meta()
    return childIds(meta?.children ?? []).map((id) => new AsyncResult(id, this.#stores))
  }

  async #meta(): Promise<TaskMeta | undefined> {
    const { backend } = await this.#stores.open()
    return (await backend.load([this.id]))[0]
  }

  #requireRecord(): void {
    this.#stores.refuseWait([this.id])
    if (this.#ignored)
      throw new CeleriacError(
        'RESULT_IGNORED',
        `task ${this.id} was called with ignoreResult: it keeps no record to wait for`,
      )
  }

  #watch(options: WaitOptions): AsyncGenerator<Change, void, void> {
    return bounded(this.#waiting(options), (stop) => this.#changes(stop))
  }

  async *#changes(stop: AbortController): AsyncGenerator<Change, void, void> {
    for await (const meta of knownMetas([this.id], this.#stores, stop)) yield { seq: undefined, meta }
  }

  async *#follow(options: WaitOptions, after: number): AsyncGenerator<Change, void, void> {
    const { feed } = await this.#stores.open()
    for await (const step of bounded(this.#waiting(options), ({ signal }) => feed.follow(this.id, after, signal))) {
      if (step !== 'gap') yield step
    }
  }

  #waiting(options: WaitOptions): Waiting {
    return waitingFor(`task ${this.id}`, this.id, options, this.#stores)
  }

  #fromNow(options: WaitOptions): AsyncGenerator<Change, void, void> {
    return bounded(this.#waiting(options), (stop) => this.#since(stop))
  }

  /** As `#changes`; where the store keeps a log, none is left out after the first. */
  async *#since(stop: AbortController): AsyncGenerator<Change, void, void> {
    const { backend, feed } = await this.#stores.open()
    if (!backend.events) return yield* this.#changes(stop)
    await this.#known(stop.signal)
    if (stop.signal.aborted) return
    const history = await feed.history(this.id, Number.MAX_SAFE_INTEGER)
    if (!history) throw new UnknownJobError(this.id, backend.hint)
    const state = seqOf(history)
    for await (const step of feed.follow(this.id, state === undefined ? history.last : state - 1, stop.signal))
      if (step !== 'gap') yield step
  }

  /** Resolves when it has a record, or on abort: another process may still submit it. */
  async #known(signal: AbortSignal): Promise<void> {
    const stop = new AbortController()
    const end = (): void => stop.abort()
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    for await (const _ of this.#changes(stop)) break
    signal.removeEventListener('abort', end)
  }
}

/** The records of these tasks, as `ResultBackend.watch`. Throws UnknownJobError for an id that was never submitted. */
export async function* knownMetas(
  ids: readonly string[],
  stores: AppStores,
  stop: AbortController,
): AsyncGenerator<TaskMeta, void, void> {
  const { backend } = await stores.open()
  const metas = backend.watch(ids, stop.signal)[Symbol.asyncIterator]()
  try {
    const first = metas.next()
    // Awaited below. If a record is missing it is never awaited, and its rejection is no error.
    first.catch(() => undefined)
    // Read only now that they are watched: a record that is dropped from here on ends the watch.
    const unknown = (meta: TaskMeta | undefined, at: number): boolean => !meta && !stores.expects(ids[at] as string)
    const missing = backend.knowsAll ? (await backend.load(ids)).findIndex(unknown) : -1
    if (missing !== -1) throw new UnknownJobError(ids[missing] as string, backend.hint)
    for (let step = await first; !step.done; step = await metas.next()) yield step.value
  } finally {
    // A watch that waits must be aborted before it can end.
    stop.abort()
    await metas.return?.()
  }
}

/** The ends of these tasks alone, those that have come together in one list. Throws as `knownMetas`. */
export async function* knownEnds(
  ids: readonly string[],
  stores: AppStores,
  stop: AbortController,
): AsyncGenerator<readonly TaskMeta[], void, void> {
  const { backend } = await stores.open()
  if (backend.watchEnds && !backend.knowsAll) return yield* backend.watchEnds(ids, stop.signal)
  for await (const meta of knownMetas(ids, stores, stop)) if (isOver(meta)) yield [meta]
}

/** A wait that begins here. `what`: for its TimeoutError. */
export function waitingFor(what: string, id: string, { timeout, signal }: WaitOptions, stores: AppStores): Waiting {
  const { workerCheck: check, clock } = stores
  return { what, id, timeout, signal, by: slotHolder(), check, clock }
}

interface Waiting extends WaitOptions {
  /** What is waited for, for people. */
  readonly what: string
  readonly id: string
  /** The task in which this waits. */
  readonly by: { readonly id: string; readonly task: string } | undefined
  readonly check: WorkerCheck
  /** The app's: `timeout` goes by it. */
  readonly clock: Clock
}

/** The steps until the timeout or the signal, which then throw. */
export async function* bounded<Step>(
  { what, id, timeout, signal, by, check, clock }: Waiting,
  begin: (stop: AbortController) => AsyncIterable<Step>,
): AsyncGenerator<Step, void, void> {
  const limit = timeout === undefined ? undefined : milliseconds(timeout, 'timeout')
  const stop = new AbortController()
  const cuts: unknown[] = []
  const cut = (reason: unknown): void => {
    cuts.push(reason)
    stop.abort(reason)
  }
  const abort = (): void => cut(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  const late = (): void => cut(new TimeoutError(`${what} was not ready within ${limit} ms`))
  const cancel = limit === undefined ? undefined : clock.after(limit, late)
  const takeBack = by && lendSlot()
  // What has lent its slot holds none.
  const attended = check.begin(id, takeBack ? undefined : by)
  try {
    yield* begin(stop)
    if (cuts.length > 0) throw cuts[0]
  } finally {
    cancel?.()
    takeBack?.()
    attended()
    signal?.removeEventListener('abort', abort)
    stop.abort()
  }
}

/** The result of a final record. Throws as `get`. */
export function settled<Result>(meta: TaskMeta): Result {
  if (meta.problem) throw meta.problem
  if (meta.status === SUCCESS) return meta.result as Result
  const { error } = infoOf(meta)
  if (meta.status === REVOKED) throw new TaskRevokedError(meta.task_id, error?.message ?? 'revoked')
  const { type, message, traceback, ...python } = error ?? { type: 'Error', message: '', traceback: undefined }
  throw new TaskError(meta.task_id, type, message, traceback, python)
}

function eventOf<Result, Progress, Chunk>({ seq, meta, emission }: Change): TaskEvent<Result, Progress, Chunk> {
  if (meta.problem && isOver(meta)) throw meta.problem
  const info = infoOf(meta)
  const base: EventBase = seq === undefined ? { info } : { seq, info }
  if (emission) {
    const { kind, attempt, value } = emission
    const common = { state: STARTED, attempt, ...base } as const
    return kind === 'chunk'
      ? { type: kind, data: value as Chunk, ...common }
      : { type: kind, line: value as LogLine, ...common }
  }
  const error = info.error ?? { type: 'Error', message: '', traceback: undefined }
  switch (meta.status) {
    case SUCCESS:
      return { type: 'success', state: SUCCESS, result: info.result as Result, ...base }
    case FAILURE:
      return { type: 'failure', state: FAILURE, error, ...base }
    case REVOKED:
      return { type: 'revoked', state: REVOKED, error, ...base }
    case PROGRESS:
      // If it cannot be read, the state is known nevertheless.
      if (meta.problem) break
      return { type: 'progress', state: PROGRESS, data: meta.result as Progress, ...base }
  }
  return { type: 'state', state: meta.status, meta: meta.result, ...base }
}

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
