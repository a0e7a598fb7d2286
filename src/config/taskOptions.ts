import type { Duration } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import type { LineLevel } from '../std/log.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { type ErrorClass, parseRetry, type RetryOptions, type RetryPolicy } from './retryOptions.ts'
import {
  type BatchOptions,
  contentTypeOf,
  exposedLevel,
  type ParamsOption,
  type ParsedBatch,
  parseAccepts,
  parseBatch,
  parseExample,
  parseRate,
  type RateLimit,
  requireBatchable,
  requireErrors,
  requireUpgrade,
  type TaskExample,
  type TaskPool,
  type Upgrade,
} from './taskValues.ts'

/** What a task is and how it runs by default; a call may override it (`CallOptions`). */
export interface TaskOptions {
  // <TASK_OPTIONS> written by `npm run docs:api` from the table below
  /** Queue it goes to. Default: the app's routes, then the app's queue. */
  queue?: string | undefined
  /** 0 to 255; on the embedded store the highest is served first. Default: `0`. */
  priority?: number | undefined
  /** How its arguments are sent. Default: the app's. */
  serializer?: 'json' | 'msgpack' | undefined
  /**
   * Repeats after a failure: a number is the maximum; or options. Off unless asked for: a task that may not be repeated
   * safely is not. Default `0`.
   */
  retry?: number | RetryOptions | undefined
  /** Errors that are expected of it: FAILURE as any other, but logged as info, without a traceback. Default: none. */
  throws?: readonly ErrorClass[] | undefined
  /**
   * Stopped by force after this time (threads, processes); abandoned (inline); `0`: no limit. In a thread or process
   * also a loop that never awaits; inline nothing can end a function of the same thread. Default: the worker's, then
   * the app's.
   */
  timeLimit?: Duration | undefined
  /**
   * `ctx.signal` aborts with `SoftTimeLimitExceeded` after this time; `0`: no limit. Default: the worker's, then the
   * app's.
   */
  softTimeLimit?: Duration | undefined
  /** Not started after this time: REVOKED. Default: never. */
  expires?: Duration | undefined
  /**
   * No run begins later than this after the first submission: over all repeats. A run that has begun goes on. Default:
   * none.
   */
  deadline?: Duration | undefined
  /** Version of its input: each message has it, and older ones are upgraded. Default `1`. */
  version?: number | undefined
  /**
   * Makes an input of today from one of an older version: `(input, from) => input`. Called before the schema. Of a task
   * without an input schema it gets, and returns, the list of positional arguments. May be asynchronous. Default: an
   * older input is taken as it is.
   */
  upgrade?: Upgrade | undefined
  /** Keep no record: neither state nor result. Default: the app's. */
  ignoreResult?: boolean | undefined
  /**
   * How long its record is kept after its end; `0`: for ever. With `rpc://` in the memory of the caller, as far as
   * there is room. Default: the app's.
   */
  resultExpires?: Duration | undefined
  /**
   * Acknowledge when it ends, so that a crash runs it again; `false`: when it starts, so that a crash loses it. Default
   * `true`.
   */
  acksLate?: boolean | undefined
  /**
   * Acknowledge its message when it has failed; `false`: reject it, so that RabbitMQ passes it to the dead-letter
   * exchange of its queue. Its record is FAILURE either way. In other stores, and where RabbitMQ has delivered it
   * twice, the message is dropped. Default `true`.
   */
  acksOnFailure?: boolean | undefined
  /**
   * FAILURE when the hard time limit has ended it; `false`: back to its queue, so that it runs again, each time up to
   * the limit. As often as it takes: `retry`, which comes first, has a maximum. Default `true`.
   */
  acksOnTimeout?: boolean | undefined
  /**
   * If its thread or process dies, it goes back to its queue, which is no retry; `false`: `retry` decides. Up to three
   * deaths. Not with `acksLate: false`. Default `false`.
   */
  rejectOnWorkerLost?: boolean | undefined
  /** Store STARTED when it begins. Default: the app's. */
  trackStarted?: boolean | undefined
  /**
   * Pool that it runs in, whatever pool its worker has: `inline`, `threads` or `processes`. The worker opens it beside
   * its own when the first such task comes. Default: the worker's own.
   */
  pool?: 'inline' | 'threads' | 'processes' | undefined
  /**
   * How many of its runs each worker may begin in a second (`s`), minute or hour, evenly spread: `'100/m'`, `'1000/h'`;
   * a number alone is of a second, `0` is no limit. Its messages that have to wait keep no other task waiting. Default:
   * none.
   */
  rateLimit?: RateLimit | undefined
  /**
   * One run gets a list of calls, each of which ends alone: `{ size: 100, wait: '500ms' }`. Of a task with an input
   * schema. Not with `acksLate: false` or `rateLimit`. Default: each call is a run of its own.
   */
  batch?: BatchOptions | undefined
  /**
   * Lines of `ctx.log`, from this level (`true`: info), are also events of the job. Everyone who may see the job sees
   * them, over HTTP too, with their fields, an error as its class and message. Without it, what a log says is for those
   * who run the worker. Default: `false`.
   */
  exposeLogs?: boolean | LineLevel | undefined
  /**
   * Media type of its result over HTTP, where that is bytes or text: `image/png`, `text/csv`. Default: bytes
   * `application/octet-stream`, text JSON.
   */
  contentType?: string | undefined
  /** One line for people: shown in OpenAPI and lists. Default: none. */
  description?: string | undefined
  /**
   * Values as they are over HTTP, `{ input, progress, result }`, for OpenAPI and the page at `/docs`. Default: those in
   * its schemas.
   */
  example?: TaskExample | undefined
  /**
   * Content types, beside JSON, of bodies that it takes over HTTP: `'image/*'`, `['application/pdf',
   * 'multipart/form-data']`. Default: JSON alone.
   */
  accepts?: string | readonly string[] | undefined
  /**
   * Names of its parameters, in order, for calls by position and by name. Of a positional task: `['x', 'y?',
   * '...rest']`, or an object of schemas that check each argument, `{ x: z.number() }`. Of a task with an input schema:
   * names of its properties. Declared ones are checked: a call with a missing or surplus argument is refused. Default:
   * the names in the function's source; the order of the schema.
   */
  params?: ParamsOption | undefined
  // </TASK_OPTIONS>
}

/** A task's options, parsed once: times in ms, absent where the app's default holds. */
export interface ParsedTaskOptions {
  readonly queue: string | undefined
  readonly priority: number | undefined
  readonly serializer: 'json' | 'msgpack' | undefined
  readonly retry: RetryPolicy
  readonly throws: readonly ErrorClass[]
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  readonly expires: number | undefined
  readonly deadline: number | undefined
  readonly version: number
  readonly upgrade: Upgrade | undefined
  readonly ignoreResult: boolean | undefined
  /** ms; 0: for ever. */
  readonly resultExpires: number | undefined
  readonly acksLate: boolean
  readonly acksOnFailure: boolean
  readonly acksOnTimeout: boolean
  readonly rejectOnWorkerLost: boolean
  readonly trackStarted: boolean | undefined
  readonly pool: TaskPool | undefined
  /** Time between two runs in a worker, ms. */
  readonly rateLimit: number | undefined
  readonly batch: ParsedBatch | undefined
  readonly exposeLogs: LineLevel | undefined
  readonly contentType: string | undefined
  readonly description: string | undefined
  readonly example: TaskExample | undefined
  /** In lower case. */
  readonly accepts: readonly string[]
}

/** What AMQP carries: one octet. */
const MAX_PRIORITY = 255
const TASK_POOLS: readonly TaskPool[] = ['inline', 'threads', 'processes']

export const TASK_OPTIONS: OptionTable<TaskOptions, ParsedTaskOptions> = {
  queue: {
    kind: 'text',
    absent: "the app's routes, then the app's queue",
    doc: 'queue it goes to',
    celery: 'queue',
  },
  priority: {
    kind: 'count',
    min: 0,
    max: MAX_PRIORITY,
    absent: '`0`',
    doc: '0 to 255; on the embedded store the highest is served first',
    celery: 'priority',
  },
  serializer: {
    kind: 'choice',
    values: ['json', 'msgpack'],
    absent: "the app's",
    doc: 'how its arguments are sent',
    celery: 'serializer',
  },
  retry: {
    kind: 'value',
    type: 'number | RetryOptions',
    parse: parseRetry,
    default: 0,
    doc: 'repeats after a failure: a number is the maximum; or [options](reference.md#repeats)',
    more: 'Off unless asked for: a task that may not be repeated safely is not.',
    celery: 'max_retries',
  },
  throws: {
    kind: 'value',
    type: 'readonly ErrorClass[]',
    check: requireErrors,
    default: [],
    absent: 'none',
    doc: 'errors that are expected of it: FAILURE as any other, but logged as info, without a traceback',
    celery: 'throws',
  },
  timeLimit: {
    kind: 'duration',
    absent: "the worker's, then the app's",
    doc: 'stopped by force after this time (threads, processes); abandoned (inline); `0`: no limit',
    more: 'In a thread or process also a loop that never awaits; inline nothing can end a function of the same thread.',
    celery: 'time_limit',
  },
  softTimeLimit: {
    kind: 'duration',
    absent: "the worker's, then the app's",
    doc: '`ctx.signal` aborts with `SoftTimeLimitExceeded` after this time; `0`: no limit',
    celery: 'soft_time_limit',
  },
  expires: {
    kind: 'duration',
    absent: 'never',
    doc: 'not started after this time: REVOKED',
    celery: 'expires',
  },
  deadline: {
    kind: 'duration',
    absent: 'none',
    doc: 'no run begins later than this after the first submission: [over all repeats](reference.md#deadlines)',
    more: 'A run that has begun goes on.',
  },
  version: {
    kind: 'count',
    min: 1,
    default: 1,
    doc: 'version of its input: each message has it, and [older ones are upgraded](how-to/deploy.md#change-a-task)',
  },
  upgrade: {
    kind: 'value',
    type: 'Upgrade',
    check: requireUpgrade,
    absent: 'an older input is taken as it is',
    doc: 'makes an input of today from one of an older version: `(input, from) => input`',
    more: 'Called before the schema. Of a task without an input schema it gets, and returns, the list of positional arguments. May be asynchronous.',
  },
  ignoreResult: {
    kind: 'flag',
    absent: "the app's",
    doc: 'keep no record: neither state nor result',
    celery: 'ignore_result',
  },
  resultExpires: {
    kind: 'duration',
    absent: "the app's",
    doc: 'how long its record is kept after its end; `0`: for ever',
    more: 'With `rpc://` in the memory of the caller, as far as there is room.',
  },
  acksLate: {
    kind: 'flag',
    default: true,
    doc: 'acknowledge when it ends, so that a crash runs it again; `false`: when it starts, so that a crash loses it',
    celery: 'acks_late',
  },
  acksOnFailure: {
    kind: 'flag',
    default: true,
    doc: 'acknowledge its message when it has failed; `false`: reject it, so that RabbitMQ passes it to the dead-letter exchange of its queue',
    more: 'Its record is FAILURE either way. In other stores, and where RabbitMQ has delivered it twice, the message is dropped.',
    celery: 'acks_on_failure',
  },
  acksOnTimeout: {
    kind: 'flag',
    default: true,
    doc: 'FAILURE when the hard time limit has ended it; `false`: back to its queue, so that it runs again, each time up to the limit',
    more: 'As often as it takes: `retry`, which comes first, has a maximum.',
    celery: 'acks_on_timeout',
  },
  rejectOnWorkerLost: {
    kind: 'flag',
    default: false,
    doc: 'if its thread or process dies, it goes back to its queue, which is no retry; `false`: `retry` decides',
    more: 'Up to [three deaths](guarantees.md#lost-workers-and-children). Not with `acksLate: false`.',
    celery: 'reject_on_worker_lost',
  },
  trackStarted: {
    kind: 'flag',
    absent: "the app's",
    doc: 'store STARTED when it begins',
    celery: 'track_started',
  },
  pool: {
    kind: 'choice',
    values: TASK_POOLS,
    absent: "the worker's own",
    doc: '[pool](how-to/choose-a-pool.md#a-pool-for-one-task) that it runs in, whatever pool its worker has: `inline`, `threads` or `processes`',
    more: 'The worker opens it beside its own when the first such task comes.',
  },
  rateLimit: {
    kind: 'value',
    type: 'RateLimit',
    parse: parseRate,
    absent: 'none',
    doc: "how many of its runs each worker may begin in a second (`s`), minute or hour, evenly spread: `'100/m'`, `'1000/h'`; a number alone is of a second, `0` is no limit",
    more: 'Its [messages that have to wait](how-to/choose-a-pool.md#rate-limits) keep no other task waiting.',
    celery: 'rate_limit',
  },
  batch: {
    kind: 'value',
    type: 'BatchOptions',
    parse: parseBatch,
    absent: 'each call is a run of its own',
    doc: "[one run gets a list](how-to/handle-in-batches.md) of calls, each of which ends alone: `{ size: 100, wait: '500ms' }`",
    more: 'Of a task with an input schema. Not with `acksLate: false` or `rateLimit`.',
  },
  exposeLogs: {
    kind: 'value',
    type: 'boolean | LineLevel',
    parse: exposedLevel,
    absent: '`false`',
    doc: 'lines of `ctx.log`, from this level (`true`: info), are also [events](how-to/stream-output.md#lines-of-the-log) of the job',
    more: 'Everyone who may see the job sees them, over HTTP too, with their fields, an error as its class and message. Without it, what a log says is for those who run the worker.',
  },
  contentType: {
    kind: 'value',
    type: 'string',
    parse: contentTypeOf,
    absent: 'bytes `application/octet-stream`, text JSON',
    doc: 'media type of its result over [HTTP](http.md#the-result), where that is bytes or text: `image/png`, `text/csv`',
  },
  description: {
    kind: 'value',
    type: 'string',
    absent: 'none',
    doc: 'one line for people: shown in OpenAPI and lists',
  },
  example: {
    kind: 'value',
    type: 'TaskExample',
    parse: parseExample,
    absent: 'those in its schemas',
    doc: 'values as they are over HTTP, `{ input, progress, result }`, for OpenAPI and the page at `/docs`',
  },
  accepts: {
    kind: 'value',
    type: 'string | readonly string[]',
    parse: parseAccepts,
    default: [],
    absent: 'JSON alone',
    doc: "content types, beside JSON, of [bodies](http.md#the-body-of-a-call) that it takes over HTTP: `'image/*'`, `['application/pdf', 'multipart/form-data']`",
  },
  params: {
    kind: 'value',
    type: 'ParamsOption',
    absent: "the names in the function's source; the order of the schema",
    doc: 'names of its [parameters](reference.md#parameters), in order, for calls by position and by name',
    more: "Of a positional task: `['x', 'y?', '...rest']`, or an object of schemas that check each argument, `{ x: z.number() }`. Of a task with an input schema: names of its properties. Declared ones are checked: a call with a missing or surplus argument is refused.",
  },
}

/** What becomes of the message at the end: not where it was acknowledged at the beginning. */
const NEEDS_LATE_ACK = [
  ['acksOnFailure', false],
  ['acksOnTimeout', false],
  ['rejectOnWorkerLost', true],
] as const

export function isPriority(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_PRIORITY
}

/** Throws ArgumentError. `params` are parsed where the function or the schema of the task is known. */
export function parseTaskOptions({ params: _, ...options }: TaskOptions, task: string): ParsedTaskOptions {
  const parsed = readOptions(TASK_OPTIONS, options, `task ${task}`)
  if (parsed.upgrade !== undefined && parsed.version === 1)
    throw new ArgumentError(`task ${task}: upgrade: expected a version of at least 2 beside it, got 1`)
  if (parsed.batch) requireBatchable(parsed, `task ${task}: batch`)
  const late = parsed.acksLate ? undefined : NEEDS_LATE_ACK.find(([name, value]) => parsed[name] === value)
  if (late === undefined) return parsed
  const [name, value] = late
  throw new ArgumentError(
    `task ${task}: ${name}: ${value} needs acksLate: true, got false: its message is acknowledged when it begins`,
  )
}
