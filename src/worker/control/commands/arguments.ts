import { pythonRepr } from '../../../protocol/repr.ts'

/*
 * Arguments of commands come from outside: each is checked before it is used, and a wrong one is answered as an error.
 */

/** Longest text of an argument, in characters: a name of a queue or a task, a rate. */
const MAX_TEXT_LENGTH = 255

/** An argument as errors show it. */
export function shown(value: unknown): string {
  return pythonRepr(value, 80)
}

/** A text that is not empty. Throws TypeError. */
export function textOf(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= MAX_TEXT_LENGTH) return value
  throw new TypeError(`${name}: expected a text of 1 to ${MAX_TEXT_LENGTH} characters, got ${shown(value)}`)
}

/** A whole number from `min`; `fallback` where none is given. Throws TypeError. */
export function wholeOf(value: unknown, name: string, min: number, fallback?: number): number {
  const number = value ?? fallback
  if (Number.isSafeInteger(number) && (number as number) >= min) return number as number
  throw new TypeError(`${name}: expected a whole number >= ${min}, got ${shown(value)}`)
}

/** A time in seconds, as ms; undefined where none is given. Throws TypeError. */
export function timeOf(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value * 1000
  throw new TypeError(`${name}: expected seconds >= 0, got ${shown(value)}`)
}

/** A text or a list of them. Throws TypeError, also for more than `count`. */
export function textsOf(value: unknown, name: string, count: number): readonly string[] {
  const values = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
  if (values.length > count) throw new TypeError(`${name}: expected at most ${count}, got ${values.length}`)
  return values.map((one) => textOf(one, name))
}
