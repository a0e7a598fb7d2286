import type { History } from '../backend/eventLog.ts'
import type { NoteStore } from '../backend/notes.ts'
import type { SubmissionMetadata } from '../backend/unitOfWork.ts'
import type { Step } from '../calls/eventFeed.ts'
import { infoOf, type JobInfo } from '../calls/jobInfo.ts'
import { keptKeyJob, knownKeyJob } from '../calls/keys/idempotentJobs.ts'
import { type RevokedTree, requirePayloads, type Stores } from '../calls/stores.ts'
import type { StoredResult } from '../payloads/payloadReader.ts'
import type { Uploads } from '../payloads/uploads.ts'
import { isReference } from '../protocol/result.ts'
import { PROGRESS, STARTED } from '../protocol/states.ts'
import { pieces } from '../std/chunks.ts'
import type { Given } from '../tasks/bind.ts'
import type { App } from './app.ts'
import { internalsOf } from './internals.ts'

export type { StoredResult } from '../payloads/payloadReader.ts'
export type { Uploads } from '../payloads/uploads.ts'

/** Of a history: the record and its number alone. */
const NO_EVENTS = Number.MAX_SAFE_INTEGER
/** Jobs that are read, or watched, at once. */
const MAX_IDS = 1000

/**
 * What is kept of an app's jobs beside their results, as the HTTP API shows it: histories, submission metadata, and
 * notes. All methods reject with StoreUnavailableError.
 */
export class JobStore {
  readonly #app: App

  constructor(app: App) {
    this.#app = app
  }

  /** The record of a job with the number of its last change; undefined where there is none. */
  async history(id: string): Promise<History | undefined> {
    const { feed } = await this.#stores()
    return feed.history(id, NO_EVENTS)
  }

  /** What is known of a job, without a result that is in the payload store; undefined where there is no record. */
  async info(id: string): Promise<JobInfo | undefined> {
    const { backend } = await this.#stores()
    const [meta] = await backend.load([id])
    return meta && infoOf(meta)
  }

  /**
   * The result of a job, where it is in the payload store; undefined elsewhere. Rejects with PayloadError, too: also
   * its methods.
   */
  async storedResult(id: string): Promise<StoredResult | undefined> {
    const stores = await this.#stores()
    const [meta] = await stores.backend.load([id])
    return meta && isReference(meta.result) ? requirePayloads(stores).reader.stored(meta) : undefined
  }

  /** Inputs that are put before their calls; undefined where the app takes none. */
  async uploads(): Promise<Uploads | undefined> {
    return (await this.#stores()).payloads?.uploads
  }

  /** The history now and after each change that this process sees, until the signal aborts. Throws UnknownJobError. */
  async *histories(id: string, signal: AbortSignal): AsyncGenerator<History, void, void> {
    const { backend, feed } = await this.#stores()
    for await (const _meta of backend.watch([id], signal)) {
      const history = await feed.history(id, NO_EVENTS)
      if (history) yield history
    }
  }

  /** Every change and emission after the number `after`, to the end of the job: `EventFeed#follow`. */
  async *follow(id: string, after: number, signal: AbortSignal): AsyncGenerator<Step, void, void> {
    const { feed } = await this.#stores()
    yield* feed.follow(id, after, signal)
  }

  /** Owner, tags and input of a job; undefined where none are known. The input may be elsewhere: `input`. */
  async metadata(id: string): Promise<SubmissionMetadata | undefined> {
    const { backend } = await this.#stores()
    return (await backend.jobs?.metadata([id]))?.[0]
  }

  /** What a job was called with, as `knownInputs`; undefined where nothing has it. */
  async input(id: string, metadata: SubmissionMetadata | undefined): Promise<Given | undefined> {
    const stores = await this.#stores()
    const [meta] = metadata?.input === undefined ? await stores.backend.load([id]) : []
    const { knownInputs } = await import('../calls/jobs/knownInput.ts')
    const [read] = await knownInputs(stores, [{ id, metadata, meta }])
    return read?.()
  }

  /** The owners of these jobs, where they have one. */
  async owners(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { backend } = await this.#stores()
    const owners = new Map<string, string>()
    if (!backend.jobs) return owners
    for (const some of pieces(ids, MAX_IDS))
      for (const [at, metadata] of (await backend.jobs.metadata(some)).entries())
        if (metadata?.owner !== undefined) owners.set(some[at] as string, metadata.owner)
    return owners
  }

  /**
   * Resolves when one of these jobs is in another state than the one that is known, as far as this process sees it;
   * after this many ms; or on abort. Of very many jobs, only the first are looked at.
   */
  async nextChange(known: ReadonlyMap<string, string>, ms: number, signal: AbortSignal): Promise<void> {
    const { backend } = await this.#stores()
    const ids = [...known.keys()].slice(0, MAX_IDS)
    if (ids.length === 0) return this.pause(ms, signal)
    const stop = new AbortController()
    const end = (): void => stop.abort()
    const cancel = this.#app.config.clock.after(ms, end)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    try {
      for await (const { task_id: id, status } of backend.watch(ids, stop.signal))
        if ((status === PROGRESS ? STARTED : status) !== known.get(id)) return
    } finally {
      cancel()
      end()
      signal.removeEventListener('abort', end)
    }
  }

  /** Resolves after this many ms, or on abort. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const end = (): void => resolve()
    const cancel = this.#app.config.clock.after(ms, end)
    signal.addEventListener('abort', end, { once: true })
    await promise
    cancel()
    signal.removeEventListener('abort', end)
  }

  /** Revoke the workflow that this job, or group, is the result of. Returns how many of its tasks had not ended. */
  revokeTree(id: string, how: RevokedTree): Promise<number> {
    return internalsOf(this.#app).revokeTree(id, how)
  }

  /** Keys and values that expire; undefined where the result backend keeps none. */
  async notes(): Promise<NoteStore | undefined> {
    return (await this.#stores()).backend.notes
  }

  /** Ids of the jobs that calls of a task with this `idempotencyKey` may have made. */
  async idsOfKey(task: string, key: string): Promise<string[]> {
    const notes = await this.notes()
    const kept = notes && (await keptKeyJob(task, key, notes))
    return kept === undefined ? [knownKeyJob(task, key)] : [kept, knownKeyJob(task, key)]
  }

  #stores(): Promise<Stores> {
    return internalsOf(this.#app).stores()
  }
}

/** Where nothing has the input of a job: which options would have kept it. */
export function inputNotKept(id: string): string {
  return `the input of job ${id} was not kept: the call option keepInput keeps it, and Celery's result_extended`
}
