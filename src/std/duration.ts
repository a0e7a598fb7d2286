import { ArgumentError } from './errors.ts'

/** A length of time: milliseconds as a number, or text such as `'250ms'`, `'45s'`, `'1.5h'`, `'2d'`. */
export type Duration = number | string

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * Milliseconds of a duration; `name` is the option it came from, for the error. Throws ArgumentError for anything else
 * or below zero.
 */
export function milliseconds(value: Duration, name: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  if (typeof value === 'string') {
    const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*$/.exec(value)
    if (match) return Number(match[1]) * (UNITS[match[2] as string] as number)
  }
  throw new ArgumentError(
    `${name}: expected milliseconds or a text like '45s' (ms, s, m, h, d, w), got ${JSON.stringify(value) ?? String(value)}`,
  )
}

const MAX_YEARS = 1000
const YEAR_MS = 365.25 * 86_400_000

/** The same of an option: at most 1,000 years, so that a moment so far from now is a date, also for Python. */
export function optionMilliseconds(value: Duration, name: string): number {
  const ms = milliseconds(value, name)
  if (ms > MAX_YEARS * YEAR_MS) throw new ArgumentError(`${name}: expected at most ${MAX_YEARS} years, got ${ms} ms`)
  return ms
}
