import { type Duration, optionMilliseconds } from '../../std/duration.ts'
import { ArgumentError } from '../../std/errors.ts'
import { type OptionTable, readOptions } from '../../std/optionTable.ts'
import { requireObject, shown } from '../../std/validate.ts'

/*
 * The options of a task by which several calls make one run: `unique`, `debounce` and `throttle`. Calls belong together
 * by a key.
 */

/**
 * A key: a function of the input object, or of the positional arguments, that returns text of 1 to 255 bytes (UTF-8);
 * or a text, the same for all calls.
 */
// biome-ignore lint/suspicious/noExplicitAny: of any arguments.
export type KeyOption<Args extends readonly unknown[] = any[]> = string | ((...args: Args) => string)

/** At most one job of a key. */
// biome-ignore lint/suspicious/noExplicitAny: of any arguments.
export interface UniqueOptions<Args extends readonly unknown[] = any[]> {
  // <UNIQUE_OPTIONS> written by `npm run docs:api` from the table below
  /**
   * Function of the input, or of the positional arguments, that returns the key; or a text, the same for all calls.
   * Default: all arguments.
   */
  key?: KeyOption<Args> | undefined
  /**
   * How long a job has its key: `'queued'`: until a run begins; `'running'`: until it is final, or its worker is lost;
   * `'until-done'`: until it is final; or a time from its submission.
   */
  while: UniqueWhile
  /**
   * What a call gets meanwhile: `'return'`: the handle of that job; `'replace'`: the same, and that job gets the new
   * input while it waits; `'reject'`: `NotUniqueError`. Default `'return'`.
   */
  onConflict?: 'return' | 'replace' | 'reject' | undefined
  // </UNIQUE_OPTIONS>
}

/** One run after the last of several calls of a key. */
// biome-ignore lint/suspicious/noExplicitAny: of any arguments.
export interface DebounceOptions<Args extends readonly unknown[] = any[]> {
  // <DEBOUNCE_OPTIONS> written by `npm run docs:api` from the table below
  /** As of `unique`. */
  key: KeyOption<Args>
  /** Time from the last call to the run, which has the input of that call. */
  wait: Duration
  /** Most time from the first call to the run. Default: none. */
  max?: Duration | undefined
  // </DEBOUNCE_OPTIONS>
}

/** One run of a key in a period. */
// biome-ignore lint/suspicious/noExplicitAny: of any arguments.
export interface ThrottleOptions<Args extends readonly unknown[] = any[]> {
  // <THROTTLE_OPTIONS> written by `npm run docs:api` from the table below
  /** As of `unique`. */
  key: KeyOption<Args>
  /** The period, which begins with a job. */
  every: Duration
  /**
   * What becomes of further calls in a period: `'first'`: they get the handle of its job; `'last'`: they make one job
   * at its end, with the input of the last call. Default `'first'`.
   */
  keep?: 'first' | 'last' | undefined
  // </THROTTLE_OPTIONS>
}

/** How long a job has its key; or so long from its submission. */
export type UniqueWhile = 'queued' | 'running' | 'until-done' | Duration

/** `unique`, parsed; a time in ms. */
export interface UniqueRule {
  readonly option: 'unique'
  readonly key: KeyOption | undefined
  readonly while: 'queued' | 'running' | 'until-done' | number
  readonly onConflict: 'return' | 'replace' | 'reject'
}

/** `debounce`, parsed; times in ms. */
export interface DebounceRule {
  readonly option: 'debounce'
  readonly key: KeyOption
  readonly wait: number
  readonly max: number | undefined
}

/** `throttle`, parsed; times in ms. */
export interface ThrottleRule {
  readonly option: 'throttle'
  readonly key: KeyOption
  readonly every: number
  readonly keep: 'first' | 'last'
}

/** What becomes of a call whose key another job has. */
export type OnceRule = UniqueRule | DebounceRule | ThrottleRule

/** The rules of a task, at most one of which is there. */
export interface OnceRules {
  readonly unique: UniqueRule | undefined
  readonly debounce: DebounceRule | undefined
  readonly throttle: ThrottleRule | undefined
}

const PHASES: readonly unknown[] = ['queued', 'running', 'until-done']

export const UNIQUE_OPTIONS: OptionTable<UniqueOptions, Omit<UniqueRule, 'option'>> = {
  key: {
    kind: 'value',
    type: 'KeyOption<Args>',
    check: requireKey,
    absent: 'all arguments',
    doc: 'function of the input, or of the positional arguments, that returns the key; or a text, the same for all calls',
  },
  while: {
    kind: 'value',
    type: 'UniqueWhile',
    required: true,
    parse: parseWhile,
    doc: "how long a job has its key: `'queued'`: until a run begins; `'running'`: until it is final, or its worker is lost; `'until-done'`: until it is final; or a time from its submission",
  },
  onConflict: {
    kind: 'choice',
    values: ['return', 'replace', 'reject'],
    default: 'return',
    doc: "what a call gets meanwhile: `'return'`: the handle of that job; `'replace'`: the same, and that job gets the new input while it waits; `'reject'`: `NotUniqueError`",
  },
}

export const DEBOUNCE_OPTIONS: OptionTable<DebounceOptions, Omit<DebounceRule, 'option'>> = {
  key: {
    kind: 'value',
    type: 'KeyOption<Args>',
    required: true,
    check: requireKey,
    doc: 'as of `unique`',
  },
  wait: {
    kind: 'duration',
    required: true,
    check: requireTime,
    doc: 'time from the last call to the run, which has the input of that call',
  },
  max: {
    kind: 'duration',
    absent: 'none',
    doc: 'most time from the first call to the run',
  },
}

export const THROTTLE_OPTIONS: OptionTable<ThrottleOptions, Omit<ThrottleRule, 'option'>> = {
  key: {
    kind: 'value',
    type: 'KeyOption<Args>',
    required: true,
    check: requireKey,
    doc: 'as of `unique`',
  },
  every: {
    kind: 'duration',
    required: true,
    check: requireTime,
    doc: 'the period, which begins with a job',
  },
  keep: {
    kind: 'choice',
    values: ['first', 'last'],
    default: 'first',
    doc: "what becomes of further calls in a period: `'first'`: they get the handle of its job; `'last'`: they make one job at its end, with the input of the last call",
  },
}

/** Throws ArgumentError, as the next two. */
export function parseUnique(options: UniqueOptions, where: string): UniqueRule {
  requireObject(options, where, 'an object of options')
  return { option: 'unique', ...readOptions(UNIQUE_OPTIONS, options, where, `${where}.`) }
}

export function parseDebounce(options: DebounceOptions, where: string): DebounceRule {
  requireObject(options, where, 'an object of options')
  const rule = readOptions(DEBOUNCE_OPTIONS, options, where, `${where}.`)
  if (rule.max !== undefined && rule.max < rule.wait)
    throw new ArgumentError(`${where}.max: expected at least wait, ${rule.wait} ms, got ${rule.max} ms`)
  return { option: 'debounce', ...rule }
}

export function parseThrottle(options: ThrottleOptions, where: string): ThrottleRule {
  requireObject(options, where, 'an object of options')
  return { option: 'throttle', ...readOptions(THROTTLE_OPTIONS, options, where, `${where}.`) }
}

/** The rule of a task; undefined where each of its calls makes a job. */
export function onceRuleOf({ unique, debounce, throttle }: OnceRules): OnceRule | undefined {
  return unique ?? debounce ?? throttle
}

/** Throws ArgumentError for rules that exclude each other, or the other options of their task. */
export function checkRules(rules: OnceRules, ignoreResult: boolean | undefined, where: string): void {
  const names = (['unique', 'debounce', 'throttle'] as const).filter((name) => rules[name] !== undefined)
  if (names.length > 1) throw new ArgumentError(`${where}: ${names.join(' and ')} exclude each other`)
  if (ignoreResult && needsRecord(onceRuleOf(rules)))
    throw new ArgumentError(`${where}: ${recordProblem(rules.unique)}`)
}

/** Calls change a job that waits. */
export function changesJob(rule: OnceRule): boolean {
  if (rule.option === 'unique') return rule.onConflict === 'replace'
  return rule.option === 'debounce' || rule.keep === 'last'
}

/** Calls change the message of a job that waits, or ask where it is. */
export function asksForMessage(rule: OnceRule): boolean {
  return changesJob(rule) || (rule.option === 'unique' && (rule.while === 'queued' || rule.while === 'running'))
}

/** The end of a job is known by its record alone. */
export function needsRecord(rule: OnceRule | undefined): boolean {
  return rule?.option === 'unique' && (rule.while === 'running' || rule.while === 'until-done')
}

/** Why a job that keeps no record cannot have this rule. */
export function recordProblem(rule: UniqueRule | undefined): string {
  return `unique while '${rule?.while}' needs the record of the job, and ignoreResult keeps none; a time, or 'queued', needs none`
}

function parseWhile(given: UniqueWhile, where: string): UniqueRule['while'] {
  if (PHASES.includes(given)) return given as 'queued'
  const isTime = typeof given === 'number' || /^\s*[\d.]/.test(String(given))
  if (!isTime)
    throw new ArgumentError(`${where}: expected 'queued', 'running', 'until-done' or a duration, got ${shown(given)}`)
  const time = optionMilliseconds(given, where)
  requireTime(time, where)
  return time
}

function requireTime(ms: number, where: string): void {
  if (ms < 1) throw new ArgumentError(`${where}: expected at least 1 ms, got ${ms}`)
}

function requireKey(key: unknown, where: string): void {
  if (typeof key !== 'function' && (typeof key !== 'string' || key === ''))
    throw new ArgumentError(`${where}: expected a function that returns text, or a text, got ${shown(key)}`)
}
