import type { Duration } from '../std/duration.ts'
import type { LineLevel } from '../std/log.ts'
import type { ErrorClass, RetryOptions } from './retryOptions.ts'
import type { BatchOptions } from './task/batchOptions.ts'
import type {
  BreakerOptions,
  ConcurrencyOptions,
  FairOptions,
  KeyFunction,
  RateLimitOptions,
  UsesOption,
} from './task/limitOptions.ts'
import type { DebounceOptions, ThrottleOptions, UniqueOptions } from './task/onceOptions.ts'
import type { ParamsOption, RateLimit, TaskExample, Upgrade } from './taskValues.ts'

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
   * exchange of its queue. Its record is FAILURE either way. It is also kept as a dead letter. Default `true`.
   */
  acksOnFailure?: boolean | undefined
  /**
   * Keep its message as a dead letter when it has failed for good, its retries used up; not for errors in `throws`.
   * What it rejects, and what cannot be run, is kept in any case. Default: the app's `deadLetters.failed`.
   */
  deadLetter?: boolean | undefined
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
   * `{ limit, key, burst }`: all workers together. A number alone is of a second, `0` is no limit. Its messages that
   * have to wait keep no other task waiting. Default: none.
   */
  rateLimit?: RateLimit | RateLimitOptions | undefined
  /**
   * How many of its runs there may be at once, over all workers: a number, or `{ limit, key }`, for each key. Default:
   * any number.
   */
  concurrency?: number | ConcurrencyOptions | undefined
  /** Limits that it shares with other tasks: `'github'`, a list, or how much of each, `{ db: 2 }`. Default: none. */
  uses?: UsesOption | undefined
  /**
   * The keys of one queue take turns, however much waits of each: `(input) => input.tenant`. Default: first come, first
   * served.
   */
  fair?: KeyFunction | FairOptions | undefined
  /** Stop its runs for a while when many have failed: `{ failures, within, pause }`. Default: none. */
  breaker?: BreakerOptions | undefined
  /** At most one job of a key: `{ key, while, onConflict }`. Default: each call makes a job. */
  unique?: UniqueOptions | undefined
  /** One run after the last of several calls of a key: `{ key, wait, max }`. Default: none. */
  debounce?: DebounceOptions | undefined
  /** One run of a key in a period: `{ key, every, keep }`. Default: none. */
  throttle?: ThrottleOptions | undefined
  /**
   * One run gets a list of calls, each of which ends alone: `{ size: 100, wait: '500ms' }`. Of a task with an input
   * schema. Not with `acksLate: false` or `rateLimit`. Default: each call is a run of its own.
   */
  batch?: BatchOptions | undefined
  /**
   * Paths of its input, as `['card.number']`, whose values no log, event, text of arguments or error shows; messages
   * and records keep them. The first name is that of a parameter, or of a property of the input. Default: none.
   */
  sensitive?: readonly string[] | undefined
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
