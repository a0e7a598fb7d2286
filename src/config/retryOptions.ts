import type { Backoff } from '../std/backoff.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { shown } from '../std/validate.ts'

/** An error class, whatever its constructor takes. */
// biome-ignore lint/suspicious/noExplicitAny: of any arguments.
export type ErrorClass = abstract new (...args: any[]) => Error

/**
 * The wait before the next attempt, from the number of the attempt that failed (1 at first) and its error. Where it
 * throws or returns no duration, the wait is that of `'exponential'`, and the log says why.
 */
export type BackoffFunction = (attempt: number, error: unknown) => Duration

/** The option `backoff`. */
export type BackoffOption = 'exponential' | 'fixed' | readonly Duration[] | BackoffFunction

/** Repeats of one call: what crosses to its worker. */
export type CallRetryOptions = Omit<RetryOptions, 'on' | 'except' | 'backoff'> & {
  backoff?: Exclude<BackoffOption, BackoffFunction> | undefined
}

/**
 * When and how a failed task runs again. A hard time limit (TimeLimitExceeded) and the death of its thread
 * (WorkerLostError) count as failures. Never repeated: Fatal, arguments that do not fit the task (CallError), and a
 * result that cannot be encoded (EncodeError).
 */
export interface RetryOptions {
  // <RETRY_OPTIONS> written by `npm run docs:api` from the table below
  /** How often at most after the first attempt. */
  max: number
  /** Wait before the first repeat. Default `'1s'`. */
  delay?: Duration | undefined
  /** Longest wait. Default `'10m'`. */
  maxDelay?: Duration | undefined
  /**
   * `'exponential'`: the wait doubles each time; `'fixed'`: it stays. Or a list, as `['1s', '10s', '5m']`: the wait
   * before each repeat, the last one also before those that follow. Or, of a task, a function `(attempt, error) =>
   * duration`; where it throws or returns no duration, the wait is that of `'exponential'`, and the log says why. With
   * a list or a function there is no `delay` and no `maxDelay`. Default `'exponential'`.
   */
  backoff?: BackoffOption | undefined
  /**
   * `full`: a random wait between 0 and the computed one; `none`: the computed one. Default: `'full'`; with a list or a
   * function `'none'`.
   */
  jitter?: 'full' | 'none' | undefined
  /**
   * Only these error classes are retried. `SoftTimeLimitExceeded` is retried where it is named here. Default: all but
   * `SoftTimeLimitExceeded`.
   */
  on?: readonly ErrorClass[] | undefined
  /** These error classes are not. Default: none. */
  except?: readonly ErrorClass[] | undefined
  // </RETRY_OPTIONS>
}

/** Parsed: every value present, times in ms. */
export interface RetryPolicy extends Backoff {
  readonly max: number
  readonly on: readonly ErrorClass[] | undefined
  readonly except: readonly ErrorClass[]
  /** Asked first, where there is one. */
  readonly backoff: BackoffFunction | undefined
}

/** Each option parsed by itself. */
interface RetryValues extends Omit<RetryPolicy, 'kind' | 'delays' | 'backoff' | 'jitter'> {
  readonly backoff: Backoff['kind'] | readonly number[] | BackoffFunction
  readonly jitter: Backoff['jitter'] | undefined
}

export const RETRY_OPTIONS: OptionTable<RetryOptions, RetryValues> = {
  max: {
    kind: 'value',
    type: 'number',
    required: true,
    doc: 'how often at most after the first attempt',
    celery: 'max_retries',
  },
  delay: {
    kind: 'duration',
    default: '1s',
    doc: 'wait before the first repeat',
    celery: 'default_retry_delay',
  },
  maxDelay: {
    kind: 'duration',
    default: '10m',
    doc: 'longest wait',
    celery: 'retry_backoff_max',
  },
  backoff: {
    kind: 'value',
    type: 'BackoffOption',
    parse: parseBackoff,
    default: 'exponential',
    doc: "`'exponential'`: the wait doubles each time; `'fixed'`: it stays",
    more: "Or a list, as `['1s', '10s', '5m']`: the wait before each repeat, the last one also before those that follow. Or, of a task, a function `(attempt, error) => duration`; where it throws or returns no duration, the wait is that of `'exponential'`, and the log says why. With a list or a function there is no `delay` and no `maxDelay`.",
    celery: 'retry_backoff',
  },
  jitter: {
    kind: 'choice',
    values: ['full', 'none'],
    expected: 'full or none',
    absent: "`'full'`; with a list or a function `'none'`",
    doc: '`full`: a random wait between 0 and the computed one; `none`: the computed one',
    celery: 'retry_jitter',
  },
  on: {
    kind: 'value',
    type: 'readonly ErrorClass[]',
    absent: 'all but `SoftTimeLimitExceeded`',
    doc: 'only these error classes are retried',
    more: '`SoftTimeLimitExceeded` is retried where it is named here.',
    celery: 'autoretry_for',
  },
  except: {
    kind: 'value',
    type: 'readonly ErrorClass[]',
    default: [],
    absent: 'none',
    doc: 'these error classes are not',
    celery: 'dont_autoretry_for',
  },
}

/** A policy from a number, the maximum, or from options. `where` names it in an error. Throws ArgumentError. */
export function parseRetry(retry: number | RetryOptions, where: string): RetryPolicy {
  const options: RetryOptions = typeof retry === 'number' ? { max: retry } : retry
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`${where}: expected a number or options such as { max: 3 }, got ${shown(retry)}`)
  const { backoff, jitter, ...policy } = readOptions(RETRY_OPTIONS, options, where, `${where}.`)
  if (!Number.isInteger(policy.max) || policy.max < 0)
    throw new ArgumentError(`${where}: expected a whole number >= 0 as max, got ${shown(policy.max)}`)
  if (typeof backoff === 'string') return { kind: backoff, jitter: jitter ?? 'full', backoff: undefined, ...policy }
  for (const name of ['delay', 'maxDelay'] as const)
    if (options[name] !== undefined)
      throw new ArgumentError(`${where}: ${name} and a backoff that is a list or a function exclude each other`)
  // Known by the same kind to workers that do not know lists.
  const own = typeof backoff === 'function' ? { backoff } : { backoff: undefined, delays: backoff }
  return { kind: 'exponential', jitter: jitter ?? 'none', ...own, ...policy }
}

/** The same for a call. Throws ArgumentError for a function too: it cannot be sent. */
export function parseCallRetry(retry: number | CallRetryOptions, where: string): RetryPolicy {
  const policy = parseRetry(retry, where)
  if (policy.backoff === undefined) return policy
  throw new ArgumentError(`${where}.backoff: expected exponential, fixed or a list: a call cannot send a function`)
}

function parseBackoff(backoff: BackoffOption, where: string): RetryValues['backoff'] {
  if (backoff === 'exponential' || backoff === 'fixed' || typeof backoff === 'function') return backoff
  if (Array.isArray(backoff) && backoff.length > 0)
    return backoff.map((delay, index) => milliseconds(delay, `${where}[${index}]`))
  throw new ArgumentError(
    `${where}: expected exponential or fixed, a list of durations that is not empty, or a function, got ${shown(backoff)}`,
  )
}
