import { assertEncodable } from '../protocol/encoding.ts'
import type { SensitivePath } from '../protocol/repr.ts'
import { ArgumentError } from '../std/errors.ts'
import { LINE_LEVELS, type LineLevel } from '../std/log.ts'
import type { Schema } from '../std/schema.ts'
import { refuseUnknown, shown } from '../std/validate.ts'

/* Values of options of a task: their types, checked and parsed. */

/** Pools that a task may ask for. */
export type TaskPool = 'inline' | 'threads' | 'processes'

/** So many runs in a second, minute or hour. */
export type RateLimit = number | `${number}/${'s' | 'm' | 'h'}`

/** The option `params`. */
export type ParamsOption = readonly string[] | Readonly<Record<string, Schema>>

/** The option `upgrade`: `from` is the version of the input that it gets, at least 1. */
export type Upgrade = (input: unknown, from: number) => unknown

/** What a task is given, reports and returns, for people to see. */
export interface TaskExample {
  /** Its input object, or its list of arguments. */
  readonly input?: unknown | undefined
  readonly progress?: unknown | undefined
  readonly result?: unknown | undefined
}

/** A list of error classes. Throws ArgumentError. */
export function requireErrors(classes: unknown, where: string): void {
  const isError = (each: unknown): boolean =>
    typeof each === 'function' && (each === Error || each.prototype instanceof Error)
  if (Array.isArray(classes) && classes.every(isError)) return
  throw new ArgumentError(`${where}: expected a list of error classes, got ${shown(classes)}`)
}

const RATE_UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** Time between two runs, ms; undefined: none. Throws ArgumentError. */
export function parseRate(rate: unknown, where: string): number | undefined {
  const [, runs, unit = 's'] = /^(\d+(?:\.\d+)?)(?:\/([smh]))?$/.exec(String(rate)) ?? []
  if (!['number', 'string'].includes(typeof rate) || runs === undefined)
    throw new ArgumentError(
      `${where}: expected a number in a second, or text such as '10/s', '100/m', '1000/h', got ${shown(rate)}`,
    )
  return Number(runs) === 0 ? undefined : (RATE_UNITS[unit] as number) / Number(runs)
}

/** The rate of this interval (ms) as Celery writes it: in the first unit with a whole number, or at least one. */
export function rateText(interval: number): string {
  const rates = Object.entries(RATE_UNITS).map(([unit, time]) => ({ unit, runs: roundedRuns(time / interval) }))
  const { unit, runs } = rates.find((rate) => Number.isInteger(rate.runs)) ??
    rates.find((rate) => rate.runs >= 1) ?? { unit: 'h', runs: roundedRuns(3_600_000 / interval) }
  return `${runs}/${unit}`
}

function roundedRuns(runs: number): number {
  return Number(runs.toPrecision(6))
}

/** The level from which lines of the log are exposed; undefined: none is. Throws ArgumentError. */
export function exposedLevel(level: boolean | LineLevel, where: string): LineLevel | undefined {
  if (level === false) return undefined
  if (level === true) return 'info'
  if (LINE_LEVELS.includes(level)) return level
  throw new ArgumentError(`${where}: expected true, false or a level from debug to error, got ${shown(level)}`)
}

/** Throws ArgumentError, and EncodeError for what cannot be shown as JSON. */
export function parseExample<Example extends object>(example: Example, where: string): Example {
  refuseUnknown(example, new Set(['input', 'progress', 'result']), where)
  assertEncodable(example, 'example', 'json')
  return example
}

/** Ranges of media types: `type/subtype`, or `type/*`. */
export function parseAccepts(accepts: string | readonly string[], where: string): readonly string[] {
  const types = typeof accepts === 'string' ? [accepts] : accepts
  if (Array.isArray(types) && types.every((type) => /^[\w!#$&^.+-]+\/(?:\*|[\w!#$&^.+-]+)$/.test(type)))
    return types.map((type) => type.toLowerCase())
  throw new ArgumentError(`${where}: expected media types such as 'image/*', got ${shown(accepts)}`)
}

/** `type/subtype`, with parameters. */
export function contentTypeOf(type: unknown, where: string): string {
  if (
    typeof type === 'string' &&
    /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; *[\w-]+=(?:[\w.+-]+|"[^"\\\p{Cc}]*"))*$/u.test(type)
  )
    return type
  throw new ArgumentError(`${where}: expected a media type such as 'image/png', got ${shown(type)}`)
}

export function requireUpgrade(upgrade: unknown, where: string): void {
  if (typeof upgrade !== 'function') throw new ArgumentError(`${where}: expected a function, got ${shown(upgrade)}`)
}

/** One sensitive path: names of properties, with dots between them. */
const SENSITIVE_PATH = /^[^.\p{Cc}]{1,100}(?:\.[^.\p{Cc}]{1,100}){0,19}$/u
const MAX_SENSITIVE_PATHS = 100

/** Throws ArgumentError. No path at all is as if the option were not given. */
export function parseSensitive(paths: unknown, where: string): readonly SensitivePath[] | undefined {
  if (!Array.isArray(paths) || paths.length > MAX_SENSITIVE_PATHS)
    throw new ArgumentError(`${where}: expected a list of at most ${MAX_SENSITIVE_PATHS} paths, got ${shown(paths)}`)
  const wrong: unknown = paths.find((path) => typeof path !== 'string' || !SENSITIVE_PATH.test(path))
  if (wrong !== undefined)
    throw new ArgumentError(`${where}: expected paths such as 'card.number', got ${shown(wrong)}`)
  return paths.length === 0 ? undefined : paths.map((path: string) => path.split('.'))
}
