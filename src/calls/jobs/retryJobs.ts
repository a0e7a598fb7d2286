import type { ListFilter } from '../../backend/jobIndex.ts'
import { errorContains } from '../../backend/jobSearch.ts'
import type { SubmissionMetadata } from '../../backend/unitOfWork.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { FAILURE, isFinal } from '../../protocol/states.ts'
import { pieces } from '../../std/chunks.ts'
import type { Clock } from '../../std/clock.ts'
import { ArgumentError, ConfigError } from '../../std/errors.ts'
import type { Given } from '../../tasks/bind.ts'
import { infoOf, type JobInfo } from '../jobInfo.ts'
import type { Stores } from '../stores.ts'
import {
  DEFAULT_LIMIT,
  PAGE_SIZE,
  requireChoice,
  requireIds,
  requireLimit,
  requireOptions,
  requireRate,
  requireSince,
  requireTexts,
} from './filterChecks.ts'
import { knownInputs, type ReadInput } from './knownInput.ts'

/** Which jobs are submitted again: those that fit all that is named, at least one of these, and have ended. */
export interface RetryFilter extends Pick<ListFilter, 'task' | 'tasks' | 'owner' | 'tag' | 'since' | 'q'> {
  /** At most 10,000; beside them only `state` and `error` may be named. */
  readonly ids?: readonly string[] | undefined
  /** Default `FAILURE`. */
  readonly state?: 'FAILURE' | 'REVOKED' | 'SUCCESS' | undefined
  /** A part of the class or the message of the error, in upper or lower case. */
  readonly error?: string | undefined
}

/** How jobs are submitted again. */
export interface RetryJobsOptions {
  /** List what would be submitted, and submit nothing. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** At most so many in a time, as `'300/m'`. Default: as many as the store takes. */
  readonly rate?: string | number | undefined
  /** Most jobs of one call, 1 to 10,000. Default 1000. */
  readonly limit?: number | undefined
  /** From the call before, to go on where it ended. */
  readonly cursor?: string | undefined
}

/** What was submitted again, or would be. */
export interface RetriedJobs {
  /** The jobs that fit, newest first. */
  readonly jobs: readonly JobInfo[]
  /** Ids of the new jobs, by those of the old ones; in a dry run none. */
  readonly retried: Readonly<Record<string, string>>
  /** Ids of those that were submitted again before: their new jobs are known. */
  readonly before: readonly string[]
  /** Ids of those whose input nothing has: no `keepInput`, no `result_extended` of Celery, no dead letter. */
  readonly inputNotKept: readonly string[]
  /** Ids that were named, but not found, or whose jobs are in another state or have another error. */
  readonly unfit: readonly string[]
  /** Pass it on to go on; absent where no more jobs fit. */
  readonly cursor: string | undefined
}

/** A job that is submitted again. */
export interface RetryCall {
  readonly task: string
  readonly given: Given
  readonly queue: string | undefined
  readonly metadata: SubmissionMetadata | undefined
  readonly idempotencyKey: string
}

/** What the retry needs of the app. */
export interface RetryHost {
  readonly stores: Stores
  readonly clock: Clock
  /** `sent`: false where a job of this key is known. */
  submit(call: RetryCall): Promise<{ readonly id: string; readonly sent: boolean }>
}

const NAMES = ['ids', 'state', 'task', 'tasks', 'owner', 'tag', 'since', 'q', 'error'] as const
/** What is looked at of jobs that are named. */
const BESIDE_IDS: ReadonlySet<string> = new Set(['ids', 'state', 'error'])

/**
 * Submit jobs that have ended once more, as new jobs with the same input, queue, owner and tags. A job is submitted
 * again once, as long as the record of its new job is kept: a call that fails half-way may be repeated. Rejects with
 * ArgumentError for a filter that names nothing or is wrong, ConfigError where the store cannot list jobs, and as
 * `delay` for what cannot be submitted.
 */
export async function retryJobs(host: RetryHost, filter: RetryFilter, options: RetryJobsOptions): Promise<RetriedJobs> {
  requireOptions('retryJobs', options, ['dryRun'], ['rate', 'limit', 'cursor'])
  const { dryRun = false, rate, limit = DEFAULT_LIMIT, cursor: from } = options
  check(filter, limit)
  const interval = requireRate('retryJobs', rate)
  const { jobs: index } = host.stores.backend
  if (!index) throw new ConfigError(`${host.stores.backend.url} cannot list tasks, and keeps no inputs of them`)
  const retry = new Retry(host, dryRun, interval)
  const { ids, error, state = FAILURE, ...wanted } = filter
  const fits = (meta: TaskMeta): boolean => meta.status === state && hasError(meta, error)
  if (ids) {
    for (const some of pieces(ids, PAGE_SIZE)) {
      const metas = (await host.stores.backend.load(some)).filter((meta) => meta !== undefined)
      await retry.named(some, metas.filter(fits))
    }
    return retry.report(undefined)
  }
  let cursor = from
  do {
    const page = await index.list({ ...wanted, state, limit: Math.min(PAGE_SIZE, limit - retry.count), cursor })
    await retry.all(page.metas.filter(fits))
    cursor = page.cursor
  } while (cursor !== undefined && retry.count < limit)
  return retry.report(cursor)
}

class Retry {
  readonly #host: RetryHost
  readonly #dryRun: boolean
  /** Between two, ms. */
  readonly #interval: number | undefined
  readonly #jobs: JobInfo[] = []
  readonly #retried: Record<string, string> = {}
  readonly #before: string[] = []
  readonly #inputNotKept: string[] = []
  readonly #unfit: string[] = []
  #next = 0

  constructor(host: RetryHost, dryRun: boolean, interval: number | undefined) {
    this.#host = host
    this.#dryRun = dryRun
    this.#interval = interval
  }

  get count(): number {
    return this.#jobs.length
  }

  report(cursor: string | undefined): RetriedJobs {
    const [retried, before, inputNotKept] = [this.#retried, this.#before, this.#inputNotKept]
    return { jobs: this.#jobs, retried, before, inputNotKept, unfit: this.#unfit, cursor }
  }

  /** Those of these ids that fit. */
  async named(ids: readonly string[], metas: readonly TaskMeta[]): Promise<void> {
    const fitting = new Set(metas.map(({ task_id: id }) => id))
    this.#unfit.push(...ids.filter((id) => !fitting.has(id)))
    await this.all(metas)
  }

  async all(metas: readonly TaskMeta[]): Promise<void> {
    const ids = metas.map(({ task_id: id }) => id)
    const known = (await this.#host.stores.backend.jobs?.metadata(ids)) ?? []
    const sources = metas.map((meta, at) => ({ id: meta.task_id, meta, metadata: known[at] }))
    const inputs = await knownInputs(this.#host.stores, sources)
    for (const [at, { meta, metadata }] of sources.entries()) {
      this.#jobs.push(infoOf(meta))
      await this.#one(meta, metadata, inputs[at])
    }
  }

  async #one(
    { task_id: id, name, queue }: TaskMeta,
    metadata: SubmissionMetadata | undefined,
    read: ReadInput | undefined,
  ): Promise<void> {
    if (!read || name === undefined) {
      this.#inputNotKept.push(id)
      return
    }
    if (this.#dryRun) return
    await this.#turn()
    const call = { task: name, given: await read(), queue, metadata, idempotencyKey: `celeriac.retry ${id}` }
    const { id: own, sent } = await this.#host.submit(call)
    if (sent) this.#retried[id] = own
    else this.#before.push(id)
  }

  /** Waits for its turn, where there is a rate. */
  async #turn(): Promise<void> {
    if (this.#interval === undefined) return
    const { clock } = this.#host
    const wait = this.#next - clock.now()
    if (wait > 0) await new Promise<void>((resolve) => clock.after(wait, resolve))
    this.#next = Math.max(this.#next, clock.now()) + this.#interval
  }
}

function hasError(meta: TaskMeta, wanted: string | undefined): boolean {
  return wanted === undefined || errorContains(infoOf(meta).error ?? { type: '', message: '' }, wanted)
}

function check(filter: RetryFilter, limit: number): void {
  requireChoice('retryJobs', filter, NAMES)
  requireLimit('retryJobs', limit)
  const { ids, state, task, owner, tag, since, error } = filter
  requireTexts('retryJobs', { state, task, owner, tag, error })
  requireIds('retryJobs', ids)
  const beside = ids && NAMES.find((name) => !BESIDE_IDS.has(name) && filter[name] !== undefined)
  if (beside) throw new ArgumentError(`retryJobs: ids and ${beside} exclude each other`)
  if (state !== undefined && !isFinal(state))
    throw new ArgumentError(`retryJobs: state: expected FAILURE, REVOKED or SUCCESS, got ${state}`)
  requireSince('retryJobs', since)
}
