import type { ResultBackend } from '../backend/backend.ts'
import type { UnitOfWork } from '../backend/unitOfWork.ts'
import type { Broker } from '../broker/broker.ts'
import type { OpenEnvelope } from '../protocol/envelope.ts'
import { ConfigError } from '../std/errors.ts'
import { redactUrl, schemeOf } from '../std/url.ts'
import type { ScheduleStore } from './scheduleStore.ts'
import { AMQP_SCHEMES, POSTGRES_SCHEMES, REDIS_SCHEMES } from './schemes.ts'
import { SequentialUnitOfWork } from './sequentialUnitOfWork.ts'
import type { Store, StoreDriver, StoreMigration, StoreOptions, StoreUse } from './store.ts'
import type { StoreFacts } from './storeFacts.ts'

/** A kind of store, by the schemes of its URLs. */
interface StoreKind {
  readonly schemes: readonly string[]
  /** It can be a broker, a result backend. */
  readonly broker: boolean
  readonly backend: boolean
  /** Default result backend of an app with this broker. Absent: the same URL. */
  readonly defaultBackend?: string
  /** Its results are messages to the process that submitted the task, which needs a queue for them. */
  readonly replies?: true
  /** Its code, loaded when a URL of it is used. */
  readonly load: () => Promise<StoreDriver>
}

/** Every store. A new one is a folder and a row. */
const STORE_KINDS: readonly StoreKind[] = [
  {
    schemes: ['sqlite'],
    broker: true,
    backend: true,
    load: async () => (await import('./sqlite/store.ts')).sqliteStore,
  },
  {
    schemes: REDIS_SCHEMES,
    broker: true,
    backend: true,
    load: async () => (await import('./redis/store.ts')).redisStore,
  },
  {
    schemes: POSTGRES_SCHEMES,
    broker: true,
    backend: true,
    load: async () => (await import('./postgres/store.ts')).postgresStore,
  },
  {
    schemes: AMQP_SCHEMES,
    broker: true,
    backend: false,
    defaultBackend: 'rpc://',
    load: async () => (await import('./rabbitmq/store.ts')).rabbitmqStore,
  },
  {
    schemes: ['rpc'],
    broker: false,
    backend: true,
    replies: true,
    load: async () => (await import('./rpc/store.ts')).rpcStore,
  },
  {
    schemes: ['memory'],
    broker: true,
    backend: true,
    load: async () => (await import('./memory/store.ts')).memoryStore,
  },
]

/** URLs of the two stores of an app, passwords included. */
export interface StoreUrls {
  readonly broker: string
  readonly backend: string
  /** Of the store that keeps the limits of a broker that cannot. */
  readonly limits?: string | undefined
}

/** The stores of an app: two, or one that is both; and one for limits, where the broker keeps none. */
export interface OpenStores {
  readonly broker: Broker
  readonly backend: ResultBackend
  readonly unitOfWork: UnitOfWork
  /**
   * The schedule of an app, kept with its other data: on the broker if it keeps schedules, else on the result backend.
   * `close` closes it. Rejects with ConfigError where neither keeps schedules.
   */
  schedule(app: string): Promise<ScheduleStore>
  /** Opens messages that a codec has sealed. Absent: there is no codec. */
  readonly opens?: OpenEnvelope
  /** What the stores say of themselves, each once. Rejects with StoreUnavailableError. */
  facts(): Promise<readonly StoreFacts[]>
  /** Close all. Rejects with the first error, after each was tried. */
  close(): Promise<void>
}

/**
 * Open the stores of these URLs; their connections are made by the first call. Throws ConfigError for a URL that no
 * store knows or can read.
 */
export async function openStores(urls: StoreUrls, options: StoreOptions): Promise<OpenStores> {
  const stores: Store[] = []
  try {
    return await openEach(urls, options, stores)
  } catch (error) {
    // Nothing is connected yet; the first error is the one to report.
    await closeAll(stores).catch(() => undefined)
    throw error
  }
}

/** `stores`: gets each store that is opened. */
async function openEach(urls: StoreUrls, options: StoreOptions, stores: Store[]): Promise<OpenStores> {
  const { driver, resultDriver, shared } = await driversOf(urls)
  const store = driver.open(urls.broker, options, { broker: true, backend: shared })
  stores.push(store)
  const broker = await withLimits(partOf(store.broker), urls.limits, options, stores)
  const results = shared ? store : resultDriver.open(urls.backend, options, { broker: false, backend: true }, broker)
  if (!shared) stores.push(results)
  const backend = partOf(results.backend)
  const unitOfWork =
    (shared ? store.unitOfWork : undefined) ??
    new SequentialUnitOfWork(broker, backend, { isOneStore: shared, clock: options.clock })
  return {
    broker,
    backend,
    unitOfWork,
    schedule: (app) => scheduleOf(store, results, app),
    facts: async () => {
      const all = await Promise.all(stores.map((one) => one.facts?.()))
      return all.filter((one) => one !== undefined)
    },
    // Results first: `rpc://` has a consumer of the broker.
    close: () => closeAll([...stores].reverse()),
  }
}

/** The broker with the limits of the store of this URL, where one is given. Throws ConfigError. */
async function withLimits(
  broker: Broker,
  url: string | undefined,
  options: StoreOptions,
  stores: Store[],
): Promise<Broker> {
  if (url === undefined) return broker
  if (broker.limits)
    throw new ConfigError(`limits: expected none, as ${broker.url} keeps its limits itself, got ${redactUrl(url)}`)
  const driver = await kindOf(url, 'broker').load()
  const store = driver.open(url, options, { broker: true, backend: false })
  stores.push(store)
  if (!store.broker?.limits)
    throw new ConfigError(`limits: expected a URL of sqlite:, redis: or postgres:, got ${redactUrl(url)}`)
  const { LimitedBroker } = await import('./limited/broker.ts')
  return new LimitedBroker(broker, store.broker)
}

/** A store that has nothing to migrate. */
export interface UnversionedStore {
  /** Its URL, without a password. */
  readonly store: string
  readonly steps?: undefined
}

/**
 * Migrate the stores of these URLs, or find out what that would do; each store once. Throws ConfigError for a URL that
 * no store knows, and for a store that this version cannot use; StoreUnavailableError.
 */
export async function migrateStores(
  urls: StoreUrls,
  options: StoreOptions,
  print: boolean,
): Promise<readonly (StoreMigration | UnversionedStore)[]> {
  const migrate = async (url: string, driver: StoreDriver): Promise<StoreMigration | UnversionedStore> =>
    (await driver.migrate?.(url, options, print)) ?? { store: redactUrl(url) }
  const { driver, resultDriver, shared } = await driversOf(urls)
  const migrated = [await migrate(urls.broker, driver)]
  if (!shared) migrated.push(await migrate(urls.backend, resultDriver))
  if (urls.limits !== undefined) migrated.push(await migrate(urls.limits, await kindOf(urls.limits, 'broker').load()))
  return migrated
}

/** The drivers of both URLs; `shared`: these name one store. Throws ConfigError for a URL that no store knows. */
async function driversOf(
  urls: StoreUrls,
): Promise<{ driver: StoreDriver; resultDriver: StoreDriver; shared: boolean }> {
  const [brokerKind, backendKind] = [kindOf(urls.broker, 'broker'), kindOf(urls.backend, 'backend')]
  const [driver, resultDriver] = await Promise.all([brokerKind.load(), backendKind.load()])
  const shared = driver === resultDriver && driver.identity?.(urls.broker) === driver.identity?.(urls.backend)
  return { driver, resultDriver, shared }
}

/**
 * True where results are messages to the process that submitted the task. False for a URL that no store knows: opening
 * it says so.
 */
export function repliesTo(url: string): boolean {
  return findKind(url, 'backend')?.replies === true
}

/**
 * URL of the default result backend of an app with this broker. For a URL that no store knows it is the same URL:
 * opening it throws the error.
 */
export function defaultBackendOf(broker: string): string {
  return findKind(broker, 'broker')?.defaultBackend ?? broker
}

function findKind(url: string, part: keyof StoreUse): StoreKind | undefined {
  const scheme = schemeOf(url)
  return STORE_KINDS.find((kind) => kind[part] && scheme !== undefined && kind.schemes.includes(scheme))
}

function kindOf(url: string, part: keyof StoreUse): StoreKind {
  const kind = findKind(url, part)
  if (kind) return kind
  const known = STORE_KINDS.filter((one) => one[part]).map(({ schemes }) => `${schemes[0]}:`)
  throw new ConfigError(
    `${part}: expected a URL of ${known.slice(0, -1).join(', ')} or ${known.at(-1)}, got ${redactUrl(url)}`,
  )
}

/** A part that was requested of a kind of store that has it. */
function partOf<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new TypeError('the driver of this store opened no such part')
  return part
}

async function scheduleOf(store: Store, results: Store, app: string): Promise<ScheduleStore> {
  const keeper = store.schedule ? store : results
  if (keeper.schedule) return keeper.schedule(app)
  throw new ConfigError(
    `a schedule needs a broker or result backend that can keep it: expected one of sqlite:, redis: or postgres:, got ${store.broker?.url} and ${results.backend?.url}`,
  )
}

async function closeAll(stores: readonly Store[]): Promise<void> {
  const errors: unknown[] = []
  for (const store of stores) await store.close().catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}
