import { type FollowUp, NOTHING_FOLLOWS } from '../backend/followUp.ts'
import type { Config } from '../config/config.ts'
import type { WorkflowTree } from '../protocol/workflowTree.ts'
import type { Clock } from '../std/clock.ts'
import { NotSupportedError } from '../std/errors.ts'
import { uuid } from '../std/id.ts'
import {
  migrateStores,
  type OpenStores,
  openStores,
  repliesTo,
  type StoreUrls,
  type UnversionedStore,
} from '../stores/open.ts'
import type { StoreMigration, StoreOptions } from '../stores/store.ts'
import type { Transactions } from '../stores/transactions.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import { EventFeed } from './eventFeed.ts'
import type { Extension } from './extension.ts'
import type { JobChanges } from './jobs/jobChanges.ts'
import { LimitRules } from './limits/limitRules.ts'
import type { Prepared } from './prepareCall.ts'
import { WorkerCheck } from './workerCheck.ts'

/** A century. */
const FOREVER_MS = 100 * 365.25 * 24 * 3600 * 1000

export interface Stores extends OpenStores {
  /** The subscribers to tasks, in this process. */
  readonly feed: EventFeed
}

/** What revokes the tasks of a workflow. */
export interface Revoker {
  readonly stores: Stores
  readonly followUps: readonly FollowUp[]
  readonly clock: Clock
}

/** How a workflow is revoked. */
export interface RevokedTree {
  /** Running tasks are ended by force, too. */
  readonly terminate: boolean
  /** Which of its tasks may be revoked, by their ids. Absent: all. */
  readonly choose?: ((tree: WorkflowTree) => Promise<(id: string) => boolean>) | undefined
}

/** What an app knows of workflows: their rules are on a higher floor. */
export interface WorkflowRules {
  /** The rule of links and chords, for a task that is taken out of its queue. */
  links(stores: Stores): FollowUp
  /** Revoke a workflow. Resolves with the number of its tasks that had not ended. */
  revokeTree(id: string, how: RevokedTree, revoker: Revoker): Promise<number>
}

/** Gets each call that was sent. */
export interface SentListener {
  sent(prepared: Prepared): void
  /** The stores are about to be closed. */
  close(): Promise<void>
}

type Definition = (task: string) => TaskDefinition | undefined

/** The stores of an app: opened when first needed, closed once. */
export class AppStores {
  readonly #config: () => Config
  readonly #queue = uuid()
  /** Opens other stores than those of the URLs. */
  opener: ((config: Config) => Stores) | undefined
  #opening: Promise<Stores> | undefined
  /** Whether results are sent to a queue of ours, with this configuration. */
  #replies: { readonly config: Config; readonly wanted: boolean } | undefined
  /** Warns when calls wait and no worker is connected. */
  readonly workerCheck: WorkerCheck
  readonly #extensions: readonly Extension[]
  readonly #definition: Definition
  /** The app sets them. */
  rules: WorkflowRules = { links: () => () => NOTHING_FOLLOWS, revokeTree: () => Promise.resolve(0) }
  /** The limits of the app. */
  readonly limitRules: LimitRules = new LimitRules()
  #sentListener: SentListener | undefined
  #opened: Stores | undefined
  /** What is sent in transactions of the caller; undefined in most apps. */
  #transactions: Transactions<Stores> | undefined

  constructor(config: () => Config, extensions: readonly Extension[], definition: Definition) {
    this.#config = config
    this.#extensions = extensions
    this.#definition = definition
    this.workerCheck = new WorkerCheck(config, () => this.open())
    this.limitRules.addQueues(config())
  }

  /** Queue to which replies are sent, where results are sent instead of being kept (rpc://). */
  get replyTo(): string | undefined {
    const config = this.#config()
    // Every call asks; the URL is looked up once for each configuration.
    if (this.#replies?.config !== config) this.#replies = { config, wanted: repliesTo(config.backend.reveal()) }
    return this.#replies.wanted ? this.#queue : undefined
  }

  /** Gets the calls that are sent; undefined in most apps, and where the caller may undo the call. */
  get sentListener(): SentListener | undefined {
    return this.#transactions?.stores ? undefined : this.#sentListener
  }

  /** Once, before the first call. */
  onSent(listener: SentListener): void {
    this.#sentListener = listener
  }

  /** What follows from the end of a task that never runs: `revoke` writes it. */
  followUps(stores: Stores): readonly FollowUp[] {
    return [this.rules.links(stores), ...this.#extensions.map(({ followUp }) => followUp)]
  }

  /** Ids of the tasks that follow from the end of a job by themselves, and have a copy of what it did. */
  followersOf(id: string): readonly string[] {
    return this.#extensions.flatMap((extension) => extension.followers(id))
  }

  /** Revoke the workflow that this task, or group, is the result of. Returns how many of its tasks had not ended. */
  async revokeTree(id: string, how: RevokedTree): Promise<number> {
    const stores = await this.open()
    return this.rules.revokeTree(id, how, { stores, followUps: this.followUps(stores), clock: this.clock })
  }

  /** Change a job that waits: `changeJob`. */
  async change(id: string, changes: JobChanges): Promise<void> {
    const { changeJob } = await import('./jobs/changeJob.ts')
    const { queue, typedJson, clock } = this.#config()
    const host = { queue, typedJson, now: () => clock.now(), definition: this.#definition }
    await changeJob({ ...host, stores: await this.open() }, id, changes)
  }

  /** A task that is known here. */
  definition(task: string): TaskDefinition | undefined {
    return this.#definition(task)
  }

  /** The app's clock. */
  get clock(): Clock {
    return this.#config().clock
  }

  /** How long the record of a task is kept after its end, ms. */
  get resultLifetime(): number {
    return this.#config().resultExpires || FOREVER_MS
  }

  /** True once the stores were requested: the configuration is then fixed. */
  get used(): boolean {
    return this.#opening !== undefined
  }

  open(): Promise<Stores> {
    this.#opening ??= this.#connect()
    return this.#opening
  }

  /** Those through which a call is sent from here; undefined where they are not open: lets a hot path go on at once. */
  get sending(): Stores | undefined {
    if (this.limitRules.isPending) return undefined
    return this.#transactions?.stores ?? this.#opened
  }

  /** The same, opened. Rejects as `open`. */
  async openSending(): Promise<Stores> {
    const stores = await this.open()
    const within = this.#transactions?.stores
    if (this.limitRules.isPending) await this.limitRules.define(stores.broker, within?.unitOfWork.limits)
    return within ?? stores
  }

  /** Send what `run` sends in the transaction that is open on a client of the caller. See `app.within`. */
  async within<Result>(client: object, run: () => Promise<Result>): Promise<Result> {
    const stores = await this.open()
    // Its calls are run here, or in memory, by a test.
    if (this.opener || this.#config().alwaysEager) return run()
    const { unitOfWork, broker, backend } = stores
    if (!unitOfWork.within)
      throw new NotSupportedError(
        `within: expected a broker and a result backend that are one PostgreSQL database or one SQLite file, got ${broker.url} for messages, ${backend.url} for results`,
      )
    const { Transactions } = await import('../stores/transactions.ts')
    this.#transactions ??= new Transactions()
    return this.#transactions.run({ ...stores, unitOfWork: await unitOfWork.within(client) }, run)
  }

  /** Throws ArgumentError where one of these tasks was sent in the transaction in which this is called. */
  refuseWait(ids: Iterable<string>): void {
    this.#transactions?.refuseWait(ids)
  }

  async #connect(): Promise<Stores> {
    try {
      const config = this.#config()
      if (this.opener) {
        this.#opened = this.opener(config)
        return this.#opened
      }
      if (config.storeWarning !== undefined) config.logger.warn({}, config.storeWarning)
      const stores = await this.#sealed(await openStores(urlsOf(config), this.#options()), config)
      this.#opened = { ...stores, feed: new EventFeed(stores.backend) }
      return this.#opened
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  /** Loaded where there is a codec alone. */
  async #sealed(stores: OpenStores, { codec, resultSerializer }: Config): Promise<OpenStores> {
    if (!codec) return stores
    const { sealedStores } = await import('../codec/sealedStores.ts')
    return sealedStores(stores, codec, resultSerializer)
  }

  /** Migrate the stores, which need not be open. Rejects with ConfigError, StoreUnavailableError. */
  migrate(print: boolean): Promise<readonly (StoreMigration | UnversionedStore)[]> {
    return migrateStores(urlsOf(this.#config()), this.#options(), print)
  }

  #options(): StoreOptions {
    const config = this.#config()
    const { resultExpires: expires, resultSerializer: serializer } = config
    const warn = (message: string): void => config.logger.warn({}, message)
    return { ...config, expires, serializer, warn, replyTo: this.replyTo }
  }

  /**
   * Never rejects: an unavailable store leaves nothing to close, and messages held there are rescued when their lease
   * expires.
   */
  async close(): Promise<void> {
    const opening = this.#opening
    if (!opening) return
    await this.#sentListener?.close()
    this.#opening = undefined
    this.#opened = undefined
    this.workerCheck.end()
    // Its failure was reported to the caller that needed the stores.
    const opened = await opening.catch(() => undefined)
    this.#opened = undefined
    try {
      await opened?.close()
    } catch (error) {
      this.#config().logger.debug({ err: error }, 'the stores were closed while one was unavailable')
    }
  }
}

function urlsOf({ broker, backend, limits }: Config): StoreUrls {
  return { broker: broker.reveal(), backend: backend.reveal(), limits: limits?.reveal() }
}
