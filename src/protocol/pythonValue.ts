import { ArgumentError, DecodeError } from '../std/errors.ts'
import { isoTime } from './iso.ts'

/**
 * Types of Python that JavaScript has no value for, by kombu's names; of `datetime` a Date holds no more than
 * milliseconds, and no offset.
 */
export type PythonType = 'datetime' | 'date' | 'time' | 'decimal' | 'uuid'

const TYPES: ReadonlySet<string> = new Set(['datetime', 'date', 'time', 'decimal', 'uuid'])
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/**
 * A value that Python is to get as this type: in arguments, results, or whatever else is sent as JSON with types
 * (Celery 5.3 and newer).
 */
export class PythonValue {
  readonly type: PythonType
  /** As Python's `str` or `isoformat` has it. */
  readonly text: string

  /** Throws ArgumentError for another type, a UUID that is none or a datetime that is none. */
  constructor(type: PythonType, text: string) {
    if (!TYPES.has(type) || typeof text !== 'string')
      throw new ArgumentError(`PythonValue: expected one of ${[...TYPES].join(', ')} and a text, got ${String(type)}`)
    if (type === 'uuid' && !UUID.test(text))
      throw new ArgumentError(`PythonValue: expected a UUID, got ${text.slice(0, 80)}`)
    if (type === 'datetime') isoTime(text)
    this.type = type
    this.text = text
  }

  /** As far as JavaScript holds it: a datetime as Date, the others as text. */
  toPlain(): Date | string {
    return this.type === 'datetime' ? dateOf(this.text) : this.text
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    return this.text
  }
}

/** As kombu's JSON has it. */
export function typedObject({ type, text }: PythonValue): { __type__: string; __value__: unknown } {
  return { __type__: type, __value__: type === 'uuid' ? { hex: text.replaceAll('-', '').toLowerCase() } : text }
}

/** The text that a Date was read from, for as long as the Date lives: it may have microseconds, an offset or none. */
const texts = new WeakMap<Date, string>()

/** The moment of Python's text. Written again as it is, the Date becomes that text. */
export function dateOf(text: string): Date {
  const date = new Date(isoTime(text))
  texts.set(date, text)
  return date
}

/** The text that this Date was read from, unless it was changed since. */
export function textOf(date: Date): string | undefined {
  const text = texts.get(date)
  return text !== undefined && isoTime(text) === date.getTime() ? text : undefined
}

/**
 * The value of kombu's typed object; undefined for a type that is none of these. Throws DecodeError for another value
 * than the type's.
 */
export function readPythonValue(type: unknown, value: unknown): PythonValue | undefined {
  if (typeof type !== 'string' || !TYPES.has(type)) return undefined
  const text = type === 'uuid' ? dashed(value) : value
  if (typeof text !== 'string') throw new DecodeError(`__type__ ${type}: expected text as __value__`)
  return new PythonValue(type as PythonType, text)
}

function dashed(value: unknown): string {
  const hex = typeof value === 'object' && value !== null ? (value as { hex?: unknown }).hex : undefined
  if (typeof hex !== 'string' || !/^[0-9a-fA-F]{32}$/.test(hex)) {
    throw new DecodeError('__type__ uuid: expected {"hex": 32 digits} as __value__')
  }
  return hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
