import type { ResultBackend } from '../backend/backend.ts'
import type { UnitOfWork } from '../backend/unitOfWork.ts'
import type { Broker } from '../broker/broker.ts'
import type { Config } from '../config/config.ts'
import { uuid } from '../std/id.ts'
import { openBackend } from '../stores/openBackend.ts'
import { openBroker } from '../stores/openBroker.ts'
import { unitOfWorkOf } from '../stores/sequentialUnitOfWork.ts'
import { EventFeed } from './eventFeed.ts'
import type { Extension } from './extension.ts'
import { WorkerCheck } from './workerCheck.ts'

export interface Stores {
  readonly broker: Broker
  readonly backend: ResultBackend
  readonly unitOfWork: UnitOfWork
  /** The subscribers to tasks, in this process. */
  readonly feed: EventFeed
}

/** The stores of an app: opened when first needed, closed once. */
export class AppStores {
  readonly #config: () => Config
  readonly #queue = uuid()
  #opening: Promise<Stores> | undefined
  /** Says so when calls wait and no worker is there. */
  readonly workerCheck: WorkerCheck
  /** Those of the app: `revoke` writes what follows by them. */
  readonly extensions: readonly Extension[]
  /** Set while open: lets a hot path go on without waiting. */
  opened: Stores | undefined

  constructor(config: () => Config, extensions: readonly Extension[]) {
    this.#config = config
    this.extensions = extensions
    this.workerCheck = new WorkerCheck(config, () => this.open())
  }

  /** Queue that replies come to, where results are sent there instead of being kept (rpc://). */
  get replyTo(): string | undefined {
    return this.#config().backend.scheme === 'rpc' ? this.#queue : undefined
  }

  /** True once somebody asked for the stores: the configuration is then fixed. */
  get used(): boolean {
    return this.#opening !== undefined
  }

  open(): Promise<Stores> {
    this.#opening ??= this.#connect()
    return this.#opening
  }

  async #connect(): Promise<Stores> {
    try {
      const config = this.#config()
      const warn = (message: string): void => config.logger.warn({}, message)
      if (config.storeWarning !== undefined) warn(config.storeWarning)
      const broker = await openBroker(config.broker.reveal(), { ...config, warn })
      const backend = await this.#openBackend(config, broker, warn)
      this.opened = { broker, backend, unitOfWork: unitOfWorkOf(broker, backend), feed: new EventFeed(backend) }
      return this.opened
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  async #openBackend(config: Config, broker: Broker, warn: (message: string) => void): Promise<ResultBackend> {
    try {
      return await openBackend(config.backend.reveal(), {
        expires: config.resultExpires,
        serializer: config.resultSerializer,
        accept: config.accept,
        broker,
        keyPrefix: config.keyPrefix,
        warn,
        storeTimeout: config.storeTimeout,
        eventLog: config.eventLog,
        replyTo: this.replyTo,
      })
    } catch (error) {
      await this.#closed(broker)
      throw error
    }
  }

  /** Never rejects: of a store that is away nothing is left to close, and what is held there its lease gives back. */
  async close(): Promise<void> {
    const opening = this.#opening
    if (!opening) return
    this.#opening = undefined
    this.opened = undefined
    // Why they cannot be opened is told to the caller who needed them.
    const opened = await opening.catch(() => undefined)
    this.opened = undefined
    for (const store of opened ? [opened.backend, opened.broker] : []) await this.#closed(store)
  }

  async #closed(store: Broker | ResultBackend): Promise<void> {
    try {
      await store.close()
    } catch (error) {
      this.#config().logger.debug({ err: error }, `${store.url}: closed without the store`)
    }
  }
}
