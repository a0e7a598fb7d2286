/** Bounds of what a receiver keeps of events, which anyone may send who reaches the broker. */

/** Longest name that is kept: of a worker, a task, an id. An event with a longer one is refused. */
const MAX_NAME_LENGTH = 500

/** The latest moment that JavaScript has, in seconds since the epoch. */
const MAX_TIMESTAMP_S = 8.64e12

/** A name; undefined for what is none, or is too long. */
export function nameIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH ? value : undefined
}

/** Text, cut at this length; undefined for anything else. */
export function textIn(value: unknown, length: number): string | undefined {
  if (typeof value !== 'string') return undefined
  // A slice keeps all of the text that it is of in memory; a copy does not.
  return value.length <= length ? value : Buffer.from(value.slice(0, length)).toString()
}

/** A finite number within these bounds; undefined for anything else. */
export function numberIn(value: unknown, min: number, max: number): number | undefined {
  return typeof value === 'number' && value >= min && value <= max ? value : undefined
}

/** Seconds since the epoch. */
export function timestampIn(value: unknown): number | undefined {
  return numberIn(value, 0, MAX_TIMESTAMP_S)
}

/** A whole number that is not negative. */
export function countIn(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? numberIn(value, 0, Number.MAX_SAFE_INTEGER) : undefined
}
