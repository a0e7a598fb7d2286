import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { ConfigError, StoreUnavailableError } from '../std/errors.ts'
import { requireNode } from '../std/node.ts'
import { Lifecycle, type Service } from '../std/service.ts'
import { Candidate } from './candidate.ts'
import { FileThread } from './file/fileThread.ts'
import type { FileFacts } from './file/recorderFile.ts'
import type { ForgetFilter } from './fold/ingest.ts'
import { Followers } from './follow.ts'
import { filled, isIncomplete, jobFromRecord } from './fromRecord.ts'
import { fleetOf, IN_MEMORY, recorderFileOf } from './place.ts'
import type {
  AuditEntry,
  AuditPage,
  AuditQuery,
  ChangeQuery,
  Changes,
  Facets,
  FailurePage,
  FailureQuery,
  Followed,
  FollowOptions,
  Gap,
  JobFilter,
  JobQuery,
  RecordedHistory,
  RecordedPage,
  RecordedWorker,
  RecordedWorkflowPage,
  Recording,
  RecordingStatus,
  Stats,
  StatsQuery,
  WorkflowQuery,
} from './recording.ts'

export type {
  AuditEntry,
  AuditPage,
  AuditQuery,
  ChangeQuery,
  Changes,
  Facets,
  FacetValue,
  FailureGroup,
  FailurePage,
  FailureQuery,
  Followed,
  FollowOptions,
  Gap,
  JobFilter,
  JobQuery,
  JobStep,
  Percentiles,
  RecordedEvent,
  RecordedHistory,
  RecordedJob,
  RecordedPage,
  RecordedWorker,
  RecordedWorkflow,
  RecordedWorkflowPage,
  Recording,
  RecordingStatus,
  Stats,
  StatsPoint,
  StatsQuery,
  StatsSeries,
  StatsStep,
  WorkflowQuery,
} from './recording.ts'

requireNode()

/**
 * Records a fleet: folds the events of all workers on an app's broker, ours and Celery's, into a SQLite file, and
 * answers questions about it. Any number of processes may open the file; `start` makes this one a candidate, and one of
 * all candidates records. Without `start` it only answers.
 */
export class Recorder implements Service, Recording {
  readonly file: string
  readonly #app: App
  readonly #writer: FileThread
  /** The same in memory: there is one connection. */
  readonly #reader: FileThread
  readonly #candidate: Candidate
  readonly #followers: Followers
  readonly #lifecycle = new Lifecycle(async (run) => {
    await this.#candidate.start()
    run.defer(() => this.#candidate.stop())
  })

  /** Opens nothing. Throws ConfigError where the app has `recorder: false`. */
  constructor(app: App) {
    const { config } = app
    if (config.recorder.mode === 'off')
      throw new ConfigError('the recorder of this app is off: expected another option than recorder: false')
    this.#app = app
    this.file = recorderFileOf(config)
    const facts: FileFacts = { path: this.file, fleet: fleetOf(config), limits: config.recorder }
    const written = (): void => this.#followers.wake()
    this.#writer = new FileThread(facts, written)
    this.#reader = this.file === IN_MEMORY ? this.#writer : new FileThread(facts, written)
    this.#followers = new Followers((isAny) => {
      if (this.#reader !== this.#writer) this.#reader.watch(isAny)
    })
    const forget = (filter: ForgetFilter): Promise<number> => this.#forget(filter, filter.ids === undefined)
    this.#candidate = new Candidate(app, this.#writer, { forget, written })
  }

  /** Resolves when this process records, or another one does. Rejects with ConfigError for a file that cannot be. */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  /** Also ends its answers. */
  async close(): Promise<void> {
    await this.stop()
    this.#followers.close()
    await this.#writer.close()
    if (this.#reader !== this.#writer) await this.#reader.close()
  }

  jobs(query: JobQuery): Promise<RecordedPage> {
    return this.#reader.call('jobs', query, this.#now)
  }

  changes(query: ChangeQuery): Promise<Changes> {
    return this.#reader.call('changes', query, this.#now)
  }

  workflows(query: WorkflowQuery): Promise<RecordedWorkflowPage> {
    return this.#reader.call('workflows', query, this.#now)
  }

  tasks(): Promise<readonly string[]> {
    return this.#reader.call('tasks', this.#now)
  }

  queues(): Promise<readonly string[]> {
    return this.#reader.call('queues', this.#now)
  }

  facets(filter: JobFilter): Promise<Facets> {
    return this.#reader.call('facets', filter, this.#now)
  }

  async job(id: string): Promise<RecordedHistory | undefined> {
    const found = await this.#reader.call('history', id, this.#now)
    if (found && !isIncomplete(found.job)) return found
    const record = await this.#record(id, found !== undefined)
    if (found) return filled(found, record)
    return record && { job: record, steps: [] }
  }

  stats(query: StatsQuery): Promise<Stats> {
    return this.#reader.call('stats', query, this.#now)
  }

  failures(query: FailureQuery): Promise<FailurePage> {
    return this.#reader.call('failures', query, this.#now)
  }

  workers(): Promise<readonly RecordedWorker[]> {
    return this.#reader.call('workers', this.#now)
  }

  gaps(range: { readonly from: number; readonly to: number }): Promise<readonly Gap[]> {
    return this.#reader.call('gaps', range, this.#now)
  }

  follow(options: FollowOptions): AsyncIterable<Followed> {
    return this.#followers.follow(this.#reader, options, () => this.#now)
  }

  watch(written: () => void): () => void {
    return this.#followers.watch(written)
  }

  forget(
    filter: Pick<JobFilter, 'ids' | 'owner' | 'tag' | 'tasks'>,
    { ended = false }: { readonly ended?: boolean | undefined } = {},
  ): Promise<number> {
    return this.#forget(filter, ended)
  }

  audit(entry: AuditEntry): Promise<void> {
    return this.#writer.call('audit', entry, this.#now)
  }

  auditLog(query: AuditQuery): Promise<AuditPage> {
    return this.#reader.call('auditLog', query, this.#now)
  }

  /** This process records, as far as it knows. */
  get records(): boolean {
    return this.#candidate.records
  }

  /** A text that `putNote` has kept, in whatever process. */
  note(key: string): Promise<string | undefined> {
    return this.#reader.call('note', key, this.#now)
  }

  /** Keep a text for the process that records. Resolves with false, and keeps nothing, where this one does not. */
  putNote(key: string, value: string): Promise<boolean> {
    return this.#writer.call('putNote', { key, value, holder: this.#candidate.holder }, this.#now)
  }

  async status(): Promise<RecordingStatus> {
    const status = await this.#reader.call('status', this.#now)
    return { ...status, problem: this.#candidate.problem ?? status.problem }
  }

  get #now(): number {
    return Math.floor(this.#app.config.clock.now())
  }

  async #forget(filter: ForgetFilter, ended: boolean): Promise<number> {
    let total = 0
    let from: number | undefined
    do {
      const { count, next } = await this.#writer.call('forget', { filter, ended, from, now: this.#now })
      total += count
      from = next
    } while (from !== undefined)
    return total
  }

  /** An unavailable backend hides nothing of what the file has. */
  async #record(id: string, isKnown: boolean): Promise<Awaited<ReturnType<typeof jobFromRecord>>> {
    try {
      return await jobFromRecord(this.#app, id)
    } catch (error) {
      if (isKnown && error instanceof StoreUnavailableError) return undefined
      throw error
    }
  }
}

/** How many services of an app record. */
const holders = new WeakMap<Recorder, number>()

/**
 * Let the recorder of an app run while a service does. The returned function ends that. Never rejects: a recorder that
 * cannot run is reported, and stops nothing.
 */
export async function recordWhileOpen(app: App): Promise<() => Promise<void>> {
  const { logger } = app.config
  const recorder = await recorderOf(app)
  holders.set(recorder, (holders.get(recorder) ?? 0) + 1)
  try {
    await recorder.start()
  } catch (error) {
    logger.error({ err: error }, `the recorder cannot run: ${(error as Error).message}`)
  }
  return async () => {
    const left = (holders.get(recorder) ?? 1) - 1
    holders.set(recorder, left)
    if (left === 0) await recorder.stop()
  }
}

const recorders = new WeakMap<object, Recorder>()

/** The recorder of an app, if it was asked for before. */
export function openRecorderOf(app: App): Recorder | undefined {
  return recorders.get(app)
}

/** The recorder of an app: one, closed with the app. Rejects with ConfigError where it has `recorder: false`. */
export async function recorderOf(app: App): Promise<Recorder> {
  const known = recorders.get(app)
  if (known) return known
  const recorder = new Recorder(app)
  recorders.set(app, recorder)
  internalsOf(app).onClose(async () => {
    recorders.delete(app)
    await recorder.close()
  })
  return recorder
}
