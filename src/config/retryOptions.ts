import type { Backoff } from '../std/backoff.ts'
import type { Duration } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { shown } from '../std/validate.ts'

/** An error class, whatever its constructor takes. */
// biome-ignore lint/suspicious/noExplicitAny: of any arguments.
export type ErrorClass = abstract new (...args: any[]) => Error

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
  /** `exponential`: the wait doubles each time; `fixed`: it stays. Default `'exponential'`. */
  backoff?: 'exponential' | 'fixed' | undefined
  /** `full`: a random wait between 0 and the computed one; `none`: the computed one. Default `'full'`. */
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
}

/** A policy by the names of the options. */
interface RetryValues extends Omit<RetryPolicy, 'kind'> {
  readonly backoff: Backoff['kind']
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
    kind: 'choice',
    values: ['exponential', 'fixed'],
    expected: 'exponential or fixed',
    default: 'exponential',
    doc: '`exponential`: the wait doubles each time; `fixed`: it stays',
    celery: 'retry_backoff',
  },
  jitter: {
    kind: 'choice',
    values: ['full', 'none'],
    expected: 'full or none',
    default: 'full',
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
  const { backoff: kind, ...policy } = readOptions(RETRY_OPTIONS, options, where, `${where}.`)
  if (Number.isInteger(policy.max) && policy.max >= 0) return { kind, ...policy }
  throw new ArgumentError(`${where}: expected a whole number >= 0 as max, got ${shown(policy.max)}`)
}
