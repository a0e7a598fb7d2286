import { ArgumentError } from '../../std/errors.ts'

/** One field of an expression: what it is called, and which numbers and names it takes. */
export interface Field {
  readonly name: string
  readonly min: number
  readonly max: number
  /** Full names in lower case, the first one for `min`; three letters of each are enough. */
  readonly names?: readonly string[]
}

export const WEEKDAYS: readonly string[] = [
  'sunday',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
]

export const MONTHS: readonly string[] = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]

/** How strictly a field is read. */
export interface Reading {
  /** Start of each error: the expression. */
  readonly owner: string
  /** Celery's way: ranges may wrap (`22-2`), and a step may be longer than its range. */
  readonly lenient?: boolean
}

/** Longest text read as one field. */
const MAX_FIELD_LENGTH = 500

/** The error of a field: which one, what was expected, what was got. */
export function wrong({ owner }: Reading, field: Field, expected: string, got: string): ArgumentError {
  return new ArgumentError(`${owner}: ${field.name}: expected ${expected}, got ${quoted(got)}`)
}

/** Text as it is shown in an error; a number stays bare. */
export function quoted(text: string): string {
  if (/^-?\d{1,10}$/.test(text)) return text
  return `'${text.length > 60 ? `${text.slice(0, 60)}…` : text}'`
}

/** Splits a list at its commas; throws ArgumentError where a part is empty or the text is too long. */
export function parts(text: string, field: Field, reading: Reading): string[] {
  if (text.length > MAX_FIELD_LENGTH) throw wrong(reading, field, `at most ${MAX_FIELD_LENGTH} characters`, text)
  const found = text.split(',').map((part) => part.trim().toLowerCase())
  if (found.includes('')) throw wrong(reading, field, `${bounds(field)} on both sides of a comma`, text)
  return found
}

/** The numbers that a list of numbers, names, ranges and steps stands for, ascending. Throws ArgumentError. */
export function numbersOf(text: string, field: Field, reading: Reading): number[] {
  return ascending(parts(text, field, reading).flatMap((part) => partNumbers(part, field, reading)))
}

/** Each number once, ascending. */
export function ascending(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b)
}

/** The numbers of one part without commas: `*`, `7`, `mon-fri`, `1-9/2`. Throws ArgumentError. */
export function partNumbers(part: string, field: Field, reading: Reading): number[] {
  const [range = '', step, ...more] = part.split('/')
  if (more.length > 0) throw wrong(reading, field, 'one step, as in */5', part)
  const all = rangeNumbers(range, field, reading)
  if (step === undefined) return all
  if (range !== '*' && !range.includes('-')) {
    throw wrong(reading, field, `* or a range before the step, as in ${range}-${field.max}/${step}`, part)
  }
  const longest = reading.lenient ? Number.MAX_SAFE_INTEGER : field.max - field.min + 1
  if (!/^\d{1,9}$/.test(step) || Number(step) < 1 || Number(step) > longest) {
    throw wrong(reading, field, reading.lenient ? 'a step of 1 or more' : `a step of 1-${longest}`, step)
  }
  return all.filter((_, index) => index % Number(step) === 0)
}

function rangeNumbers(range: string, field: Field, reading: Reading): number[] {
  if (range === '*') return span(field.min, lastOfStar(field))
  const [from = '', to, ...more] = range.split('-')
  if (more.length > 0 || (from === '' && to !== undefined)) throw wrong(reading, field, bounds(field), range)
  const first = numberOf(from, field, reading)
  if (to === undefined) return [first]
  const read = numberOf(to, field, reading)
  // As the end of a range, Sunday comes after Saturday where the field has both of its numbers.
  const last = read === 0 && first > 0 && isWeek(field) && /[a-z]/.test(to) ? 7 : read
  if (first <= last) return span(first, last)
  if (reading.lenient) return [...span(first, field.max), ...span(field.min, last)]
  throw wrong(reading, field, `a range that goes up, such as ${from}-${lastOfStar(field)},${field.min}-${to}`, range)
}

/** True for cron's day of week, where 7 is Sunday as 0 is. */
function isWeek(field: Field): boolean {
  return field.min === 0 && field.max === 7
}

function lastOfStar(field: Field): number {
  return isWeek(field) ? 6 : field.max
}

/** One number or name. Throws ArgumentError. */
export function numberOf(text: string, field: Field, reading: Reading): number {
  const word = text.trim()
  const index = word.length < 3 ? -1 : (field.names ?? []).findIndex((name) => name.startsWith(word))
  const value = /^\d{1,9}$/.test(word) ? Number(word) : index < 0 ? Number.NaN : index + field.min
  if (value >= field.min && value <= field.max) return value
  throw wrong(reading, field, bounds(field), text)
}

/** What a field takes, for an error: `0-59`, `1-12 or jan-dec`. */
function bounds(field: Field): string {
  const names = field.names?.map((name) => name.slice(0, 3))
  return `${field.min}-${field.max}${names ? ` or ${names[0]}-${names.at(-1)}` : ''}`
}

function span(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
