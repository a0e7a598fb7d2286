import { EXPECTED_SEARCH, isSearch } from '../../backend/jobSearch.ts'
import type { Problem } from '../output/problem.ts'

/** Reads the text of one parameter; throws RangeError that says what was expected. */
export type Reader<Value> = (text: string) => Value

export type Query<Readers extends Record<string, Reader<unknown>>> =
  | { readonly kind: 'values'; readonly values: { readonly [Name in keyof Readers]?: ReturnType<Readers[Name]> } }
  | { readonly kind: 'refused'; readonly problem: Problem }

/**
 * The query of a URL by a reader for each parameter. An unknown or repeated one is refused: a filter that is ignored
 * misleads.
 */
export function readQuery<Readers extends Record<string, Reader<unknown>>>(
  url: string,
  readers: Readers,
): Query<Readers> {
  const values: Record<string, unknown> = {}
  const start = url.indexOf('?')
  if (start === -1) return { kind: 'values', values } as Query<Readers>
  for (const [name, text] of new URLSearchParams(url.slice(start))) {
    if (!Object.hasOwn(readers, name))
      return refused(name, `unknown parameter; known are ${Object.keys(readers).join(', ')}`)
    if (Object.hasOwn(values, name)) return refused(name, 'given more than once')
    try {
      values[name] = readers[name]?.(text)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return refused(name, `${error.message}, got ${JSON.stringify(text)}`)
    }
  }
  return { kind: 'values', values } as Query<Readers>
}

function refused(parameter: string, reason: string): { kind: 'refused'; problem: Problem } {
  return { kind: 'refused', problem: wrongParameter(parameter, reason) }
}

/** The problem with one parameter. */
export function wrongParameter(parameter: string, detail: string): Problem {
  return { kind: 'invalid-query', detail: `${parameter}: ${detail}`, members: { errors: [{ parameter, detail }] } }
}

/** `1` or `true`, `0` or `false`. */
export function requireFlag(text: string): boolean {
  if (text === '1' || text === 'true') return true
  if (text === '0' || text === 'false') return false
  throw new RangeError('expected 1 or 0')
}

/** Reads a whole number from `min` to `max`, of at most as many digits as `max` has. */
export function requireWhole(max: number, min = 1): Reader<number> {
  const digits = String(max).length
  return (text) => {
    const whole = text.length <= digits && /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(whole >= min && whole <= max)) throw new RangeError(`expected a whole number from ${min} to ${max}`)
    return whole
  }
}

/** A whole number from 1 to 1000. */
export const requireLimit: Reader<number> = requireWhole(1000)

/** 1 to 255 characters, none of them a control character. */
export function requireWord(text: string): string {
  if (!/^\P{Cc}{1,255}$/u.test(text)) throw new RangeError('expected 1 to 255 printable characters')
  return text
}

/** Words to search for, as `ListFilter.q`. U+FFFD is refused, too: bytes that are no UTF-8 have become it. */
export function requireSearch(text: string): string {
  if (!isSearch(text) || text.includes('\ufffd')) throw new RangeError(EXPECTED_SEARCH)
  return text
}

/**
 * A moment as ISO 8601 (RFC 3339) with its offset, or a date alone, which is its midnight in UTC; in ms since the
 * epoch.
 */
export function requireMoment(text: string): number {
  // A plus sign in a query that was not escaped is a space.
  const moment = text.replace(' ', '+')
  const form = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/
  const ms = form.test(moment) ? Date.parse(moment) : Number.NaN
  if (Number.isNaN(ms)) throw new RangeError("expected a date, or a time such as '2026-11-01T10:00:00Z'")
  return ms
}
