import { ArgumentError } from '../../std/errors.ts'
import { type OptionTable, readOptions } from '../../std/optionTable.ts'
import type { ParsedTaskOptions } from '../parsedTaskOptions.ts'
import { parseRetry } from '../retryOptions.ts'
import type { TaskOptions } from '../taskOptions.ts'
import {
  contentTypeOf,
  exposedLevel,
  parseAccepts,
  parseExample,
  parseSensitive,
  requireErrors,
  requireUpgrade,
  type TaskPool,
} from '../taskValues.ts'
import { parseBatch, requireBatchable } from './batchOptions.ts'
import { parseBreaker, parseConcurrency, parseFair, parseRateLimit, parseUses } from './limitOptions.ts'
import { limitPlan } from './limitPlan.ts'
import { checkRules, parseDebounce, parseThrottle, parseUnique } from './onceOptions.ts'

/** What AMQP carries: one octet. */
const MAX_PRIORITY = 255
const TASK_POOLS: readonly TaskPool[] = ['inline', 'threads', 'processes']

export const TASK_OPTIONS: OptionTable<TaskOptions, Omit<ParsedTaskOptions, 'limits'>> = {
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
    more: 'Its record is FAILURE either way. It is also kept as a [dead letter](how-to/after-an-outage.md).',
    celery: 'acks_on_failure',
  },
  deadLetter: {
    kind: 'flag',
    absent: "the app's `deadLetters.failed`",
    doc: 'keep its message as a [dead letter](how-to/after-an-outage.md) when it has failed for good, its retries used up; not for errors in `throws`',
    more: 'What it rejects, and what cannot be run, is kept in any case.',
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
    type: 'RateLimit | RateLimitOptions',
    parse: parseRateLimit,
    absent: 'none',
    doc: "how many of its runs each worker may begin in a second (`s`), minute or hour, evenly spread: `'100/m'`, `'1000/h'`; `{ limit, key, burst }`: [all workers together](how-to/limit-what-runs.md#how-often)",
    more: 'A number alone is of a second, `0` is no limit. Its [messages that have to wait](how-to/choose-a-pool.md#rate-limits) keep no other task waiting.',
    celery: 'rate_limit',
  },
  concurrency: {
    kind: 'value',
    type: 'number | ConcurrencyOptions',
    parse: parseConcurrency,
    absent: 'any number',
    doc: 'how many of its runs there may be at once, over all workers: a number, or `{ limit, key }`, [for each key](how-to/limit-what-runs.md#how-many-at-once)',
  },
  uses: {
    kind: 'value',
    type: 'UsesOption',
    parse: parseUses,
    absent: 'none',
    doc: "limits that it [shares with other tasks](how-to/limit-what-runs.md#share-a-limit): `'github'`, a list, or how much of each, `{ db: 2 }`",
  },
  fair: {
    kind: 'value',
    type: 'KeyFunction | FairOptions',
    parse: parseFair,
    absent: 'first come, first served',
    doc: 'the keys of one queue [take turns](how-to/be-fair-to-tenants.md), however much waits of each: `(input) => input.tenant`',
  },
  breaker: {
    kind: 'value',
    type: 'BreakerOptions',
    parse: parseBreaker,
    absent: 'none',
    doc: '[stop its runs](how-to/limit-what-runs.md#stop-after-failures) for a while when many have failed: `{ failures, within, pause }`',
  },
  unique: {
    kind: 'value',
    type: 'UniqueOptions',
    parse: parseUnique,
    absent: 'each call makes a job',
    doc: '[at most one job of a key](how-to/run-it-once.md): `{ key, while, onConflict }`',
  },
  debounce: {
    kind: 'value',
    type: 'DebounceOptions',
    parse: parseDebounce,
    absent: 'none',
    doc: '[one run after the last of several calls](how-to/run-it-once.md#debounce) of a key: `{ key, wait, max }`',
  },
  throttle: {
    kind: 'value',
    type: 'ThrottleOptions',
    parse: parseThrottle,
    absent: 'none',
    doc: '[one run of a key in a period](how-to/run-it-once.md#throttle): `{ key, every, keep }`',
  },
  batch: {
    kind: 'value',
    type: 'BatchOptions',
    parse: parseBatch,
    absent: 'each call is a run of its own',
    doc: "[one run gets a list](how-to/handle-in-batches.md) of calls, each of which ends alone: `{ size: 100, wait: '500ms' }`",
    more: 'Of a task with an input schema. Not with `acksLate: false` or `rateLimit`.',
  },
  sensitive: {
    kind: 'value',
    type: 'readonly string[]',
    parse: parseSensitive,
    absent: 'none',
    doc: "paths of its input, as `['card.number']`, whose values [no log, event, text of arguments or error](how-to/encrypt-payloads.md#without-a-codec) shows; messages and records keep them",
    more: 'The first name is that of a parameter, or of a property of the input.',
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

/** What is counted until the message is acknowledged: these, too. */
const COUNTED = ['concurrency', 'uses', 'breaker'] as const

export function isPriority(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_PRIORITY
}

/** Throws ArgumentError. `params` are parsed where the function or the schema of the task is known. */
export function parseTaskOptions({ params: _, ...options }: TaskOptions, task: string): ParsedTaskOptions {
  const read = readOptions(TASK_OPTIONS, options, `task ${task}`)
  const parsed = { ...read, limits: limitPlan(task, read) }
  if (parsed.upgrade !== undefined && parsed.version === 1)
    throw new ArgumentError(`task ${task}: upgrade: expected a version of at least 2 beside it, got 1`)
  checkRules(parsed, parsed.ignoreResult, `task ${task}`)
  if (parsed.batch) requireBatchable(parsed, `task ${task}: batch`)
  const counted = parsed.acksLate ? undefined : COUNTED.find((name) => parsed[name] !== undefined)
  if (counted !== undefined)
    throw new ArgumentError(
      `task ${task}: ${counted} needs acksLate: true, got false: what a run takes returns when its message is acknowledged`,
    )
  const late = parsed.acksLate ? undefined : NEEDS_LATE_ACK.find(([name, value]) => parsed[name] === value)
  if (late === undefined) return parsed
  const [name, value] = late
  throw new ArgumentError(
    `task ${task}: ${name}: ${value} needs acksLate: true, got false: its message is acknowledged when it begins`,
  )
}

/** The rate limit of each worker: time between two runs, ms; undefined: none. */
export function workerRate({ rateLimit }: Pick<ParsedTaskOptions, 'rateLimit'>): number | undefined {
  return typeof rateLimit === 'number' ? rateLimit : undefined
}
