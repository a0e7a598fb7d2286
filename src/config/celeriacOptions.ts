import type { QueueOptions } from '../broker/queueOptions.ts'
import type { Codec } from '../codec/codec.ts'
import type { PayloadOptions } from '../payloads/payloadOptions.ts'
import type { Clock } from '../std/clock.ts'
import type { Duration } from '../std/duration.ts'
import type { LogOption } from '../std/log.ts'
import type { Schema } from '../std/schema.ts'
import type { DeadLetterOptions } from './queueOptions.ts'
import type { RecorderOptions } from './recorderOptions.ts'
import type { RequestOptions } from './requestOptions.ts'
import type { ContextValues } from './requestValues.ts'
import type { Routes } from './routeOptions.ts'
import type { WebhookOptions } from './webhookOptions.ts'

/** Options of an app. Durations: ms, or text such as `'30s'`. */
export interface CeleriacOptions<Context extends Schema<ContextValues> = Schema<ContextValues>> {
  // <APP_OPTIONS> written by `npm run docs:api` from the table in src/config/appOptions.ts
  /** Name for people. Default `'celeriac'`. */
  name?: string | undefined
  /**
   * URL of the broker, where messages wait. `sqlite:path` (relative to the working directory),
   * `sqlite:///absolute/path`, `postgres://host:5432/database` (URLs), `redis://host:6379/0` and related URLs,
   * `amqp://host:5672/` and related URLs, `memory:`. Default: its own file, `.celeriac/celeriac.db` in the
   * application's folder.
   */
  broker?: string | undefined
  /**
   * URL of the result backend, where results are kept. The same URLs, or `rpc://`: sent to the process that called, and
   * kept there alone. On the same file or server, result and acknowledgement are one transaction. Default: the
   * broker's; on RabbitMQ `rpc://`.
   */
  backend?: string | undefined
  /**
   * With RabbitMQ: URL of the store that keeps limits, and the messages that wait for them, or are looked for:
   * `sqlite:`, `redis:` or `postgres:`. Default: the broker's own; on RabbitMQ there are none.
   */
  limits?: string | undefined
  /** Queue of tasks that name none. Default `'celery'`. */
  queue?: string | undefined
  /**
   * Task name patterns (`*` matches any characters) to queues, as `{ 'mail.*': 'mail' }`, the first match wins; or
   * more: a list of pairs, regular expressions, exchanges, functions. Default: none.
   */
  routes?: Routes | undefined
  /** How arguments are sent: `'json'` or `'msgpack'`. Default `'json'`. */
  serializer?: 'json' | 'msgpack' | undefined
  /** How results are stored. Default `'json'`. */
  resultSerializer?: 'json' | 'msgpack' | undefined
  /** Which serializers are read from messages. Default: both. */
  accept?: readonly ('json' | 'msgpack')[] | undefined
  /**
   * Send Dates and bytes in JSON arguments as Celery's typed objects. `false` is for Python peers before Celery 5.3,
   * which would take them for plain objects: such arguments are then refused. They are read in any case. Default
   * `true`.
   */
  typedJson?: boolean | undefined
  /**
   * How long the record of a finished task is kept; `0`: for ever, as in Celery, in every store. One that has not
   * finished is kept for seven days (or this time, if longer) after its last change, or after the moment that it waits
   * for: its `eta`, its next attempt, the end of a `waitFor`. Default `'1d'`.
   */
  resultExpires?: Duration | undefined
  /**
   * How many records of jobs that have ended are kept, beside `resultExpires`: those that expire first are dropped.
   * Checked once a minute. Not on `rpc://`. Default: any number.
   */
  maxResults?: number | undefined
  /** The same for the bytes of these records, with the input that is kept with them. Default: any number. */
  maxResultBytes?: number | undefined
  /**
   * How many entries of event logs are kept, of all jobs together: those of jobs that have ended are dropped, but the
   * newest of each. Beside `eventLog`, which is for each job. Default: any number.
   */
  maxEvents?: number | undefined
  /** The same for their bytes. Default: any number. */
  maxEventBytes?: number | undefined
  /** A worker that is silent for this long has lost its tasks to others; at least 1 s. Default `'30s'`. */
  lease?: Duration | undefined
  /** Redis: put before every key and channel, so that several systems share a database. Default: none. */
  keyPrefix?: string | undefined
  /**
   * How long a call waits for a store that is unavailable or busy before it fails with `StoreUnavailableError`: short
   * to fail fast, long to sit it out. What workers have to store is tried until it is stored. Default: `'10s'` on
   * PostgreSQL, Redis and RabbitMQ, `'30s'` on SQLite.
   */
  storeTimeout?: Duration | undefined
  /**
   * What a power cut may cost: with `'full'` nothing that was accepted or acknowledged. SQLite then waits for the disk
   * at each commit; Redis and PostgreSQL are refused where their own settings do not. See guarantees. Default
   * `'normal'`.
   */
  durability?: 'normal' | 'full' | undefined
  /**
   * How task queues are made, by name: `{ name: { type, maxPriority, arguments, exchange, routingKey, broadcast } }`.
   * Only RabbitMQ has the first three: `type` is `classic` or `quorum`, `maxPriority` 1 to 255, any other argument is
   * in `arguments`. A queue that exists must be the same. The others are of every store: see exchanges. Default:
   * durable, without arguments, as Celery's.
   */
  queues?: Readonly<Record<string, QueueOptions>> | undefined
  /**
   * How many messages may wait in each queue, as far as calls are concerned; `0`: any number. `queues` may say another
   * number for one of them. Default `0`.
   */
  maxQueueLength?: number | undefined
  /**
   * How many bytes may wait in each queue, as a number or a text like `'64 MiB'`; `0`: any number. Not on RabbitMQ,
   * which has its own bound in bytes. Default `0`.
   */
  maxQueueBytes?: number | string | undefined
  /**
   * What a call does when as much waits in its queue: `'reject'`: it throws `QueueFullError`, and sends nothing;
   * `'drop-oldest'`: the oldest job there is revoked, and the call is sent. Default `'reject'`.
   */
  onFull?: 'reject' | 'drop-oldest' | undefined
  /**
   * Redis: Celery's `visibility_timeout`, which must be that of the Python workers on the same queues. Default `'1h'`.
   */
  visibilityTimeout?: Duration | undefined
  /** Default of the tasks' option of that name. Default `false`. */
  ignoreResult?: boolean | undefined
  /** Time limit of tasks where neither call, task nor worker has one; `0`: none. Default: none. */
  timeLimit?: Duration | undefined
  /** The same for the soft time limit. Default: none. */
  softTimeLimit?: Duration | undefined
  /** Default of the tasks' option of that name. Default `false`. */
  trackStarted?: boolean | undefined
  /** Its workers send the events of their tasks from the start. Default `false`. */
  taskEvents?: boolean | undefined
  /** Each call sends an event `task-sent`. Default `false`. */
  taskSentEvents?: boolean | undefined
  /**
   * How long a message whose task, or whose version of it, a worker does not know goes back to its queue, for another
   * worker, before it fails; `0`: not at all. Default `'60s'`.
   */
  unknownTaskTimeout?: Duration | undefined
  /**
   * States on the way (STARTED, progress, RETRY), and what tasks emit, that the store keeps per task, the newest, for
   * `events` and event streams: 0 to 100,000; 0 keeps none. About 1 MiB at most. Default `1000`.
   */
  eventLog?: number | undefined
  /**
   * Messages that workers give up: which are kept, how many, how long: `{ failed, expires, max, maxBytes }`. Default:
   * `{ failed: false, expires: '30d', max: 100000, maxBytes: '1 GiB' }`.
   */
  deadLetters?: DeadLetterOptions | undefined
  /**
   * Run tasks at once in the caller's process instead of sending them, on stores in memory: for tests. Default `false`.
   */
  alwaysEager?: boolean | undefined
  /**
   * Webhooks, which notify other servers when jobs end: the secret that signs them, and which hosts may be notified.
   * Default: none.
   */
  webhooks?: WebhookOptions | undefined
  /** Where inputs and results are kept that are too large for messages and records. Default: none. */
  payloads?: PayloadOptions | undefined
  /**
   * Schema of the values of the request context, which `withContext` sets: checks them, and gives them their types.
   * Default: none.
   */
  context?: Context | undefined
  /**
   * Seals all payloads that the app sends and stores, and opens them: `aesGcm({ keys })` of `celeriac/codec`, or an
   * object with `seal` and `open`. Default: none.
   */
  codec?: Codec | undefined
  /**
   * Records the fleet: its jobs, events, statistics and failures, in a file of its own. `true`: each worker, server and
   * beat of this app is a candidate, of which one records; `false`: none may. An object: as `true`, with `{ file,
   * maxBytes, jobs, events, stats }`. Default: only what is started for it, as `celeriac dev`.
   */
  recorder?: boolean | RecorderOptions | undefined
  /** What of a request its tasks may know: which headers, proxy and public address. Default: their own defaults. */
  request?: RequestOptions | undefined
  /**
   * The time that the app writes, compares and waits by; `testApp` sets one of its own. An object with `now()`, in ms
   * since the epoch, and `after(ms, wake)`. For an app whose worker runs inline in the same process: time limits,
   * timeouts and pauses go by it too; leases, `storeTimeout`, and `grace` of a worker that stops, go by the system.
   * Default: the system's.
   */
  clock?: Clock | undefined
  /**
   * Where its log goes: anything with pino's `debug`, `info`, `warn`, `error`, `child`; `false`: nowhere. Default: JSON
   * lines on standard error, level info.
   */
  logger?: LogOption | undefined
  // </APP_OPTIONS>
}
