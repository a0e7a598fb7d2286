import type { Clock } from './clock.ts'
import { ArgumentError } from './errors.ts'

/** Refuses option names that do not exist, naming those that do. */
export function refuseUnknown(options: object, known: ReadonlySet<string>, where: string): void {
  for (const name of Object.keys(options)) {
    if (!known.has(name))
      throw new ArgumentError(`${where}: unknown option ${name}; known are ${[...known].join(', ')}`)
  }
}

/** A value for an error's words; any value at all. */
export function shown(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    // A bigint, or a circle.
    return typeof value === 'bigint' ? `${value}n` : `an ${typeof value}`
  }
}

/**
 * Text of 1 to 255 characters without control characters and halves of surrogate pairs, which no store keeps, else
 * ArgumentError.
 */
export function requireText(value: unknown, where: string): asserts value is string {
  const isText = typeof value === 'string' && value.length > 0 && value.length <= 255 && value.isWellFormed()
  if (!isText || hasControl(value)) {
    throw new ArgumentError(`${where}: expected 1 to 255 printable characters, got ${shown(value)}`)
  }
}

/** An object that is no array, else ArgumentError. */
export function requireObject(value: unknown, where: string, expected = 'an object'): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw new ArgumentError(`${where}: expected ${expected}, got ${shown(value)}`)
}

export function requireDate(value: unknown, where: string): asserts value is Date {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) {
    throw new ArgumentError(`${where}: expected a valid Date, got ${String(value)}`)
  }
}

export function requireFunction(value: unknown, where: string): void {
  if (typeof value !== 'function') throw new ArgumentError(`${where}: expected a function, got ${shown(value)}`)
}

export function requireFlag(value: unknown, where: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw new ArgumentError(`${where}: expected true or false, got ${shown(value)}`)
}

export function requireClock(clock: unknown, where: string): void {
  const { now, after } = Object(clock) as Partial<Record<keyof Clock, unknown>>
  if (typeof now !== 'function' || typeof after !== 'function')
    throw new ArgumentError(`${where}: expected an object with the functions now and after, got ${shown(clock)}`)
}

/** Any text, also an empty one. */
export function requireString(text: unknown, where: string): void {
  if (typeof text !== 'string') throw new ArgumentError(`${where}: expected text, got ${shown(text)}`)
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 32 || code === 127) return true
  }
  return false
}
