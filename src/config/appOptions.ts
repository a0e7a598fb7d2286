import { DEFAULT_EVENT_LOG } from '../backend/eventLog.ts'
import { systemClock } from '../std/clock.ts'
import { ArgumentError } from '../std/errors.ts'
import { requireLog } from '../std/log.ts'
import type { OptionTable } from '../std/optionTable.ts'
import { bytesOf, requireFlag, requireFunctions, requireString, shown } from '../std/validate.ts'
import type { CeleriacOptions } from './celeriacOptions.ts'
import type { Config } from './parsedConfig.ts'
import { MAX_QUEUE_LENGTH, MAX_STORE_BYTES, ON_FULL, parseDeadLetters, parseQueues } from './queueOptions.ts'

export type { CeleriacOptions } from './celeriacOptions.ts'

/** `parseConfig` parses them, some of several options. */
type ParsedLater = 'broker' | 'backend' | 'limits' | 'webhooks' | 'payloads' | 'recorder' | 'request' | 'logger'

/** Each other option parsed by itself. */
interface ParsedAppOptions
  extends Omit<Config, ParsedLater | 'storeWarning' | 'route' | 'exchanges' | 'folder'>,
    Pick<CeleriacOptions, ParsedLater | 'routes' | 'context'> {}

type Serializer = 'json' | 'msgpack'

const MIN_LEASE_MS = 1000
const SERIALIZERS: readonly Serializer[] = ['json', 'msgpack']

export const APP_OPTIONS: OptionTable<CeleriacOptions, ParsedAppOptions> = {
  name: {
    kind: 'value',
    type: 'string',
    default: 'celeriac',
    doc: 'name for people',
    celery: 'main',
  },
  broker: {
    kind: 'value',
    type: 'string',
    absent: "[its own file](reference.md#the-default-store), `.celeriac/celeriac.db` in the application's folder",
    doc: 'URL of the broker, where messages wait',
    more: '`sqlite:path` (relative to the working directory), `sqlite:///absolute/path`, `postgres://host:5432/database` ([URLs](postgres.md#urls)), `redis://host:6379/0` and [related URLs](redis.md#urls), `amqp://host:5672/` and [related URLs](rabbitmq.md#urls), `memory:`.',
    celery: 'broker_url',
  },
  backend: {
    kind: 'value',
    type: 'string',
    absent: "the broker's; on RabbitMQ `rpc://`",
    doc: 'URL of the result backend, where results are kept',
    more: 'The same URLs, or [`rpc://`](redis.md#results): sent to the process that called, and kept there alone. On the same file or server, result and acknowledgement are one transaction.',
    celery: 'result_backend',
  },
  limits: {
    kind: 'value',
    type: 'string',
    absent: "the broker's own; on RabbitMQ there are none",
    doc: 'with RabbitMQ: URL of the store that keeps [limits](how-to/limit-what-runs.md), and the messages that wait for them, or are [looked for](how-to/run-it-once.md#what-each-store-gives): `sqlite:`, `redis:` or `postgres:`',
  },
  queue: {
    kind: 'text',
    default: 'celery',
    doc: 'queue of tasks that name none',
    celery: 'task_default_queue',
  },
  routes: {
    kind: 'value',
    type: 'Routes',
    absent: 'none',
    doc: "task name patterns (`*` matches any characters) to queues, as `{ 'mail.*': 'mail' }`, the first match wins; or [more](reference.md#routes): a list of pairs, regular expressions, exchanges, functions",
    celery: 'task_routes',
  },
  serializer: {
    kind: 'choice',
    values: SERIALIZERS,
    default: 'json',
    doc: "how arguments are sent: `'json'` or `'msgpack'`",
    celery: 'task_serializer',
  },
  resultSerializer: {
    kind: 'choice',
    values: SERIALIZERS,
    default: 'json',
    doc: 'how results are stored',
    celery: 'result_serializer',
  },
  accept: {
    kind: 'value',
    type: "readonly ('json' | 'msgpack')[]",
    parse: parseAccept,
    default: SERIALIZERS,
    absent: 'both',
    doc: 'which serializers are read from messages',
    celery: 'accept_content',
  },
  typedJson: {
    kind: 'flag',
    default: true,
    doc: "send Dates and bytes in JSON arguments as Celery's typed objects",
    more: '`false` is for Python peers before Celery 5.3, which would take them for plain objects: such arguments are then refused. They are read in any case.',
  },
  resultExpires: {
    kind: 'duration',
    default: '1d',
    doc: 'how long the record of a finished task is kept; `0`: for ever, as in Celery, in every store',
    more: 'One that has not finished is kept for seven days (or this time, if longer) after its last change, or after the moment that it waits for: its `eta`, its next attempt, the end of a `waitFor`.',
    celery: 'result_expires',
  },
  maxResults: {
    kind: 'count',
    min: 1,
    absent: 'any number',
    doc: '[how many records](how-to/how-large-may-it-grow.md#results-and-events) of jobs that have ended are kept, beside `resultExpires`: those that expire first are dropped',
    more: 'Checked once a minute. Not on `rpc://`.',
  },
  maxResultBytes: {
    kind: 'count',
    min: 1,
    absent: 'any number',
    doc: 'the same for the bytes of these records, with the input that is kept with them',
  },
  maxEvents: {
    kind: 'count',
    min: 1,
    absent: 'any number',
    doc: '[how many entries of event logs](how-to/how-large-may-it-grow.md#results-and-events) are kept, of all jobs together: those of jobs that have ended are dropped, but the newest of each',
    more: 'Beside `eventLog`, which is for each job.',
  },
  maxEventBytes: {
    kind: 'count',
    min: 1,
    absent: 'any number',
    doc: 'the same for their bytes',
  },
  lease: {
    kind: 'duration',
    check: requireLease,
    default: '30s',
    doc: 'a worker that is silent for this long has lost its tasks to others; at least 1 s',
  },
  keyPrefix: {
    kind: 'value',
    type: 'string',
    check: requireString,
    default: '',
    absent: 'none',
    doc: 'Redis: put before every key and channel, so that several systems share a database',
    celery: 'global_keyprefix',
  },
  storeTimeout: {
    kind: 'duration',
    check: requireStoreTimeout,
    absent: "`'10s'` on PostgreSQL, Redis and RabbitMQ, `'30s'` on SQLite",
    doc: 'how long a call waits for a store that is unavailable or busy before it fails with `StoreUnavailableError`: short to fail fast, long to sit it out',
    more: 'What workers have to store is tried until it is stored.',
  },
  durability: {
    kind: 'choice',
    values: ['normal', 'full'],
    default: 'normal',
    doc: "what a power cut may cost: with `'full'` nothing that was accepted or acknowledged",
    more: 'SQLite then waits for the disk at each commit; Redis and PostgreSQL are refused where their own settings do not. See [guarantees](guarantees.md#power-cuts).',
  },
  queues: {
    kind: 'value',
    type: 'Readonly<Record<string, QueueOptions>>',
    parse: parseQueues,
    default: {},
    absent: "durable, without arguments, as Celery's",
    doc: '[how task queues are made](rabbitmq.md#queues), by name: `{ name: { type, maxPriority, arguments, exchange, routingKey, broadcast } }`',
    more: 'Only RabbitMQ has the first three: `type` is `classic` or `quorum`, `maxPriority` 1 to 255, any other argument is in `arguments`. A queue that exists must be the same. The others are of every store: see [exchanges](reference.md#exchanges).',
    celery: 'task_queues',
  },
  maxQueueLength: {
    kind: 'count',
    min: 0,
    max: MAX_QUEUE_LENGTH,
    default: 0,
    doc: '[how many messages may wait](how-to/how-large-may-it-grow.md#queues) in each queue, as far as calls are concerned; `0`: any number',
    more: '`queues` may say another number for one of them.',
  },
  maxQueueBytes: {
    kind: 'value',
    type: 'number | string',
    parse: (value, where) => bytesOf(value, where, 0, MAX_STORE_BYTES),
    default: 0,
    doc: "[how many bytes may wait](how-to/how-large-may-it-grow.md#queues) in each queue, as a number or a text like `'64 MiB'`; `0`: any number",
    more: 'Not on RabbitMQ, which has its own bound in bytes.',
  },
  onFull: {
    kind: 'choice',
    values: ON_FULL,
    default: 'reject',
    doc: "what a call does when as much waits in its queue: `'reject'`: it throws `QueueFullError`, and sends nothing; `'drop-oldest'`: the oldest job there is revoked, and the call is sent",
  },
  visibilityTimeout: {
    kind: 'duration',
    default: '1h',
    doc: "Redis: Celery's `visibility_timeout`, which must be that of the Python workers on the same queues",
    celery: 'visibility_timeout',
  },
  ignoreResult: {
    kind: 'flag',
    default: false,
    doc: "default of the tasks' option of that name",
    celery: 'task_ignore_result',
  },
  timeLimit: {
    kind: 'duration',
    absent: 'none',
    doc: '[time limit](reference.md#time-limits) of tasks where neither call, task nor worker has one; `0`: none',
    celery: 'task_time_limit',
  },
  softTimeLimit: {
    kind: 'duration',
    absent: 'none',
    doc: 'the same for the [soft time limit](reference.md#time-limits)',
    celery: 'task_soft_time_limit',
  },
  trackStarted: {
    kind: 'flag',
    default: false,
    doc: "default of the tasks' option of that name",
    celery: 'task_track_started',
  },
  taskEvents: {
    kind: 'flag',
    default: false,
    doc: 'its workers send the [events of their tasks](how-to/watch-a-fleet.md#events) from the start',
    celery: 'worker_send_task_events',
  },
  taskSentEvents: {
    kind: 'flag',
    default: false,
    doc: 'each call sends an event [`task-sent`](how-to/watch-a-fleet.md#events)',
    celery: 'task_send_sent_event',
  },
  unknownTaskTimeout: {
    kind: 'duration',
    default: '60s',
    doc: 'how long a message whose task, or whose version of it, a worker does not know goes back to its queue, for [another worker](how-to/deploy.md#change-a-task), before it fails; `0`: not at all',
  },
  eventLog: {
    kind: 'count',
    min: 0,
    max: 100_000,
    default: DEFAULT_EVENT_LOG,
    doc: 'states on the way (STARTED, progress, RETRY), and what tasks [emit](how-to/stream-output.md), that the store keeps per task, the newest, for [`events`](reference.md#results-asyncresult) and [event streams](http.md#events): 0 to 100,000; 0 keeps none',
    more: 'About 1 MiB at most.',
  },
  deadLetters: {
    kind: 'value',
    type: 'DeadLetterOptions',
    parse: parseDeadLetters,
    default: {},
    absent: "`{ failed: false, expires: '30d', max: 100000, maxBytes: '1 GiB' }`",
    doc: '[messages that workers give up](how-to/after-an-outage.md): which are kept, how many, how long: `{ failed, expires, max, maxBytes }`',
  },
  alwaysEager: {
    kind: 'flag',
    default: false,
    doc: "run tasks at once in the caller's process instead of sending them, on stores in memory: for tests",
    celery: 'task_always_eager',
  },
  webhooks: {
    kind: 'value',
    type: 'WebhookOptions',
    absent: 'none',
    doc: '[webhooks](webhooks.md), which notify other servers when jobs end: the secret that signs them, and which hosts may be notified',
  },
  payloads: {
    kind: 'value',
    type: 'PayloadOptions',
    absent: 'none',
    doc: 'where [inputs and results are kept](how-to/large-payloads.md) that are too large for messages and records',
  },
  context: {
    kind: 'value',
    type: 'Context',
    absent: 'none',
    doc: 'schema of the values of the [request context](request-context.md), which `withContext` sets: checks them, and gives them their types',
  },
  codec: {
    kind: 'value',
    type: 'Codec',
    check: (codec, where) => {
      requireFunctions(codec, ['seal', 'open'], where)
      requireFlag(codec.required ?? false, `${where}: required`)
    },
    absent: 'none',
    doc: '[seals all payloads](how-to/encrypt-payloads.md) that the app sends and stores, and opens them: `aesGcm({ keys })` of `celeriac/codec`, or an object with `seal` and `open`',
  },
  recorder: {
    kind: 'value',
    type: 'boolean | RecorderOptions',
    absent: 'only what is started for it, as `celeriac dev`',
    doc: '[records the fleet](fleet.md#recorder): its jobs, events, statistics and failures, in a file of its own',
    more: '`true`: each worker, server and beat of this app is a candidate, of which one records; `false`: none may. An object: as `true`, with `{ file, maxBytes, jobs, events, stats }`.',
  },
  request: {
    kind: 'value',
    type: 'RequestOptions',
    absent: 'their own defaults',
    doc: 'what of a [request](request-context.md) its tasks may know: which headers, proxy and public address',
  },
  clock: {
    kind: 'value',
    type: 'Clock',
    check: (clock, where) => requireFunctions(clock, ['now', 'after'], where),
    default: systemClock,
    absent: "the system's",
    doc: 'the time that the app writes, compares and waits by; [`testApp`](how-to/test-your-tasks.md) sets one of its own',
    more: 'An object with `now()`, in ms since the epoch, and `after(ms, wake)`. For an app whose worker runs inline in the same process: time limits, timeouts and pauses go by it too; leases, `storeTimeout`, and `grace` of a worker that stops, go by the system.',
  },
  logger: {
    kind: 'value',
    type: 'LogOption',
    check: requireLog,
    absent: 'JSON lines on standard error, level info',
    doc: "where its log goes: anything with pino's `debug`, `info`, `warn`, `error`, `child`; `false`: nowhere",
  },
}

function requireLease(ms: number, where: string): void {
  if (ms < MIN_LEASE_MS) throw new ArgumentError(`${where}: expected at least 1 s, got ${ms} ms`)
}

function requireStoreTimeout(ms: number, where: string): void {
  if (ms < 1) throw new ArgumentError(`${where}: expected at least 1 ms, got ${ms}`)
}

function parseAccept(names: readonly Serializer[], where: string): readonly Serializer[] {
  return names.map((name) => {
    if (SERIALIZERS.includes(name)) return name
    throw new ArgumentError(`${where}: expected 'json' or 'msgpack', got ${shown(name)}`)
  })
}
