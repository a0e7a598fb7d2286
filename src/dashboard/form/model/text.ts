import { parse, stringify } from '../../../client/json.ts'
import type { Json } from './json.ts'

/** With these a text begins that was meant as JSON. */
const JSON_START = /^\s*[[{"]/

/** A value as JSON with lines. A text that is no JSON is as it is. */
export function jsonText(value: Json): string {
  if (typeof value === 'string' && isPlain(value)) return value
  return pretty(value)
}

export function pretty(value: Json): string {
  return stringify(value, 2)
}

/** Of a field that takes any value: JSON, or else a text. Throws SyntaxError for what looks like JSON and is not. */
export function valueOfText(text: string): Json {
  return isPlain(text) ? text : (parse(text) as Json)
}

function isPlain(text: string): boolean {
  if (text.trim() === '' || JSON_START.test(text)) return false
  try {
    parse(text)
    return false
  } catch {
    return true
  }
}

const INTEGER = /^[+-]?\d+$/
const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i
/** More are no number that a task can use, and would take long to read. */
const MAX_DIGITS = 5000

/** A number as people write it; undefined where it is none. An integer keeps all its digits. */
export function numberOfText(text: string): number | bigint | undefined {
  const digits = text.trim()
  if (digits.length > MAX_DIGITS) return undefined
  const value = Number(digits)
  if (INTEGER.test(digits)) return Number.isSafeInteger(value) ? value : BigInt(digits.replace('+', ''))
  return DECIMAL.test(digits) && Number.isFinite(value) ? value : undefined
}
