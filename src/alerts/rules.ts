import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { fnmatchGlob } from '../std/glob.ts'
import { refuseUnknown, requireText, shown } from '../std/validate.ts'

/** What all rules have. */
interface SharedRule {
  /** Names its alerts: 1 to 255 printable characters, each rule another. */
  readonly name: string
  /** How long it has to hold before an alert is sent. Default `'1m'`. */
  readonly for?: Duration | undefined
  /** How long it has to be over before the recovery is sent. Default: as `for`. */
  readonly recovery?: Duration | undefined
  /** Passed on. Default `warning`. */
  readonly severity?: 'info' | 'warning' | 'critical' | undefined
}

/** More than this share of the runs of a task ended in a failure. */
export interface FailureRateRule extends SharedRule {
  readonly on: 'failure-rate'
  /** 0 to 1. */
  readonly above: number
  /** Names of tasks, with `*` and `?`. Default: all tasks together. */
  readonly task?: string | undefined
  /** Over this time. Default `'5m'`. */
  readonly over?: Duration | undefined
  /** Only where at least so many have ended. Default 10. */
  readonly atLeast?: number | undefined
}

/** A message waits for longer. */
export interface OldestAgeRule extends SharedRule {
  readonly on: 'oldest-age'
  readonly above: Duration
  /** Names of queues, with `*` and `?`. Default: all that are known. */
  readonly queue?: string | undefined
}

/** No event of a worker came for two of its heartbeats, and it did not say that it ends. */
export interface WorkerLostRule extends SharedRule {
  readonly on: 'worker-lost'
  /** Names of workers, with `*` and `?`. Default: all. */
  readonly worker?: string | undefined
}

/** An entry of the schedule is due for longer, and not sent. */
export interface BeatLateRule extends SharedRule {
  readonly on: 'beat-late'
  /** Default `'1m'`. */
  readonly above?: Duration | undefined
  /** Names of entries, with `*` and `?`. Default: all. */
  readonly schedule?: string | undefined
}

/** The circuit breaker of a limit is not closed. */
export interface BreakerOpenRule extends SharedRule {
  readonly on: 'breaker-open'
  /** Names of limits, with `*` and `?`. Default: all. */
  readonly limit?: string | undefined
}

/** More than this share of a bound is used: of queues, results, events, dead letters. */
export interface StoreFullRule extends SharedRule {
  readonly on: 'store-full'
  /** 0 to 1. Default 0.8. */
  readonly above?: number | undefined
}

/** When an alert is sent. Plain data, so that it may also be a JSON file. */
export type AlertRule =
  | FailureRateRule
  | OldestAgeRule
  | WorkerLostRule
  | BeatLateRule
  | BreakerOpenRule
  | StoreFullRule

/** Parsed: times in ms. */
export interface ParsedRule {
  readonly name: string
  readonly on: AlertRule['on']
  readonly for: number
  readonly recovery: number
  readonly severity: 'info' | 'warning' | 'critical'
  /** A share, or ms. */
  readonly above: number
  /** ms; of a failure rate alone. */
  readonly over: number
  readonly atLeast: number
  /** What it is named by, where it is named. */
  readonly pattern: string | undefined
  readonly matches: (name: string) => boolean
}

const SHARED = ['name', 'on', 'for', 'recovery', 'severity']
const SEVERITIES = ['info', 'warning', 'critical'] as const
/** Longest time that is accepted, ms: a day. */
const MAX_TIME_MS = 86_400_000

/** What each kind has beside the shared fields: the field that names, and what `above` is. */
const KINDS: Readonly<
  Record<AlertRule['on'], { readonly named?: string; readonly above?: AboveKind; readonly more?: readonly string[] }>
> = {
  'failure-rate': { named: 'task', above: { kind: 'share' }, more: ['over', 'atLeast'] },
  'oldest-age': { named: 'queue', above: { kind: 'time' } },
  'worker-lost': { named: 'worker' },
  'beat-late': { named: 'schedule', above: { kind: 'time', default: 60_000 } },
  'breaker-open': { named: 'limit' },
  'store-full': { above: { kind: 'share', default: 0.8 } },
}

interface AboveKind {
  readonly kind: 'share' | 'time'
  readonly default?: number
}

/** The rules, parsed. Throws ArgumentError for what cannot be; `where` names the option or file. */
export function parseRules(rules: unknown, where: string): readonly ParsedRule[] {
  if (!Array.isArray(rules)) throw new ArgumentError(`${where}: expected a list of rules, got ${shown(rules)}`)
  const parsed = rules.map((rule, at) => parseRule(rule, `${where}[${at}]`))
  const names = parsed.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw new ArgumentError(`${where}: expected each name once, got ${shown(twice)} twice`)
  return parsed
}

function parseRule(rule: unknown, where: string): ParsedRule {
  if (typeof rule !== 'object' || rule === null)
    throw new ArgumentError(`${where}: expected a rule such as { name, on: 'worker-lost' }, got ${shown(rule)}`)
  const given = rule as Readonly<Record<string, unknown>>
  const { on } = given
  if (typeof on !== 'string' || !Object.hasOwn(KINDS, on))
    throw new ArgumentError(`${where}: on: expected one of ${Object.keys(KINDS).join(', ')}, got ${shown(on)}`)
  const kind = KINDS[on as AlertRule['on']]
  const own = [...(kind.named ? [kind.named] : []), ...(kind.above ? ['above'] : []), ...(kind.more ?? [])]
  refuseUnknown(given, new Set([...SHARED, ...own]), where)
  requireText(given.name, `${where}: name`)
  const pattern = kind.named === undefined ? undefined : given[kind.named]
  if (pattern !== undefined) requireText(pattern, `${where}: ${kind.named}`)
  const glob = pattern === undefined ? undefined : fnmatchGlob(pattern as string)
  const hold = timeOf(given.for ?? '1m', `${where}: for`)
  return {
    name: given.name as string,
    on: on as AlertRule['on'],
    for: hold,
    recovery: given.recovery === undefined ? hold : timeOf(given.recovery, `${where}: recovery`),
    severity: severityOf(given.severity ?? 'warning', `${where}: severity`),
    above: kind.above ? aboveOf(given.above, kind.above, `${where}: above`) : 0,
    over: timeOf(given.over ?? '5m', `${where}: over`),
    atLeast: countOf(given.atLeast ?? 10, `${where}: atLeast`),
    pattern: pattern as string | undefined,
    matches: (name) => glob === undefined || glob.matches(name),
  }
}

function aboveOf(value: unknown, { kind, default: standard }: AboveKind, where: string): number {
  if (value === undefined && standard !== undefined) return standard
  if (kind === 'time') return timeOf(value, where)
  if (typeof value === 'number' && value >= 0 && value < 1) return value
  throw new ArgumentError(`${where}: expected a share from 0 to less than 1, as 0.1, got ${shown(value)}`)
}

function timeOf(value: unknown, where: string): number {
  const time = milliseconds(value as Duration, where)
  if (time <= MAX_TIME_MS) return time
  throw new ArgumentError(`${where}: expected at most a day, got ${shown(value)}`)
}

function countOf(value: unknown, where: string): number {
  if (Number.isInteger(value) && (value as number) >= 1) return value as number
  throw new ArgumentError(`${where}: expected a whole number of at least 1, got ${shown(value)}`)
}

function severityOf(value: unknown, where: string): ParsedRule['severity'] {
  const known = SEVERITIES.find((one) => one === value)
  if (known) return known
  throw new ArgumentError(`${where}: expected one of ${SEVERITIES.join(', ')}, got ${shown(value)}`)
}
