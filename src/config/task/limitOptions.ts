import type { BreakerRule, LimitRule, RateRule } from '../../broker/limits.ts'
import { MAX_LIMIT_COUNT, MAX_LIMIT_NAME_BYTES, MAX_LIMITS } from '../../protocol/limits.ts'
import type { Duration } from '../../std/duration.ts'
import { ArgumentError } from '../../std/errors.ts'
import { isRecord } from '../../std/isRecord.ts'
import { type OptionTable, readOptions } from '../../std/optionTable.ts'
import { requireFunction, requireObject, shown } from '../../std/validate.ts'
import { parseRate, type RateLimit } from '../taskValues.ts'

/**
 * Makes the key of a call: of a task with an input schema from its input, of a positional task from its arguments. Text
 * of at most 255 bytes.
 */
// biome-ignore lint/suspicious/noExplicitAny: the arguments of any task
export type KeyFunction = (...args: any[]) => string

/** A rate limit of all workers together. */
export interface RateLimitOptions {
  // <RATE_LIMIT_OPTIONS> written by `npm run docs:api` from the table below
  /** How many of its runs may begin in a second, minute or hour: `'100/m'`, `'5000/h'`. */
  limit: RateLimit
  /** How many may begin at once after a pause; with `1` they are evenly spread. Default `1`. */
  burst?: number | undefined
  /** Each key has the limit for itself. Default: none: one limit for all. */
  key?: KeyFunction | undefined
  // </RATE_LIMIT_OPTIONS>
}

/** How many of its runs there may be at once, over all workers. */
export interface ConcurrencyOptions {
  // <CONCURRENCY_OPTIONS> written by `npm run docs:api` from the table below
  /** How many may run at once. */
  limit: number
  /** Each key has the limit for itself. Default: none: one limit for all. */
  key?: KeyFunction | undefined
  // </CONCURRENCY_OPTIONS>
}

/** Who takes turns. */
export interface FairOptions {
  // <FAIR_OPTIONS> written by `npm run docs:api` from the table below
  /** The keys of one queue take turns, however much waits of each. */
  key: KeyFunction
  // </FAIR_OPTIONS>
}

/** When runs that fail stop the others. */
export interface BreakerOptions {
  // <BREAKER_OPTIONS> written by `npm run docs:api` from the table below
  /** After so many failures it opens. */
  failures: number
  /** Counted over this time. */
  within: Duration
  /** Nothing begins for this time; then one at a time, until a success closes it. */
  pause: Duration
  /** Each key has a breaker of its own. Default: none: one breaker for all. */
  key?: KeyFunction | undefined
  // </BREAKER_OPTIONS>
}

/** A limit that tasks share: `app.limit(name, options)`. */
export interface SharedLimitOptions {
  // <SHARED_LIMIT_OPTIONS> written by `npm run docs:api` from the table below
  /** How many runs that use it may begin in a second, minute or hour: `'5000/h'`. Default: any. */
  rate?: RateLimit | undefined
  /** How many of `rate` may begin at once after a pause. Default `1`. */
  burst?: number | undefined
  /** How much of it may be in use at once. Default: any number. */
  concurrency?: number | undefined
  /** When runs that fail stop the others that use it. Default: none. */
  breaker?: BreakerOptions | undefined
  // </SHARED_LIMIT_OPTIONS>
}

/** A limit that tasks share, or its name. */
export type LimitReference = string | { readonly name: string }

/** Which shared limits a task uses, and how much of each. */
export type UsesOption = LimitReference | readonly LimitReference[] | Readonly<Record<string, number>>

/** Parsed. */
interface Keyed {
  readonly key: KeyFunction | undefined
}
export interface ParsedRateLimit extends RateRule, Keyed {}
export interface ParsedConcurrency extends Keyed {
  readonly limit: number
}
export interface ParsedFair extends Keyed {
  readonly key: KeyFunction
}
export interface ParsedBreaker extends BreakerRule, Keyed {}

const KEY = {
  kind: 'value',
  type: 'KeyFunction',
  check: requireFunction,
} as const

/** A limit that is higher is none. */
export const MAX_CONCURRENCY = 1_000_000

export const RATE_LIMIT_OPTIONS: OptionTable<
  RateLimitOptions,
  { limit: number; burst: number; key: KeyFunction | undefined }
> = {
  limit: {
    kind: 'value',
    type: 'RateLimit',
    parse: requireRate,
    required: true,
    doc: "how many of its runs may begin in a second, minute or hour: `'100/m'`, `'5000/h'`",
  },
  burst: {
    kind: 'count',
    min: 1,
    max: MAX_LIMIT_COUNT,
    default: 1,
    doc: 'how many may begin at once after a pause; with `1` they are evenly spread',
  },
  key: { ...KEY, absent: 'none: one limit for all', doc: 'each key has the limit for itself' },
}

export const CONCURRENCY_OPTIONS: OptionTable<ConcurrencyOptions, ParsedConcurrency> = {
  limit: { kind: 'count', min: 1, max: MAX_CONCURRENCY, required: true, doc: 'how many may run at once' },
  key: { ...KEY, absent: 'none: one limit for all', doc: 'each key has the limit for itself' },
}

export const FAIR_OPTIONS: OptionTable<FairOptions, ParsedFair> = {
  key: { ...KEY, required: true, doc: 'the keys of one queue take turns, however much waits of each' },
}

export const BREAKER_OPTIONS: OptionTable<BreakerOptions, ParsedBreaker> = {
  failures: { kind: 'count', min: 1, max: 1000, required: true, doc: 'after so many failures it opens' },
  within: { kind: 'duration', required: true, check: requirePositive, doc: 'counted over this time' },
  pause: {
    kind: 'duration',
    required: true,
    check: requirePositive,
    doc: 'nothing begins for this time; then one at a time, until a success closes it',
  },
  key: { ...KEY, absent: 'none: one breaker for all', doc: 'each key has a breaker of its own' },
}

export const SHARED_LIMIT_OPTIONS: OptionTable<
  SharedLimitOptions,
  { rate: number | undefined; burst: number; concurrency: number | undefined; breaker: BreakerRule | undefined }
> = {
  rate: {
    kind: 'value',
    type: 'RateLimit',
    parse: requireRate,
    absent: 'any',
    doc: "how many runs that use it may begin in a second, minute or hour: `'5000/h'`",
  },
  burst: {
    kind: 'count',
    min: 1,
    max: MAX_LIMIT_COUNT,
    default: 1,
    doc: 'how many of `rate` may begin at once after a pause',
  },
  concurrency: {
    kind: 'count',
    min: 1,
    max: MAX_CONCURRENCY,
    absent: 'any number',
    doc: 'how much of it may be in use at once',
  },
  breaker: {
    kind: 'value',
    type: 'BreakerOptions',
    parse: parseSharedBreaker,
    absent: 'none',
    doc: 'when runs that fail stop the others that use it',
  },
}

/** Time between two runs, ms. Throws ArgumentError, also for none. */
function requireRate(rate: unknown, where: string): number {
  const interval = parseRate(rate, where)
  if (interval !== undefined) return interval
  throw new ArgumentError(`${where}: expected more than 0 runs, got ${shown(rate)}; to stop them, pause the task`)
}

function requirePositive(ms: number, where: string): void {
  if (ms <= 0) throw new ArgumentError(`${where}: expected more than 0 ms, got ${ms}`)
}

/** The task option `rateLimit`: of each worker (Celery's), or of all together. Throws ArgumentError. */
export function parseRateLimit(
  given: RateLimit | RateLimitOptions,
  where: string,
): number | ParsedRateLimit | undefined {
  if (!isRecord(given)) return parseRate(given, where)
  const { limit, burst, key } = readOptions(RATE_LIMIT_OPTIONS, given as unknown as RateLimitOptions, where)
  return { interval: limit, burst, key }
}

/** A number alone is the limit. Throws ArgumentError. */
export function parseConcurrency(given: number | ConcurrencyOptions, where: string): ParsedConcurrency {
  const options = typeof given === 'number' ? { limit: given } : given
  requireObject(options, where)
  return readOptions(CONCURRENCY_OPTIONS, options, where)
}

/** A function alone is the key. Throws ArgumentError. */
export function parseFair(given: KeyFunction | FairOptions, where: string): ParsedFair {
  const options = typeof given === 'function' ? { key: given } : given
  requireObject(options, where)
  return readOptions(FAIR_OPTIONS, options, where)
}

export function parseBreaker(given: BreakerOptions, where: string): ParsedBreaker {
  requireObject(given, where)
  return readOptions(BREAKER_OPTIONS, given, where)
}

function parseSharedBreaker(given: BreakerOptions, where: string): BreakerRule {
  const { key, ...rule } = parseBreaker(given, where)
  if (key === undefined) return rule
  throw new ArgumentError(`${where}: expected no key, as the limit has none, got ${shown(key)}`)
}

/** How much of each shared limit, by its name. Throws ArgumentError. */
export function parseUses(given: UsesOption, where: string): ReadonlyMap<string, number> {
  const uses = new Map<string, number>()
  for (const [name, count] of usesIn(given)) {
    const wanted = nameOf(name, where)
    if (!Number.isInteger(count) || (count as number) < 1 || (count as number) > MAX_LIMIT_COUNT)
      throw new ArgumentError(
        `${where}: ${wanted}: expected a whole number from 1 to ${MAX_LIMIT_COUNT}, got ${shown(count)}`,
      )
    uses.set(wanted, count as number)
  }
  if (uses.size > MAX_LIMITS / 2)
    throw new ArgumentError(`${where}: expected at most ${MAX_LIMITS / 2} limits, got ${uses.size}`)
  return uses
}

function usesIn(given: UsesOption): (readonly [unknown, unknown])[] {
  if (typeof given === 'string') return [[given, 1]]
  if (Array.isArray(given)) return given.map((one) => [one, 1])
  return isRecord(given) ? Object.entries(given) : [[given, 1]]
}

function nameOf(reference: unknown, where: string): string {
  // What `app.limit` returns is of a class; a record says how much of each.
  const isLimit = typeof reference === 'object' && reference !== null && !isRecord(reference)
  const name = isLimit ? (reference as { name?: unknown }).name : reference
  requireLimitName(name, where)
  return name
}

/** The beginnings of names that tasks and queues have. */
const OWN_NAMES = ['task:', 'queue:']

/** Throws ArgumentError for what cannot name a shared limit. */
export function requireLimitName(name: unknown, where: string): asserts name is string {
  if (typeof name !== 'string' || name === '')
    throw new ArgumentError(`${where}: expected the name of a limit, got ${shown(name)}`)
  const own = OWN_NAMES.find((beginning) => name.startsWith(beginning))
  if (own !== undefined)
    throw new ArgumentError(`${where}: expected a name that does not begin with ${own}, got ${shown(name)}`)
  requireRuleLength(name, where)
}

/** Throws ArgumentError for a name of a rule that is too long. */
export function requireRuleLength(name: string, where: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes > MAX_LIMIT_NAME_BYTES)
    throw new ArgumentError(`${where}: expected at most ${MAX_LIMIT_NAME_BYTES} bytes, got ${bytes}: ${shown(name)}`)
}

/** The rule of a shared limit. Throws ArgumentError. */
export function sharedRule(name: string, given: RateLimit | SharedLimitOptions): LimitRule {
  const where = `limit ${shown(name)}`
  requireLimitName(name, where)
  const options = isRecord(given) ? (given as SharedLimitOptions) : { rate: given as RateLimit }
  const { rate, burst, concurrency, breaker } = readOptions(SHARED_LIMIT_OPTIONS, options, where)
  if (rate === undefined && concurrency === undefined && breaker === undefined)
    throw new ArgumentError(`${where}: expected rate, concurrency or breaker, got none of them`)
  return { name, rate: rate === undefined ? undefined : { interval: rate, burst }, concurrency, breaker }
}
