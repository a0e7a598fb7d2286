import type { KeepingCaps } from '../backend/bounds/keeping.ts'
import { type FollowUp, NOTHING_FOLLOWS } from '../backend/followUp.ts'
import type { UnitOfWork } from '../backend/unitOfWork.ts'
import type { Config } from '../config/config.ts'
import { keepingCapsOf, type QueueBounds, queueBoundsOf } from '../config/queueOptions.ts'
import type { Payloads } from '../payloads/openPayloads.ts'
import { isInputElsewhere } from '../protocol/callHeaders.ts'
import { isReference, type TaskMeta } from '../protocol/result.ts'
import { isFinal, SUCCESS } from '../protocol/states.ts'
import type { WorkflowTree } from '../protocol/workflowTree.ts'
import type { Clock } from '../std/clock.ts'
import { NotSupportedError, PayloadError } from '../std/errors.ts'
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
import type { Completing } from '../tasks/jobServices.ts'
import { EventFeed } from './eventFeed.ts'
import type { Extension } from './extension.ts'
import type { JobChanges } from './jobs/jobChanges.ts'
import { LimitRules } from './limits/limitRules.ts'
import type { Prepared } from './prepareCall.ts'
import { WorkerCheck } from './workerCheck.ts'

/** Ids of jobs that wait in an outbox. */
const MAX_EXPECTED = 10_000
/** A century. */
const FOREVER_MS = 100 * 365.25 * 24 * 3600 * 1000

export interface Stores extends OpenStores {
  /** The subscribers to tasks, in this process. */
  readonly feed: EventFeed
  /** Absent without the option `payloads`. */
  readonly payloads?: Payloads | undefined
  /** A unit of work beside theirs, as an outbox: what it writes is sealed, and put elsewhere, as what they write. */
  around?(unitOfWork: UnitOfWork): UnitOfWork
}

/** Throws PayloadError where the app has none. */
export function requirePayloads({ payloads }: Pick<Stores, 'payloads'>): Payloads {
  if (payloads) return payloads
  throw new PayloadError(
    'NO_PAYLOAD_STORE',
    'this input or result is in a payload store: set the option payloads as in the app that has sent it',
  )
}

/**
 * The body that is kept of a job, also where it is in a payload store. Rejects with PayloadError,
 * StoreUnavailableError.
 */
export function keptInput(
  stores: Pick<Stores, 'payloads'>,
  id: string,
  input: string | Uint8Array,
): Promise<string | Uint8Array> {
  return isInputElsewhere(input) ? requirePayloads(stores).reader.input(id, input) : Promise.resolve(input)
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

type Unfed = Omit<Stores, 'feed'>

/** What bounds stores; at least one of them. */
interface StoreBounds {
  readonly boundOf: QueueBounds | undefined
  readonly caps: KeepingCaps | undefined
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
  /** Ids of jobs that are submitted later, the last ones; undefined in most apps. */
  #expected: Set<string> | undefined
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
    return this.#sendThrough({ ...stores, unitOfWork: await unitOfWork.within(client) }, run)
  }

  /** As `AppInternals.sendThrough`. */
  async through<Result>(
    unitOfWork: (stores: Stores, expect: (id: string) => void) => UnitOfWork,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const stores = await this.open()
    if (this.opener || this.#config().alwaysEager) return run()
    this.#expected ??= new Set()
    const own = unitOfWork(stores, (id) => this.#expect(id, this.#expected as Set<string>))
    return this.#sendThrough({ ...stores, unitOfWork: stores.around?.(own) ?? own }, run)
  }

  #expect(id: string, expected: Set<string>): void {
    const [oldest = ''] = expected
    if (expected.size >= MAX_EXPECTED) expected.delete(oldest)
    expected.add(id)
  }

  /** A job of this process that may be submitted later, by another process. */
  expects(id: string): boolean {
    return this.#expected?.has(id) === true
  }

  async #sendThrough<Result>(stores: Stores, run: () => Promise<Result>): Promise<Result> {
    const { Transactions } = await import('../stores/transactions.ts')
    this.#transactions ??= new Transactions()
    return this.#transactions.run(stores, run)
  }

  /** As `JobServices.completeWithin`. */
  async completeWithin(
    client: object,
    host: () => Promise<Completing>,
    result: unknown,
    children: readonly string[],
  ): Promise<void> {
    // Its stores are those of a test.
    if (this.opener) return
    const { completeWithin } = await import('./jobs/completeWithin.ts')
    await completeWithin(await this.open(), client, await host(), result, children)
  }

  /**
   * A record with its result, also where that is in a payload store. Rejects with PayloadError, StoreUnavailableError.
   */
  async whole(meta: TaskMeta): Promise<TaskMeta> {
    if (!isReference(meta.result) || meta.status !== SUCCESS) return meta
    return requirePayloads(await this.open()).reader.record(meta)
  }

  /** Drop the records of these tasks, and what is kept of those that have ended. */
  async forget(ids: readonly string[]): Promise<void> {
    const { backend, payloads } = await this.open()
    const known = payloads ? await backend.load(ids) : []
    await backend.forget(ids)
    await payloads?.forget(known.flatMap((meta) => (meta && isFinal(meta.status) ? [meta.task_id] : [])))
  }

  /** Throws ArgumentError where one of these tasks was sent in the transaction in which this is called. */
  refuseWait(ids: Iterable<string>): void {
    this.#transactions?.refuseWait(ids)
  }

  async #connect(): Promise<Stores> {
    try {
      const config = this.#config()
      if (!this.opener && config.storeWarning !== undefined) config.logger.warn({}, config.storeWarning)
      const stores = this.opener ? this.opener(config) : await this.#openAll(config)
      const bounds = { boundOf: queueBoundsOf(config), caps: keepingCapsOf(config) }
      this.#opened = bounds.boundOf || bounds.caps ? await this.#bounded(stores, bounds) : stores
      return this.#opened
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  async #openAll(config: Config): Promise<Stores> {
    const opened = await openStores(urlsOf(config), this.#options())
    // Payloads are sealed before they are kept elsewhere.
    const stores = await this.#sealed({ ...opened, ...(await payloadsOf(config, opened)) }, config)
    return { ...stores, feed: new EventFeed(stores.backend) }
  }

  async #bounded(stores: Stores, bounds: StoreBounds): Promise<Stores> {
    const { boundStores } = await import('./bounds/boundStores.ts')
    const followUps = (): readonly FollowUp[] => this.followUps(stores)
    return boundStores(stores, { ...bounds, followUps, config: this.#config })
  }

  /** Loaded where there is a codec alone. */
  async #sealed(stores: Unfed, { codec, resultSerializer }: Config): Promise<Unfed> {
    if (!codec) return stores
    const { sealedStores } = await import('../codec/sealedStores.ts')
    const { opening, around, ...sealed } = sealedStores(stores, codec, resultSerializer)
    const payloads = stores.payloads?.opened(opening)
    return { ...sealed, payloads, around: (work) => around(stores.around?.(work) ?? work) }
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

/** Large inputs and results are kept elsewhere, with the option `payloads`. */
async function payloadsOf(
  config: Config,
  stores: OpenStores,
): Promise<Partial<Pick<Stores, 'payloads' | 'unitOfWork' | 'around'>>> {
  if (!config.payloads || config.alwaysEager) return {}
  const { Payloads } = await import('../payloads/openPayloads.ts')
  const payloads = new Payloads(config.payloads, config.clock, config.resultExpires)
  const around = (unitOfWork: UnitOfWork): UnitOfWork => payloads.unitOfWork({ ...stores, unitOfWork }, true)
  return { payloads, unitOfWork: payloads.unitOfWork(stores), around }
}

function urlsOf({ broker, backend, limits }: Config): StoreUrls {
  return { broker: broker.reveal(), backend: backend.reveal(), limits: limits?.reveal() }
}
