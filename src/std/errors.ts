/**
 * Every error celeriac throws, sorted by what its reader should do about it.
 * Each carries a stable `code`; messages say what was expected and what was got.
 */

import { systemClock } from './clock.ts'
import { pythonClassText, readPythonClass } from './pythonClass.ts'

/** Base of all errors of this package. `code` is stable across versions; the message is for people. */
export class CeleriacError extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** Correct the call: an argument or option has the wrong type or value. Thrown at the call site. */
export class ArgumentError extends TypeError {
  readonly code: string = 'INVALID_ARGUMENT'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** Correct the value: the serializer cannot encode it. The message names the path, as in `args[0].user.socket`. */
export class EncodeError extends ArgumentError {
  override readonly code = 'CANNOT_ENCODE'
}

/**
 * Send less: the broker takes no message of this size. Waiting does not help. A large value belongs in a file or a
 * database, and its address in the message.
 */
export class PayloadTooLargeError extends ArgumentError {
  override readonly code = 'PAYLOAD_TOO_LARGE'
  /** Bytes of the message's body. */
  readonly size: number
  /** The most that the broker takes, where it is known. */
  readonly limit: number | undefined
  constructor(message: string, size: number, limit?: number, options?: ErrorOptions) {
    super(message, options)
    this.size = size
    this.limit = limit
  }
}

/** One thing that a schema found wrong; `path` leads to the value. */
export interface ValidationIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** Correct the input: it does not fit the task's schema. */
export class ValidationError extends ArgumentError {
  override readonly code = 'INVALID_INPUT'
  readonly issues: readonly ValidationIssue[]
  constructor(message: string, issues: readonly ValidationIssue[]) {
    super(message)
    this.issues = issues
  }
}

/** Correct the configuration: an option of the app, worker or command line is unknown or wrong. */
export class ConfigError extends CeleriacError {
  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_CONFIG', message, options)
  }
}

/** Try again later: the broker or backend cannot be reached, or stayed busy for too long. */
export class StoreUnavailableError extends CeleriacError {
  constructor(message: string, options?: ErrorOptions) {
    super('STORE_UNAVAILABLE', message, options)
  }
}

/**
 * Send it later, or less at a time: as much waits in the queue as `maxQueueLength` or `maxQueueBytes` allows. Nothing
 * of the call was sent, and it has no record.
 */
export class QueueFullError extends CeleriacError {
  readonly queue: string
  /** Which bound it is. */
  readonly option: 'maxQueueLength' | 'maxQueueBytes'
  /** How many messages, or bytes of messages, may wait in the queue. */
  readonly limit: number
  /** How many messages, or bytes, were to be sent to it together. */
  readonly count: number
  /** It needs more than the whole queue: to be sent in smaller parts. */
  readonly neverFits: boolean
  constructor(queue: string, limit: number, count = 1, option: QueueFullError['option'] = 'maxQueueLength') {
    const unit = option === 'maxQueueBytes' ? 'bytes' : 'messages'
    const wanted = count === 1 && unit === 'messages' ? 'one message more' : `${count} ${unit} more`
    const neverFits = count > limit
    const hint = neverFits ? ', which never fit: send them in smaller parts' : ': send it again later'
    super('QUEUE_FULL', `queue ${queue}: expected room for ${wanted}, but its ${option} is ${limit}${hint}`)
    this.queue = queue
    this.option = option
    this.limit = limit
    this.count = count
    this.neverFits = neverFits
  }
}

/** What came from outside cannot be read: bad encoding, too deep, or a content type that is not accepted. */
export class DecodeError extends CeleriacError {
  constructor(message: string, options?: ErrorOptions) {
    super('CANNOT_DECODE', message, options)
  }
}

/**
 * A large input or result that is kept in a payload store cannot be had. `code`: `PAYLOAD_MISSING`, it was deleted or
 * has expired; `PAYLOAD_CORRUPT`, it is not what was put; `NO_PAYLOAD_STORE`, this app has no option `payloads`.
 */
export class PayloadError extends CeleriacError {
  constructor(
    code: 'PAYLOAD_MISSING' | 'PAYLOAD_CORRUPT' | 'NO_PAYLOAD_STORE',
    message: string,
    options?: ErrorOptions,
  ) {
    super(code, message, options)
  }
}

/**
 * What a codec has sealed cannot be opened: with the code `NO_KEY` because its key is not here, with `NOT_SEALED`
 * because it is not sealed and has to be, else because it was changed or belongs elsewhere.
 */
export class CodecError extends DecodeError {
  override readonly code: 'CANNOT_OPEN' | 'NO_KEY' | 'NOT_SEALED'
  constructor(message: string, code: CodecError['code'] = 'CANNOT_OPEN', options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The wait ended before the task did. The task goes on. */
export class TimeoutError extends CeleriacError {
  constructor(message: string, options?: ErrorOptions) {
    super('TIMEOUT', message, options)
  }
}

/** No task with this id was ever submitted here, or its record has expired. */
export class UnknownJobError extends CeleriacError {
  /** `hint`: what else may be the reason. */
  constructor(id: string, hint?: string) {
    const message = `no task with id ${id} was submitted here, or its record has expired`
    super('UNKNOWN_JOB', hint === undefined ? message : `${message}; ${hint}`)
  }
}

/** How Python saw the error of a task. */
export interface PythonDetails {
  /** Module of its class. */
  readonly module?: string | undefined
  /** Name of its class, where it is not the error's own `type`. */
  readonly pythonType?: string | undefined
  /** Its arguments. Default: the message alone. */
  readonly args?: readonly unknown[] | undefined
}

/**
 * The task failed: what its worker recorded. A task that does not catch the error of another fails with the same class
 * and arguments, as far as Python sees.
 */
export class TaskError extends CeleriacError {
  readonly taskId: string
  /** Class name of the error in the worker, as `ValueError` or `TypeError`. */
  readonly type: string
  readonly traceback: string | undefined
  /** Module of the class in Python, as `shop.errors`, `builtins`; undefined where the worker stored none. */
  readonly module: string | undefined
  /**
   * The class in Python, as `shop.errors.OutOfStock`; of a RangeError it is `builtins.ValueError`. Undefined without a
   * module.
   */
  readonly pythonClass: string | undefined
  /** All arguments of the error, as plain data; the message alone where it had no others. */
  readonly args: readonly unknown[]
  constructor(
    taskId: string,
    type: string,
    message: string,
    traceback?: string,
    { module, pythonType = type, args = [message], ...options }: ErrorOptions & PythonDetails = {},
  ) {
    super('TASK_FAILED', message, options)
    this.taskId = taskId
    this.type = type
    this.traceback = traceback
    this.module = module
    this.pythonClass = module === undefined ? undefined : pythonClassText({ module, name: pythonType })
    this.args = args
  }
}

/**
 * The task was revoked or had expired before it could run. The message says which: `revoked`, `expired`, `terminated`.
 */
export class TaskRevokedError extends CeleriacError {
  readonly taskId: string
  constructor(taskId: string, message: string) {
    super('TASK_REVOKED', message)
    this.taskId = taskId
  }
}

/** Look at its state: the job does not wait any more, so it cannot be changed. */
export class NotWaitingError extends CeleriacError {
  /** Its state; `UNKNOWN` where it has no record. */
  readonly state: string
  constructor(id: string, state: string) {
    const ended = state === 'SUCCESS' || state === 'FAILURE' || state === 'REVOKED'
    const why = ended ? 'it has ended' : 'a worker has it, or it is not sent yet'
    super('NOT_WAITING', `job ${id} does not wait in its queue: ${why} (${state})`)
    this.state = state
  }
}

/** Use the other job, or wait for its end: it has the key of this call, whose task is `unique` with `'reject'`. */
export class NotUniqueError extends CeleriacError {
  /** Id of the job that has the key. */
  readonly id: string
  /** The key, as the option `unique` made it. */
  readonly key: string
  constructor(task: string, key: string, id: string) {
    super('NOT_UNIQUE', `task ${task}: expected a key that no other job has, got ${JSON.stringify(key)} of job ${id}`)
    this.id = id
    this.key = key
  }
}

/** Send something else: Celery has it, and this version does not carry it out. */
export class NotSupportedError extends CeleriacError {
  constructor(message: string) {
    super('NOT_SUPPORTED', message)
  }
}

/** The message names a task that this worker does not know. Celery's name. */
export class NotRegistered extends CeleriacError {
  constructor(task: string) {
    super('NOT_REGISTERED', task)
  }
}

/** Reason of `ctx.signal` when the soft time limit is over. Celery's name. */
export class SoftTimeLimitExceeded extends CeleriacError {
  constructor(message = 'the soft time limit is over', options?: ErrorOptions) {
    super('SOFT_TIME_LIMIT', message, options)
  }
}

/** The hard time limit was over and the task was stopped. Celery's name. */
export class TimeLimitExceeded extends CeleriacError {
  constructor(message: string) {
    super('TIME_LIMIT', message)
  }
}

/** The thread or process that ran the task died. Celery's name. */
export class WorkerLostError extends CeleriacError {
  constructor(message: string) {
    super('WORKER_LOST', message)
  }
}

/** The error of a run whose message another worker may have. */
export function leaseLost(): WorkerLostError {
  return new WorkerLostError('its lease is over: another worker runs it')
}

/**
 * The arguments of a call do not fit its task: found in the worker, and never repeated. To Python it is a `TypeError`.
 */
export class CallError extends CeleriacError {
  static readonly pythonClass = 'TypeError'
  constructor(message: string, options?: ErrorOptions) {
    super('WRONG_CALL', message, options)
  }
}

/* What a task may throw to steer its own ending. */

/** Fail now: no retry policy applies. */
export class Fatal extends CeleriacError {
  constructor(message: string, options?: ErrorOptions) {
    super('FATAL', message, options)
  }
}

/**
 * Fail with an exception of Python: callers there see this class, if their program has imported it, with these
 * arguments. `pythonClass` is a builtin, `ValueError`, or a class by its module, `shop.errors.OutOfStock`
 * (`shop.errors:Order.Missing` for one inside of another). `args` are plain data; what cannot be sent arrives as its
 * repr. Throws ArgumentError for another name, and for exceptions that end the caller's program.
 *
 * An error class of your own says the same by a static property `pythonClass`, and `args` of its instances.
 */
export class PythonError extends CeleriacError {
  readonly pythonClass: string
  readonly args: readonly unknown[]
  constructor(pythonClass: string, args: readonly unknown[] = [], options?: ErrorOptions) {
    super('PYTHON_ERROR', Array.isArray(args) ? args.map(textOf).join(', ') : '', options)
    const found = readPythonClass(pythonClass)
    if (!found || !Array.isArray(args))
      throw new ArgumentError(
        `PythonError: expected an exception class as 'ValueError' or 'shop.errors.OutOfStock' and a list of arguments, got ${textOf(pythonClass)}`,
      )
    if (new.target === PythonError) this.name = found.name
    this.pythonClass = pythonClass
    this.args = args
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    // A bigint, or a circle.
    return String(value)
  }
}

/** What an error, or its class, may say of how Python sees it. */
export interface PythonNamed {
  /** As of PythonError. */
  readonly pythonClass: string
  /** Default: the message. */
  readonly args?: readonly unknown[] | undefined
}

/**
 * Run again: thrown by `ctx.retry()`. Counts as a retry; beyond the maximum the cause (or this) becomes the failure.
 */
export class Retry extends CeleriacError {
  /** Milliseconds until then; absent: the task's backoff decides. */
  readonly delay: number | undefined
  constructor(message: string, delay?: number, options?: ErrorOptions) {
    super('RETRY', message, options)
    this.delay = delay
  }
}

/** The longest wait that an HTTP response may ask for, ms: a day; then it is asked again. */
const MAX_RETRY_AFTER_MS = 86_400_000

/** Run again after this many milliseconds, as a server asked with `Retry-After`. */
export class RetryAfter extends Retry {
  constructor(delay: number, message: string = `retry after ${delay} ms`, options?: ErrorOptions) {
    super(message, delay, options)
  }
  /**
   * From an HTTP response's `Retry-After` (seconds or a date, RFC 9110 §10.2.3); one second where it has none, a day
   * where it is longer.
   */
  static from(response: { headers: { get(name: string): string | null }; status?: number }): RetryAfter {
    const value = response.headers.get('retry-after')?.trim() ?? ''
    const delay = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - systemClock.now()
    return new RetryAfter(
      Number.isFinite(delay) ? Math.min(Math.max(0, delay), MAX_RETRY_AFTER_MS) : 1000,
      `HTTP ${response.status ?? ''} asked to wait`,
    )
  }
}

/** Run again later, without counting an attempt: thrown by `ctx.snooze()`. */
export class Snooze extends CeleriacError {
  /** Milliseconds until then. */
  readonly delay: number
  constructor(delay: number) {
    super('SNOOZE', `snoozed for ${delay} ms`)
    this.delay = delay
  }
}

/** Store nothing more and acknowledge: the task has dealt with its own state. Celery's name. */
export class Ignore extends CeleriacError {
  constructor(message = 'ignored') {
    super('IGNORE', message)
  }
}

/** Do not acknowledge: give the message back (`requeue`) or drop it. Celery's name. */
export class Reject extends CeleriacError {
  readonly requeue: boolean
  constructor(message = 'rejected', options: { requeue?: boolean | undefined } = {}) {
    super('REJECT', message)
    this.requeue = options.requeue ?? false
  }
}
