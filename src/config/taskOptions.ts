import type { Note } from '../backend/unitOfWork.ts'
import { assertEncodable } from '../protocol/encoding.ts'
import type { Backoff } from '../std/backoff.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { LINE_LEVELS, type LineLevel } from '../std/log.ts'
import type { Schema } from '../std/schema.ts'
import { refuseUnknown, requireDate, requireText, shown } from '../std/validate.ts'

/** An error class, whatever its constructor takes. */
// biome-ignore lint/suspicious/noExplicitAny: of any arguments.
export type ErrorClass = abstract new (...args: any[]) => Error

/**
 * When and how a failed task runs again. A hard time limit (TimeLimitExceeded) and the death of its thread
 * (WorkerLostError) count as failures. Never repeated: Fatal, arguments that do not fit the task (CallError), and a
 * result that cannot be encoded (EncodeError).
 */
export interface RetryOptions {
  /** How often at most after the first attempt. */
  max: number
  /** Wait before the first repeat. Default 1 s. */
  delay?: Duration | undefined
  /** Longest wait. Default 10 min. */
  maxDelay?: Duration | undefined
  /** Default exponential: the wait doubles each time. */
  backoff?: 'exponential' | 'fixed' | undefined
  /** Default full: a random wait between 0 and the computed one. */
  jitter?: 'full' | 'none' | undefined
  /**
   * Only these error classes are retried. Default: all but SoftTimeLimitExceeded, which is retried where it is named
   * here.
   */
  on?: readonly ErrorClass[] | undefined
  /** These error classes are not. */
  except?: readonly ErrorClass[] | undefined
}

/** Parsed: every value present, times in ms. */
export interface RetryPolicy extends Backoff {
  readonly max: number
  readonly on: readonly ErrorClass[] | undefined
  readonly except: readonly ErrorClass[]
}

/** What a task is and how it runs by default; a call may override it (`CallOptions`). */
export interface TaskOptions {
  /** Queue it goes to. Default: the app's routes, then the app's queue. */
  queue?: string | undefined
  /** 0 (default) to 255; on the embedded store the highest is served first. */
  priority?: number | undefined
  /** How its arguments are sent. Default: the app's. */
  serializer?: 'json' | 'msgpack' | undefined
  /** Repeats after a failure: a number is the maximum. Default 0: a task that may not be repeated safely is not. */
  retry?: number | RetryOptions | undefined
  /** Stopped by force after this time (threads); abandoned (inline). */
  timeLimit?: Duration | undefined
  /** `ctx.signal` aborts with SoftTimeLimitExceeded after this time. */
  softTimeLimit?: Duration | undefined
  /** Not started after this time: REVOKED. */
  expires?: Duration | undefined
  /** Keep no record: neither state nor result. */
  ignoreResult?: boolean | undefined
  /**
   * Acknowledge when it ends (default), so that a crash runs it again; false: when it starts, so that a crash loses it.
   */
  acksLate?: boolean | undefined
  /** Store STARTED when it begins. Default: the app's. */
  trackStarted?: boolean | undefined
  /**
   * Lines of `ctx.log`, from this level (`true`: info), are also events of the job: all who may see the job see them,
   * over HTTP too, with their fields, an error as its class and message. Default false: the log is for those who run
   * the worker.
   */
  exposeLogs?: boolean | LineLevel | undefined
  /**
   * Media type of its result over HTTP, where that is bytes or text: `image/png`, `text/csv`. Default: bytes as
   * `application/octet-stream`, text as JSON.
   */
  contentType?: string | undefined
  /** One line for people: shown in OpenAPI and lists. */
  description?: string | undefined
  /** Values as they are over HTTP, for OpenAPI and the page at `/docs`. Default: those in its schemas. */
  example?: TaskExample | undefined
  /**
   * Content types, beside JSON, of bodies that it takes over HTTP: `'image/*'`, `'application/pdf'`,
   * `'multipart/form-data'`.
   */
  accepts?: string | readonly string[] | undefined
  /**
   * Names of its parameters, in order, for calls by position and by name. Of a positional task: `['x', 'y?',
   * '...rest']`, or an object of schemas that check each argument, `{ x: z.number() }`; default: the names in the
   * function's source. Of a task with an input schema: names of its properties; default: their order in the schema.
   * Declared ones are checked: a call with a missing or surplus argument is refused.
   */
  params?: ParamsOption | undefined
}

/** The option `params`. */
export type ParamsOption = readonly string[] | Readonly<Record<string, Schema>>

/** What a task is given, reports and returns, for people to see. */
export interface TaskExample {
  /** Its input object, or its list of arguments. */
  readonly input?: unknown | undefined
  readonly progress?: unknown | undefined
  readonly result?: unknown | undefined
}

/** Options of one call: they override those of its task; some exist for calls only. */
export interface CallOptions {
  /** Not before this much time from now. */
  countdown?: Duration | undefined
  /** Not before this moment. */
  eta?: Date | undefined
  /** Not started after this moment, or this much time from now: REVOKED. */
  expires?: Date | Duration | undefined
  /** 0 to 255. Default: the task's. */
  priority?: number | undefined
  /** Queue it goes to. Default: the task's. */
  queue?: string | undefined
  /** The id, 1 to 255 characters; default a new UUID. */
  taskId?: string | undefined
  /** Keyword arguments beside a list of positional ones. */
  kwargs?: Readonly<Record<string, unknown>> | undefined
  /** Custom headers, plain data: `ctx.headers` in the task. */
  headers?: Record<string, unknown> | undefined
  /**
   * Repeats after a failure, in place of the task's; which errors are repeated, only the task defines. Default: the
   * task's.
   */
  retry?: number | Omit<RetryOptions, 'on' | 'except'> | undefined
  /** Stopped by force after this time (threads); abandoned (inline). Default: the task's. */
  timeLimit?: Duration | undefined
  /** `ctx.signal` aborts with SoftTimeLimitExceeded after this time. Default: the task's. */
  softTimeLimit?: Duration | undefined
  /** Keep no record: neither state nor result. Default: the task's. */
  ignoreResult?: boolean | undefined
  /** How its arguments are sent. Default: the task's. */
  serializer?: 'json' | 'msgpack' | undefined
  /**
   * A second call with the same key (per task) within the result lifetime sends nothing and returns the first call's
   * handle.
   */
  idempotencyKey?: string | undefined
  /** Words to find it by, at most 20, each of 1 to 100 printable characters. Nothing on `rpc:`. */
  tags?: readonly string[] | undefined
  /** Whose it is: over HTTP with `authorize` only this identity sees it, and admins. */
  owner?: string | undefined
  /** Keep the input with the record, for a later retry over HTTP. Default false. */
  keepInput?: boolean | undefined
  /**
   * Send only if no note of this key is in the store, and leave this one, in one write where broker and backend are one
   * store. Not on `rpc:`.
   */
  note?: Note | undefined
  /**
   * URL that is notified when the job has ended, in any final state: a signed CloudEvent. Needs the app's option
   * `webhooks`.
   */
  webhook?: string | undefined
}

const TASK_OPTIONS = new Set([
  'queue',
  'priority',
  'serializer',
  'retry',
  'timeLimit',
  'softTimeLimit',
  'expires',
  'ignoreResult',
  'acksLate',
  'trackStarted',
  'exposeLogs',
  'contentType',
  'description',
  'example',
  'accepts',
  'params',
])
const CALL_OPTIONS = new Set([
  'countdown',
  'eta',
  'expires',
  'priority',
  'queue',
  'taskId',
  'kwargs',
  'headers',
  'retry',
  'timeLimit',
  'softTimeLimit',
  'ignoreResult',
  'serializer',
  'idempotencyKey',
  'tags',
  'owner',
  'keepInput',
  'note',
  'webhook',
])
const RETRY_OPTIONS = new Set(['max', 'delay', 'maxDelay', 'backoff', 'jitter', 'on', 'except'])

/** A task's options, parsed once: times in ms, absent where the app's default holds. */
export interface ParsedTaskOptions {
  readonly queue: string | undefined
  readonly priority: number | undefined
  readonly serializer: 'json' | 'msgpack' | undefined
  readonly retry: RetryPolicy
  readonly timeLimit: number | undefined
  readonly softTimeLimit: number | undefined
  readonly expires: number | undefined
  readonly ignoreResult: boolean | undefined
  readonly acksLate: boolean
  readonly trackStarted: boolean | undefined
  readonly exposeLogs: LineLevel | undefined
  readonly contentType: string | undefined
  readonly description: string | undefined
  readonly example: TaskExample | undefined
  /** In lower case. */
  readonly accepts: readonly string[]
}

export function parseTaskOptions(options: TaskOptions, task: string): ParsedTaskOptions {
  const where = `task ${task}`
  refuseUnknown(options, TASK_OPTIONS, where)
  checkCommon(options, where)
  return {
    queue: options.queue,
    priority: options.priority,
    serializer: options.serializer,
    retry: parseRetry(options.retry ?? 0, where),
    timeLimit: optional(options.timeLimit, `${where}: timeLimit`),
    softTimeLimit: optional(options.softTimeLimit, `${where}: softTimeLimit`),
    expires: optional(options.expires, `${where}: expires`),
    ignoreResult: options.ignoreResult,
    acksLate: options.acksLate ?? true,
    trackStarted: options.trackStarted,
    exposeLogs: exposedLevel(options.exposeLogs, where),
    contentType: contentTypeOf(options.contentType, where),
    description: options.description,
    example: parseExample(options.example, where),
    accepts: parseAccepts(options.accepts, where),
  }
}

function exposedLevel(level: TaskOptions['exposeLogs'], where: string): ParsedTaskOptions['exposeLogs'] {
  if (level === undefined || level === false) return undefined
  if (level === true) return 'info'
  if (LINE_LEVELS.includes(level)) return level
  throw new ArgumentError(
    `${where}: exposeLogs: expected true, false or a level from debug to error, got ${shown(level)}`,
  )
}

function parseExample(example: TaskExample | undefined, where: string): TaskExample | undefined {
  if (example === undefined) return undefined
  refuseUnknown(example, new Set(['input', 'progress', 'result']), `${where}: example`)
  assertEncodable(example, 'example', 'json')
  return example
}

/** Throws ArgumentError for options that a call may not have. */
export function checkCallOptions(options: CallOptions, task: string): void {
  const where = `task ${task}`
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`${where}: expected an object of options, got ${String(options)}`)
  refuseUnknown(options, CALL_OPTIONS, where)
  checkCommon(options, where)
  const { taskId, eta, countdown, headers, idempotencyKey } = options
  if (taskId !== undefined) requireText(taskId, `${where}: taskId`)
  if (idempotencyKey !== undefined) requireText(idempotencyKey, `${where}: idempotencyKey`)
  if (taskId !== undefined && idempotencyKey !== undefined)
    throw new ArgumentError(`${where}: taskId and idempotencyKey exclude each other`)
  if (eta !== undefined && countdown !== undefined)
    throw new ArgumentError(`${where}: eta and countdown exclude each other`)
  if (eta !== undefined) requireDate(eta, `${where}: eta`)
  if (options.owner !== undefined) requireText(options.owner, `${where}: owner`)
  if (options.tags !== undefined) requireTags(options.tags, where)
  if (options.note !== undefined) requireNote(options.note, where)
  if (options.kwargs !== undefined && !isRecord(options.kwargs))
    throw new ArgumentError(`${where}: kwargs: expected an object, got ${shown(options.kwargs)}`)
  if (headers !== undefined && (typeof headers !== 'object' || headers === null || Array.isArray(headers))) {
    throw new ArgumentError(`${where}: headers: expected an object, got ${shown(headers)}`)
  }
  // A Map, for example, has no own keys: its entries would be lost without an error.
  assertEncodable(headers, 'headers', 'json')
}

/** Most tags of one job, and the longest tag. */
export const MAX_TAGS = 20
export const MAX_TAG_LENGTH = 100

function requireTags(tags: unknown, where: string): void {
  if (!Array.isArray(tags) || tags.length > MAX_TAGS)
    throw new ArgumentError(`${where}: tags: expected an array of at most ${MAX_TAGS}, got ${shown(tags)}`)
  for (const tag of tags) {
    requireText(tag, `${where}: tags`)
    if (tag.length > MAX_TAG_LENGTH)
      throw new ArgumentError(`${where}: tags: expected at most ${MAX_TAG_LENGTH} characters, got ${tag.length}`)
  }
}

function requireNote(note: unknown, where: string): void {
  const { key, value, expires } = (note ?? {}) as Partial<Note>
  requireText(key, `${where}: note: key`)
  if (typeof value !== 'string' || !Number.isSafeInteger(expires))
    throw new ArgumentError(`${where}: note: expected { key, value, expires } of text and ms since the epoch`)
}

/** Ranges of media types: `type/subtype`, or `type/*`. */
function parseAccepts(accepts: string | readonly string[] | undefined, where: string): readonly string[] {
  if (accepts === undefined) return []
  const types = typeof accepts === 'string' ? [accepts] : accepts
  if (Array.isArray(types) && types.every((type) => /^[\w!#$&^.+-]+\/(?:\*|[\w!#$&^.+-]+)$/.test(type)))
    return types.map((type) => type.toLowerCase())
  throw new ArgumentError(`${where}: accepts: expected media types such as 'image/*', got ${shown(accepts)}`)
}

/** What AMQP carries: one octet. */
export function isPriority(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 255
}

function checkCommon(options: TaskOptions | CallOptions, where: string): void {
  const { priority, queue, serializer } = options
  if (priority !== undefined && !isPriority(priority)) {
    throw new ArgumentError(`${where}: priority: expected a whole number from 0 to 255, got ${shown(priority)}`)
  }
  if (queue !== undefined) requireText(queue, `${where}: queue`)
  if (serializer !== undefined && serializer !== 'json' && serializer !== 'msgpack') {
    throw new ArgumentError(`${where}: serializer: expected 'json' or 'msgpack', got ${shown(serializer)}`)
  }
}

export function parseRetry(retry: number | RetryOptions, where: string): RetryPolicy {
  const options: RetryOptions = typeof retry === 'number' ? { max: retry } : retry
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`${where}: retry: expected a number or options such as { max: 3 }, got ${shown(retry)}`)
  refuseUnknown(options, RETRY_OPTIONS, `${where}: retry`)
  if (!Number.isInteger(options.max) || options.max < 0) {
    throw new ArgumentError(`${where}: retry: expected a whole number >= 0 as max, got ${shown(options.max)}`)
  }
  return {
    max: options.max,
    kind: oneOf(options.backoff ?? 'exponential', ['exponential', 'fixed'], `${where}: retry.backoff`),
    delay: milliseconds(options.delay ?? 1000, `${where}: retry.delay`),
    maxDelay: milliseconds(options.maxDelay ?? 600_000, `${where}: retry.maxDelay`),
    jitter: oneOf(options.jitter ?? 'full', ['full', 'none'], `${where}: retry.jitter`),
    on: options.on,
    except: options.except ?? [],
  }
}

/** `type/subtype`, with parameters. */
function contentTypeOf(type: unknown, where: string): string | undefined {
  if (type === undefined) return undefined
  if (
    typeof type === 'string' &&
    /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; *[\w-]+=(?:[\w.+-]+|"[^"\\\p{Cc}]*"))*$/u.test(type)
  )
    return type
  throw new ArgumentError(`${where}: contentType: expected a media type such as 'image/png', got ${shown(type)}`)
}

function oneOf<Value extends string>(value: Value, known: readonly Value[], where: string): Value {
  if (!known.includes(value)) throw new ArgumentError(`${where}: expected ${known.join(' or ')}, got ${shown(value)}`)
  return value
}

function optional(value: Duration | undefined, where: string): number | undefined {
  return value === undefined ? undefined : milliseconds(value, where)
}
