import type { FoundMessage } from '../broker/broker.ts'
import type { BoundUse } from '../calls/bounds/boundUses.ts'
import type { DeadLetters } from '../calls/dead/deadLetters.ts'
import { type GroupResult, savedGroup } from '../calls/groupResult.ts'
import { infoOf } from '../calls/jobInfo.ts'
import type { ForgetFilter, ForgetJobsOptions } from '../calls/jobs/forgetJobs.ts'
import type { RetriedJobs, RetryCall, RetryFilter, RetryJobsOptions } from '../calls/jobs/retryJobs.ts'
import type { RevokedJobs, RevokeFilter, RevokeJobsOptions } from '../calls/jobs/revokeJobs.ts'
import { purgeQueue } from '../calls/revoke.ts'
import type { AppStores } from '../calls/stores.ts'
import { type AnyTask, taskQueues } from '../calls/task.ts'
import { completeWait, type WaitOutcome } from '../calls/wait.ts'
import { workflowTree } from '../canvas/workflowTree.ts'
import type { Config } from '../config/config.ts'
import { type SharedLimitOptions, sharedRule } from '../config/task/limitOptions.ts'
import type { RateLimit } from '../config/taskValues.ts'
import type { ForgottenJobs } from '../protocol/forgottenJobs.ts'
import { UNKNOWN } from '../protocol/states.ts'
import type { WorkflowTree } from '../protocol/workflowTree.ts'
import { ArgumentError, ConfigError, NotSupportedError } from '../std/errors.ts'
import { requireFunction, requireText } from '../std/validate.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import type { JobFilter, JobPage } from './jobPage.ts'
import { Limits, SharedLimit } from './limits/limits.ts'
import type { StoreFacts, StoreInfo, StoreVersion } from './storeInfo.ts'

/** Gets what `forgetJobs` has removed from the stores. */
export type ForgetListener = (filters: readonly ForgetFilter[]) => Promise<void>

/** What an app reads from its stores, and does in them, beside its calls. */
export abstract class StoreAccess {
  abstract get config(): Config
  protected abstract get appStores(): AppStores
  abstract get tasks(): ReadonlyMap<string, AnyTask>
  /** Remove jobs from what is kept of them beside the stores. */
  protected readonly forgetListeners: Set<ForgetListener> = new Set()
  protected abstract submitAgain(call: RetryCall): Promise<{ readonly id: string; readonly sent: boolean }>

  /**
   * Define a limit that tasks share: a rate alone, or options. Tasks name it in `uses`. Throws ArgumentError, also for
   * one that is defined already.
   */
  limit(name: string, options: RateLimit | SharedLimitOptions): SharedLimit {
    const rule = sharedRule(name, options)
    const { limitRules } = this.appStores
    if (limitRules.has(name)) throw new ArgumentError(`limit ${name} is defined already in this app`)
    limitRules.add(rule)
    return new SharedLimit(name)
  }

  /** What is paused and held back, and how its limits are used. */
  get limits(): Limits {
    return new Limits(this.config, this.appStores)
  }

  /** What workers have given up: messages that cannot be read, run or settled, and tasks that failed for good. */
  get deadLetters(): DeadLetters {
    const open = async (): Promise<DeadLetters> => {
      const { OpenDeadLetters } = await import('../calls/dead/deadLetters.ts')
      const { appStores, config } = this
      const { clock, typedJson } = config
      const definition = (task: string): TaskDefinition | undefined => appStores.definition(task)
      const stores = await appStores.open()
      return new OpenDeadLetters({ stores, clock, typedJson, queues: taskQueues(config, this.tasks), definition })
    }
    return {
      list: async (filter) => (await open()).list(filter),
      get: async (id, options) => (await open()).get(id, options),
      count: async () => (await open()).count(),
      edit: async (id, input) => (await open()).edit(id, input),
      redrive: async (selection, options) => (await open()).redrive(selection, options),
      drop: async (selection, options) => (await open()).drop(selection, options),
    }
  }

  /** The group that `save` of its handle has kept; undefined where there is none, or it has expired. */
  groupResult<Results = unknown>(id: string): Promise<GroupResult<Results> | undefined> {
    requireText(id, 'group id')
    return savedGroup(id, this.appStores) as Promise<GroupResult<Results> | undefined>
  }

  /**
   * The tree of a workflow as it is now, from the id of its handle, or of its first task: its tasks, also those that
   * are not sent yet, and what these have sent; undefined where nothing is known of it. It shows at most 10,000 nodes.
   * Without notes (`rpc://`), only tasks that were sent are known. Rejects with StoreUnavailableError.
   */
  async workflow(id: string): Promise<WorkflowTree | undefined> {
    requireText(id, 'workflow id')
    return workflowTree(id, (await this.appStores.open()).backend)
  }

  /**
   * Records, newest submission first: all, but on `redis:` those of jobs submitted over HTTP, or with `tags`, `owner`
   * or `keepInput`; there, and with `q` everywhere, a page may be short, or empty, and have a cursor. ConfigError where
   * the store cannot list.
   */
  async jobs(filter: JobFilter = {}): Promise<JobPage> {
    const { backend } = await this.appStores.open()
    if (!backend.jobs) throw new ConfigError(`${backend.url} cannot list tasks`)
    const { metas, cursor } = await backend.jobs.list({ ...filter, limit: filter.limit ?? 50 })
    return { jobs: metas.map(infoOf), cursor }
  }

  /**
   * Revoke the jobs that fit a filter and have not ended, as `AsyncResult.revoke` one of them; with `dryRun` only list
   * them. Rejects with ArgumentError for a filter that names nothing, ConfigError where the store cannot list.
   */
  async revokeJobs(filter: RevokeFilter, options: RevokeJobsOptions = {}): Promise<RevokedJobs> {
    const { revokeJobs } = await import('../calls/jobs/revokeJobs.ts')
    const { appStores } = this
    const stores = await appStores.open()
    const host = { stores, followUps: appStores.followUps(stores), clock: this.config.clock }
    return revokeJobs(host, filter, options)
  }

  /**
   * Remove what the stores have of the jobs that fit a filter and have ended: records, event logs, metadata, kept
   * inputs, answers that they waited for, what reported their ends, dead letters. With `revoke` those that have not
   * ended are revoked before; what a worker has is reported as `active`, and can be forgotten when it has ended.
   * Rejects with ArgumentError for a filter without `ids`, `owner` and `tag`, ConfigError where the store cannot list.
   */
  async forgetJobs(filter: ForgetFilter, options: ForgetJobsOptions = {}): Promise<ForgottenJobs> {
    const { forgetJobs } = await import('../calls/jobs/forgetJobs.ts')
    const { appStores } = this
    const { clock, queue } = this.config
    const stores = await appStores.open()
    const followersOf = (id: string): readonly string[] => appStores.followersOf(id)
    const host = { stores, followUps: appStores.followUps(stores), followersOf, clock, queue }
    const report = await forgetJobs(host, filter, options)
    if (options.dryRun) return report
    const { announceForgotten, forgottenFilters } = await import('../calls/jobs/forgotten.ts')
    const filters = forgottenFilters(filter, report, followersOf)
    await announceForgotten(stores.broker, clock, filters)
    for (const forget of this.forgetListeners) await forget(filters)
    return report
  }

  /**
   * Submit jobs that have ended (default: that have failed) once more, as new jobs with the same input, queue, owner
   * and tags; with `dryRun` only list them. Each is submitted again once, as long as the record of its new job is kept.
   * Their input must be known: by `keepInput`, over HTTP, by Celery's `result_extended`, or from a dead letter. Rejects
   * with ArgumentError for a filter that names nothing, ConfigError where the store cannot list.
   */
  async retryJobs(filter: RetryFilter, options: RetryJobsOptions = {}): Promise<RetriedJobs> {
    const { retryJobs } = await import('../calls/jobs/retryJobs.ts')
    const stores = await this.appStores.open()
    return retryJobs({ stores, clock: this.config.clock, submit: (call) => this.submitAgain(call) }, filter, options)
  }

  /**
   * Where the message of a task is: it waits in `queue` (default: the app's), is delayed or held; undefined where it is
   * not found, or too far back. Rejects with NotSupportedError where the store finds no messages; with RabbitMQ and the
   * option `limits`, none but those that wait in that store.
   */
  async message(id: string, queue: string = this.config.queue): Promise<FoundMessage | undefined> {
    requireText(id, 'task id')
    const { broker } = await this.appStores.open()
    if (!broker.find) throw new NotSupportedError(`${broker.url} cannot find the message of a task`)
    const found = await broker.find(id, queue)
    if (!found && broker.finds)
      throw new NotSupportedError(`${broker.url} cannot find the message of a task without limits`)
    return found
  }

  /**
   * Messages that wait in a queue (default: the app's). Rejects with StoreUnavailableError when the store does not
   * answer.
   */
  async queueSize(queue: string = this.config.queue): Promise<number> {
    return (await this.appStores.open()).broker.size(queue)
  }

  /**
   * Drop what waits in a queue (default: the app's): the tasks become REVOKED, and chords whose members they were fail.
   * Returns how many messages.
   */
  async purge(queue: string = this.config.queue): Promise<number> {
    const stores = await this.appStores.open()
    return purgeQueue(stores, queue, this.appStores.rules.links(stores), this.config.clock)
  }

  /**
   * Answer a task that waits (`ctx.waitFor`), by the token that it emitted. Returns what became of the answer. Throws
   * EncodeError for a value that cannot be sent, NotSupportedError with `rpc://` results.
   */
  completeWait(token: string, value: unknown = null): Promise<WaitOutcome> {
    return completeWait(this.appStores, this.config, token, value)
  }

  /**
   * Run a function whose calls are part of a transaction of yours: what this app sends in it, and in what it awaits, is
   * written through `client`, on which the transaction is open, and exists once you commit. It neither commits nor
   * rolls back. Where a call is not awaited before the function ends, it rejects: roll back then, as after any error.
   *
   * `client` is, on PostgreSQL, a `Client` or `PoolClient` of pg, the `sql` of postgres.js' `sql.begin`, or the
   * transaction of Drizzle, Kysely, Knex or Prisma; on SQLite a `DatabaseSync` of node:sqlite, also one that a library
   * runs on. Rejects with ArgumentError for anything else, as better-sqlite3, without an open transaction, and for one
   * on another database; with NotSupportedError where broker and result backend are not one PostgreSQL database or one
   * SQLite file. With `alwaysEager`, and in an app under test, it only runs the function.
   */
  async within<Result>(client: object, run: () => Promise<Result>): Promise<Result> {
    requireFunction(run, 'within')
    return this.appStores.within(client, run)
  }

  /**
   * How full what this app bounds is (`maxQueueLength`, `maxResults` and so on), of `queues` beside those of its
   * options; of dead letters where there are some. Results and events are counted for this: seconds for millions.
   * Rejects with StoreUnavailableError.
   */
  async bounds(queues: Iterable<string> = []): Promise<readonly BoundUse[]> {
    const { boundUses } = await import('../calls/bounds/boundUses.ts')
    return boundUses(await this.appStores.open(), this.config, queues)
  }

  /** The state of each of these jobs, as `AsyncResult.state`, in one read. */
  async states(ids: readonly string[]): Promise<string[]> {
    const { backend } = await this.appStores.open()
    return (await backend.load(ids)).map((meta) => meta?.status ?? UNKNOWN)
  }

  /**
   * Open the stores now, and not at the first call. Rejects with ConfigError, StoreUnavailableError; the next call then
   * tries again.
   */
  async connect(): Promise<StoreInfo> {
    const { broker, backend } = await this.appStores.open()
    const lists = backend.jobs?.scope ?? 'none'
    return { broker: broker.url, backend: backend.url, note: broker.note, lists, hint: backend.hint }
  }

  /**
   * Clock, memory, free space and, of a database, sessions and tables: as far as they can be known, for checks of an
   * installation. Rejects with StoreUnavailableError.
   */
  async storeFacts(): Promise<readonly StoreFacts[]> {
    return (await this.appStores.open()).facts()
  }

  /**
   * Bring the stores to this version of celeriac, as opening them does; with `print`, only find out what that would
   * change. One entry for each store; one without `steps` has nothing that is ever migrated. Rejects with ConfigError
   * for a store that a later version has migrated beyond this one, and StoreUnavailableError.
   */
  migrate({ print = false }: { readonly print?: boolean | undefined } = {}): Promise<readonly StoreVersion[]> {
    return this.appStores.migrate(print)
  }
}
