import type { History } from '../backend/eventLog.ts'
import type { NoteStore } from '../backend/notes.ts'
import type { SubmissionMetadata } from '../backend/unitOfWork.ts'
import type { Step } from '../calls/eventFeed.ts'
import type { Stores } from '../calls/stores.ts'
import type { App } from './app.ts'
import { internalsOf } from './internals.ts'

/** Of a history: the record and its number alone. */
const NO_EVENTS = Number.MAX_SAFE_INTEGER

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

  /** Owner, tags and input of a job; undefined where none are known. */
  async metadata(id: string): Promise<SubmissionMetadata | undefined> {
    const { backend } = await this.#stores()
    return (await backend.jobs?.metadata([id]))?.[0]
  }

  /** Keys and values that expire; undefined where the result backend keeps none. */
  async notes(): Promise<NoteStore | undefined> {
    return (await this.#stores()).backend.notes
  }

  #stores(): Promise<Stores> {
    return internalsOf(this.#app).stores()
  }
}
