import { endOfString } from '../../std/jsonText.ts'

/** What `parseJson` made of a text. `position` counts characters from 0, where one place is to blame. */
export type Parsed =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly reason: string; readonly position: number | undefined }
  /** It is JSON, with a number that no double can hold. */
  | { readonly kind: 'unsendable'; readonly reason: string }

/** Deepest nesting of arrays and objects that is read. */
const MAX_DEPTH = 100
/** Longest integer that is read: Python's own limit. */
const MAX_DIGITS = 4300
/** A run of digits that may be beyond 2^53, where a number can begin; an exponent that may be beyond 308. */
const LARGE_NUMBER = /(?:^|[[:,\s-])\d{16}|\d[eE]\+?\d{3}/
const PROTO = '__proto__'

/**
 * Parse JSON from strangers: nested at most 100 deep, without `__proto__` as a key, and an integer that a number cannot
 * hold exactly as a bigint instead of rounded; other numbers beyond all doubles are refused. Says where it is wrong.
 */
export function parseJson(text: string): Parsed {
  if (text.length > MAX_DEPTH) {
    const position = tooDeepAt(text)
    if (position !== undefined) return { kind: 'error', reason: `nested deeper than ${MAX_DEPTH} levels`, position }
  }
  let value: unknown
  try {
    value = LARGE_NUMBER.test(text) ? JSON.parse(text, reviveNumber) : JSON.parse(text)
  } catch (error) {
    if (error instanceof TooLargeError) return { kind: 'unsendable', reason: error.message }
    if (error instanceof RangeError) return { kind: 'error', reason: error.message, position: undefined }
    return { kind: 'error', ...explain((error as Error).message, text) }
  }
  // Spelled out or with escapes: only then is a walk needed.
  if ((text.includes(PROTO) || text.includes('\\u00')) && hasProto(value)) {
    return { kind: 'error', reason: `the key ${PROTO} is not accepted`, position: undefined }
  }
  return { kind: 'value', value }
}

/** Where nesting exceeds the limit, seen without building the value. */
function tooDeepAt(text: string): number | undefined {
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x22) {
      index = endOfString(text, index)
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) return index
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  return undefined
}

class TooLargeError extends RangeError {}

function reviveNumber(_key: string, value: unknown, context?: { source: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  if (!/^-?\d+$/.test(source)) {
    if (Number.isFinite(value)) return value
    throw new TooLargeError(`expected numbers up to 1.8e308, got ${source.slice(0, 40)}`)
  }
  if (source.length > MAX_DIGITS) {
    throw new RangeError(`an integer of ${source.length} digits; at most ${MAX_DIGITS} are read`)
  }
  const exact = BigInt(source)
  return Number.isFinite(value) && BigInt(value) === exact ? value : exact
}

function hasProto(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.hasOwn(value, PROTO) || Object.values(value).some(hasProto)
}

/** Reason and place from the parser's message; it leaves the place out where a value is missing or misspelled. */
function explain(message: string, text: string): { reason: string; position: number } {
  const given = / at position (\d+)/.exec(message)?.[1]
  const reason = message.replace(/(?:, (?:\.\.\.)?"| in JSON at| after JSON at| is not valid JSON).*$/s, '')
  if (given !== undefined) return { reason, position: Number(given) }
  if (message.startsWith('Unexpected end')) return { reason: 'Unexpected end', position: text.length }
  return { reason, position: missingValueAt(text) }
}

const TOKEN =
  /\s*(?:("[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([[{])|([\]}])|([,:]))/y
const SPACE = /\s*/y

/** Index of the first token that is none, or that closes or separates where a value must be. */
function missingValueAt(text: string): number {
  let index = 0
  let before = ':'
  while (index < text.length) {
    TOKEN.lastIndex = index
    const token = TOKEN.exec(text)
    const after = TOKEN.lastIndex
    SPACE.lastIndex = index
    SPACE.exec(text)
    const start = SPACE.lastIndex
    if (!token) return start
    const last = text[after - 1] as string
    const wantsValue = before === ':' || before === ',' || before === '['
    const hasValue = token[1] !== undefined || token[2] !== undefined || (before === '[' && last === ']')
    if (wantsValue && !hasValue) return start
    before = token[1] === undefined ? last : 'value'
    index = after
  }
  return text.length
}
