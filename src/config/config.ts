import { DEFAULT_EVENT_LOG } from '../backend/eventLog.ts'
import type { QueueOptions } from '../broker/queueOptions.ts'
import { AMQP_SCHEMES } from '../broker/schemes.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { starGlob } from '../std/glob.ts'
import { createLogger, type Logger, type LogOption } from '../std/log.ts'
import type { Schema } from '../std/schema.ts'
import { SecretUrl } from '../std/secretUrl.ts'
import { refuseUnknown, requireText } from '../std/validate.ts'
import { type DefaultStore, defaultStore } from './defaultStore.ts'
import { parseQueues } from './queueOptions.ts'
import { parseRequestOptions, type RequestConfig, type RequestOptions } from './requestOptions.ts'
import type { ContextValues } from './requestValues.ts'
import { parseWebhooks, type WebhookConfig, type WebhookOptions } from './webhookOptions.ts'

/** Options of an app. Durations: ms, or text such as `'30s'`. */
export interface CeleriacOptions<Context extends Schema<ContextValues> = Schema<ContextValues>> {
  /** Name for people. Default `celeriac`. */
  name?: string | undefined
  /**
   * URL of the broker: `sqlite:path`, `redis:`, `amqp:` or `memory:`. Default: the file `.celeriac/celeriac.db` in the
   * application's folder.
   */
  broker?: string | undefined
  /** URL of the result backend. Default: the broker's; on RabbitMQ `rpc://`. */
  backend?: string | undefined
  /** Queue of tasks that name none. Default `celery`. */
  queue?: string | undefined
  /** Task name patterns (`*` matches any characters) to queues, the first match wins; or a function. */
  routes?: Readonly<Record<string, string>> | ((task: string) => string | undefined) | undefined
  /** How arguments are sent. Default `json`. */
  serializer?: 'json' | 'msgpack' | undefined
  /** How results are stored. Default `json`. */
  resultSerializer?: 'json' | 'msgpack' | undefined
  /** Which serializers are read. Default both. */
  accept?: readonly ('json' | 'msgpack')[] | undefined
  /**
   * Send Dates and bytes in JSON arguments as Celery's typed objects. Default true. False for Python peers before
   * Celery 5.3, which would take them for plain objects: such arguments are then refused. They are read in any case.
   */
  typedJson?: boolean | undefined
  /** How long records of finished tasks are kept; 0: for ever, as in Celery. Default `'1d'`. */
  resultExpires?: Duration | undefined
  /**
   * Redis: put before every key and channel, Celery's `global_keyprefix`, so that several systems share a database.
   * Default none.
   */
  keyPrefix?: string | undefined
  /** A worker that is silent for this long has lost its tasks to others. Default `'30s'`. */
  lease?: Duration | undefined
  /**
   * Redis: Celery's `visibility_timeout`, which must be that of the Python workers on the same queues. Default `'1h'`,
   * as theirs.
   */
  visibilityTimeout?: Duration | undefined
  /**
   * How long a call waits for a store that is unavailable or busy before it fails with StoreUnavailableError: short to
   * fail fast, long to survive an outage. Default `'10s'` on Redis, `'30s'` on the embedded store. What workers have to
   * store is tried until it is stored.
   */
  storeTimeout?: Duration | undefined
  /**
   * RabbitMQ: how task queues are made, by name: `type` (`classic` or `quorum`), `maxPriority` (1 to 255), any other
   * argument in `arguments`. One that exists must be the same. Default: durable, without arguments, as Celery's.
   */
  queues?: Readonly<Record<string, QueueOptions>> | undefined
  /** Default of the tasks' option of that name. Default false. */
  ignoreResult?: boolean | undefined
  /** Default of the tasks' option of that name. Default false. */
  trackStarted?: boolean | undefined
  /**
   * How many intermediate states (STARTED, progress, RETRY) and emitted chunks (`ctx.chunk`) are kept per job for its
   * subscribers, the newest: 0 to 100,000; 0 keeps none. Default 1000, and about 1 MiB.
   */
  eventLog?: number | undefined
  /**
   * Run tasks at once in the caller's process instead of sending them, on stores in memory. For tests. Default false.
   */
  alwaysEager?: boolean | undefined
  /**
   * Notify other servers when jobs end: the secret that signs it, and the hosts that are allowed. Default: no webhooks.
   */
  webhooks?: WebhookOptions | undefined
  /** Checks the values of the request context, which `withContext` sets, and gives them their types. */
  context?: Context | undefined
  /** What of a request its tasks may know. */
  request?: RequestOptions | undefined
  /** Where it writes its log; `false`: nowhere. Default: JSON lines on standard error, level info. */
  logger?: LogOption | undefined
}

/** An app's options as parsed: every value present, times in ms. */
export interface Config {
  readonly name: string
  readonly broker: SecretUrl
  readonly backend: SecretUrl
  /** What to know of the place of the default store; undefined where there is nothing, or a broker was named. */
  readonly storeWarning: string | undefined
  readonly queue: string
  readonly route: (task: string) => string | undefined
  readonly serializer: 'json' | 'msgpack'
  readonly resultSerializer: 'json' | 'msgpack'
  readonly accept: readonly ('json' | 'msgpack')[]
  readonly typedJson: boolean
  /** ms */
  readonly resultExpires: number
  readonly keyPrefix: string
  /** ms */
  readonly lease: number
  /** ms */
  readonly visibilityTimeout: number
  /** ms; undefined: the store's own default. */
  readonly storeTimeout: number | undefined
  readonly queues: Readonly<Record<string, QueueOptions>>
  readonly ignoreResult: boolean
  readonly trackStarted: boolean
  readonly eventLog: number
  readonly alwaysEager: boolean
  readonly webhooks: WebhookConfig | undefined
  readonly request: RequestConfig
  readonly logger: Logger
}

const KNOWN_OPTIONS = new Set([
  'name',
  'broker',
  'backend',
  'queue',
  'routes',
  'serializer',
  'resultSerializer',
  'accept',
  'typedJson',
  'resultExpires',
  'keyPrefix',
  'lease',
  'visibilityTimeout',
  'storeTimeout',
  'queues',
  'ignoreResult',
  'trackStarted',
  'eventLog',
  'alwaysEager',
  'webhooks',
  'context',
  'request',
  'logger',
])

/**
 * Parse, refuse what is unknown, freeze. `folder`: where the application is, to which the default store belongs. Throws
 * ArgumentError.
 */
export function parseConfig(options: CeleriacOptions, folder?: string): Config {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`Celeriac: expected an object of options, got ${String(options)}`)
  refuseUnknown(options, KNOWN_OPTIONS, 'Celeriac')
  const eager = options.alwaysEager ?? false
  const given = urlOf(eager ? 'memory:' : options.broker, 'broker')
  const { url, warning: storeWarning } =
    given === undefined ? defaultStoreHere(folder) : { url: '', warning: undefined }
  const broker = given ?? new SecretUrl(url)
  const lease = milliseconds(options.lease ?? '30s', 'lease')
  if (lease < 1000) throw new ArgumentError(`lease: expected at least 1 s, got ${lease} ms`)
  if (options.queue !== undefined) requireText(options.queue, 'queue')
  return Object.freeze({
    name: options.name ?? 'celeriac',
    broker,
    storeWarning,
    backend: urlOf(eager ? 'memory:' : options.backend, 'backend') ?? backendOf(broker),
    queue: options.queue ?? 'celery',
    route: parseRoutes(options.routes ?? {}),
    serializer: requireSerializer(options.serializer ?? 'json', 'serializer'),
    resultSerializer: requireSerializer(options.resultSerializer ?? 'json', 'resultSerializer'),
    accept: (options.accept ?? ['json', 'msgpack']).map((name) => requireSerializer(name, 'accept')),
    typedJson: options.typedJson ?? true,
    resultExpires: milliseconds(options.resultExpires ?? '1d', 'resultExpires'),
    keyPrefix: requirePrefix(options.keyPrefix ?? ''),
    lease,
    visibilityTimeout: milliseconds(options.visibilityTimeout ?? '1h', 'visibilityTimeout'),
    storeTimeout: storeTimeoutOf(options.storeTimeout),
    queues: parseQueues(options.queues ?? {}),
    ignoreResult: options.ignoreResult ?? false,
    trackStarted: options.trackStarted ?? false,
    eventLog: requireEventLog(options.eventLog ?? DEFAULT_EVENT_LOG),
    alwaysEager: eager,
    webhooks: parseWebhooks(options.webhooks, options.name ?? 'celeriac'),
    request: parseRequestOptions(options.context, options.request),
    logger: options.logger === false ? createLogger('silent') : (options.logger ?? createLogger('info')),
  })
}

function defaultStoreHere(folder: string | undefined): DefaultStore {
  return defaultStore({ folder, main: process.argv[1], execArgv: process.execArgv, cwd: process.cwd() })
}

function urlOf(url: unknown, where: string): SecretUrl | undefined {
  if (url === undefined) return undefined
  if (typeof url === 'string' && url !== '') return new SecretUrl(url)
  throw new ArgumentError(
    `${where}: expected a URL, got ${url === '' ? 'an empty text' : `a value of type ${typeof url}`}`,
  )
}

function backendOf(broker: SecretUrl): SecretUrl {
  return AMQP_SCHEMES.has(broker.scheme) ? new SecretUrl('rpc://') : broker
}

function requireEventLog(limit: unknown): number {
  if (Number.isInteger(limit) && (limit as number) >= 0 && (limit as number) <= 100_000) return limit as number
  throw new ArgumentError(`eventLog: expected a whole number from 0 to 100000, got ${JSON.stringify(limit)}`)
}

function storeTimeoutOf(value: Duration | undefined): number | undefined {
  if (value === undefined) return undefined
  const ms = milliseconds(value, 'storeTimeout')
  if (ms >= 1) return ms
  throw new ArgumentError(`storeTimeout: expected at least 1 ms, got ${ms}`)
}

function requirePrefix(prefix: unknown): string {
  if (typeof prefix === 'string') return prefix
  throw new ArgumentError(`keyPrefix: expected text, got ${JSON.stringify(prefix)}`)
}

function requireSerializer(name: unknown, where: string): 'json' | 'msgpack' {
  if (name === 'json' || name === 'msgpack') return name
  throw new ArgumentError(`${where}: expected 'json' or 'msgpack', got ${JSON.stringify(name)}`)
}

function parseRoutes(routes: NonNullable<CeleriacOptions['routes']>): Config['route'] {
  if (typeof routes === 'function') return routes
  const rules = Object.entries(routes).map(([pattern, queue]) => {
    requireText(queue, `routes: ${pattern}`)
    return { glob: starGlob(pattern), queue }
  })
  return (task) => rules.find(({ glob }) => glob.matches(task))?.queue
}
