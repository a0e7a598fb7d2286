import type { BackendOptions, ResultBackend } from '../backend/backend.ts'
import type { UnitOfWork } from '../backend/unitOfWork.ts'
import type { Broker } from '../broker/broker.ts'
import type { QueueOptions } from '../broker/queueOptions.ts'
import type { Migration } from './migration.ts'
import type { ScheduleStore } from './scheduleStore.ts'
import type { StoreFacts } from './storeFacts.ts'

/** What a store is opened with. Times are ms. */
export interface StoreOptions extends BackendOptions {
  /** How long a silent consumer keeps the messages that it holds. */
  readonly lease: number
  /** Redis: kombu's `visibility_timeout`. */
  readonly visibilityTimeout: number
  /** RabbitMQ: how task queues are made, by name. */
  readonly queues?: Readonly<Record<string, QueueOptions>>
  /** `full`: a power cut costs nothing that was confirmed, or the store is refused. Default: `normal`. */
  readonly durability?: 'normal' | 'full'
  /** `rpc://`: queue of this app's replies. */
  readonly replyTo?: string
}

/** Which parts of a store are opened. */
export interface StoreUse {
  readonly broker: boolean
  readonly backend: boolean
}

/**
 * One file, server or database: opened once for its URL, shared by all its parts. Parts that were not requested are
 * absent.
 */
export interface Store {
  readonly broker?: Broker
  readonly backend?: ResultBackend
  /** Where the store has both parts and is able to: submission and settlement are one atomic write each. */
  readonly unitOfWork?: UnitOfWork
  /** The schedule of an app. Absent where the store keeps none. */
  schedule?(app: string): Promise<ScheduleStore>
  /** Absent where it has none to give. Rejects with StoreUnavailableError. */
  facts?(): Promise<StoreFacts>
  /** Close all parts, then the store itself. */
  close(): Promise<void>
}

/** A store, and what its migration did or would do. */
export interface StoreMigration extends Migration {
  /** Its URL, without a password. */
  readonly store: string
}

/** What the folder of a store exports: how a URL of its schemes is opened. */
export interface StoreDriver {
  /**
   * URLs of the same identity are one store. Absent: all of its URLs are one. Throws ConfigError for a URL that cannot
   * be read.
   */
  identity?(url: string): string
  /** `messages`: the app's broker, for a store that keeps results in messages. Throws ConfigError. */
  open(url: string, options: StoreOptions, use: StoreUse, messages?: Broker): Store
  /**
   * Bring the store to this version; with `print`, only find out what that would do. Rejects with ConfigError for a
   * store that this version cannot use, StoreUnavailableError. Absent: the store keeps nothing whose layout is ours.
   */
  migrate?(url: string, options: StoreOptions, print: boolean): Promise<StoreMigration>
}
