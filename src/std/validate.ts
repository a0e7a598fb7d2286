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

/** Text of any length, else ArgumentError. */
export function requireString(value: unknown, where: string): asserts value is string {
  if (typeof value !== 'string') throw new ArgumentError(`${where}: expected text, got ${shown(value)}`)
}

/** An object with these two functions, else ArgumentError, which shows nothing of another object. */
export function requireFunctions(value: unknown, [one, other]: readonly [string, string], where: string): void {
  const given = Object(value) as Readonly<Record<string, unknown>>
  if (typeof given[one] === 'function' && typeof given[other] === 'function') return
  const got = Object(value) === value ? 'an object without them' : shown(value)
  throw new ArgumentError(`${where}: expected an object with the functions ${one} and ${other}, got ${got}`)
}

/** An object that is no array, else ArgumentError. */
export function requireObject(value: unknown, where: string, expected = 'an object'): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw new ArgumentError(`${where}: expected ${expected}, got ${shown(value)}`)
}

const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** Bytes of a size: a whole number, or text as `'64 KiB'` (B, KiB, MiB, GiB); outside of the bounds ArgumentError. */
export function bytesOf(value: unknown, where: string, min: number, max: number): number {
  const [, count = '', unit = 'B'] =
    typeof value === 'string' ? (/^(\d{1,15}) ?(B|KiB|MiB|GiB)$/.exec(value) ?? []) : []
  const bytes = typeof value === 'number' ? value : count === '' ? Number.NaN : Number(count) * (SIZE_UNITS[unit] ?? 1)
  if (Number.isSafeInteger(bytes) && bytes >= min && bytes <= max) return bytes
  throw new ArgumentError(
    `${where}: expected ${min} to ${max} bytes, as a whole number or a text like '64 KiB', got ${shown(value)}`,
  )
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

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 32 || code === 127) return true
  }
  return false
}
