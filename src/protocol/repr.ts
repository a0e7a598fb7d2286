import { MAX_DEPTH } from './encoding.ts'
import type { ErrorInfo } from './outcome.ts'
import { PythonValue } from './pythonValue.ts'

/*
 * Values as Python would print them, for the headers argsrepr and kwargsrepr, which people read in logs and in Flower.
 * After Celery's celery/utils/saferepr.py: cut at a length, nesting from the third level collapsed.
 */

/** Stands for what is not shown. */
export const HIDDEN = '…'

/**
 * What logs, events and answers of remote control leave out of a task: all that it was given and has made, or what is
 * at these paths.
 */
export type Concealed = 'all' | readonly SensitivePath[]

/**
 * Names of properties, the first of a parameter or of the input. Each item of a list has the properties of the list.
 */
export type SensitivePath = readonly string[]

/** A value without what is concealed. Of a value without such a path it is the same object. */
export function concealed(value: unknown, what: Concealed | undefined): unknown {
  if (what === undefined) return value
  if (what === 'all') return HIDDEN
  const budget = { left: MAX_STEPS }
  return what.reduce((rest, path) => without(rest, path, 0, budget), value)
}

/** Values that one search for sensitive ones looks at: a caller may pass lists that contain themselves. */
const MAX_STEPS = 100_000

interface Budget {
  left: number
}

/** What a task is called with. */
interface Given {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
}

/**
 * Arguments without what is at these paths. `names`: of the parameters, for arguments by position; all of these are
 * concealed where the name of one is not known.
 */
export function concealedCall(
  { args, kwargs }: Given,
  paths: readonly SensitivePath[],
  names: readonly string[],
): Given {
  const own = args.length > names.length ? args.map(() => HIDDEN) : Object.values(named(args, names, paths))
  return { args: own, kwargs: concealed(kwargs, paths) as Given['kwargs'] }
}

function named(args: readonly unknown[], names: readonly string[], paths: readonly SensitivePath[]): object {
  // A name that is a number would change the order.
  const byName = Object.fromEntries(args.map((value, at) => [`$${names[at]}`, value]))
  return concealed(
    byName,
    paths.map(([first, ...rest]) => [`$${first}`, ...rest]),
  ) as object
}

/** Shortest value that is looked for in the text of an error: shorter ones are parts of other words. */
const MIN_SENSITIVE_LENGTH = 3
const MAX_SENSITIVE_VALUES = 1000

/** The texts and numbers at these paths of a call, as an error may quote them; the longest first. */
export function sensitiveTexts(
  given: Given,
  paths: readonly SensitivePath[],
  names: readonly string[],
): readonly string[] {
  const whole = { ...Object.fromEntries(given.args.map((value, at) => [names[at] ?? at, value])), ...given.kwargs }
  const left: unknown[] = given.args.length > names.length ? [...given.args] : []
  const budget = { left: MAX_STEPS }
  for (const path of paths) valuesAt(whole, path, 0, left, budget)
  const texts = new Set<string>()
  while (left.length > 0 && texts.size < MAX_SENSITIVE_VALUES && budget.left-- > 0) {
    const value = left.pop()
    if (typeof value === 'object' && value !== null) left.push(...Object.values(value).slice(0, MAX_SENSITIVE_VALUES))
    else if (typeof value !== 'boolean' && value !== null && value !== undefined) addTexts(String(value), texts)
  }
  return [...texts].sort((a, b) => b.length - a.length)
}

function addTexts(text: string, texts: Set<string>): void {
  if (text.length < MIN_SENSITIVE_LENGTH) return
  texts.add(text)
  texts.add(JSON.stringify(text).slice(1, -1))
}

function valuesAt(
  value: unknown,
  path: SensitivePath,
  depth: number,
  found: unknown[],
  budget: Budget,
  level = 0,
): void {
  if (budget.left-- <= 0 || level > MAX_DEPTH) return
  if (depth === path.length) found.push(value)
  else if (Array.isArray(value)) for (const item of value) valuesAt(item, path, depth, found, budget, level + 1)
  else if (typeof value === 'object' && value !== null)
    valuesAt((value as Record<string, unknown>)[path[depth] as string], path, depth + 1, found, budget, level + 1)
}

/** A text without these. */
export function withoutTexts(text: string, texts: readonly string[]): string {
  return texts.reduce((rest, one) => rest.replaceAll(one, HIDDEN), text)
}

/** An error none of whose texts quotes these. */
export function withoutQuotes(error: ErrorInfo, texts: readonly string[]): ErrorInfo {
  if (texts.length === 0) return error
  const { message, traceback, args } = error
  return {
    ...error,
    message: withoutTexts(message, texts),
    ...(traceback !== undefined && { traceback: withoutTexts(traceback, texts) }),
    ...(args && { args: args.map((one) => withoutQuote(one, texts)) }),
  }
}

function withoutQuote(value: unknown, texts: readonly string[]): unknown {
  if (typeof value === 'string') return withoutTexts(value, texts)
  const shown = pythonRepr(value)
  return withoutTexts(shown, texts) === shown ? value : HIDDEN
}

/** Errors whose messages say nothing of what a task was given. */
const PLAIN_ERRORS: ReadonlySet<string> = new Set(['CodecError', 'NotRegistered', 'TaskRevokedError'])

/**
 * An error without its texts, where all is concealed; errors of a task with sensitive paths have none of their values.
 */
export function concealedError(error: ErrorInfo, what: Concealed | undefined): ErrorInfo {
  const isPlain = PLAIN_ERRORS.has(error.type) || error.module === 'billiard.exceptions'
  if (what !== 'all' || isPlain) return error
  const { traceback: _, args: __, ...rest } = error
  return { ...rest, message: HIDDEN }
}

function without(value: unknown, path: SensitivePath, depth: number, budget: Budget, level = 0): unknown {
  if (depth === path.length || budget.left-- <= 0 || level > MAX_DEPTH) return HIDDEN
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = value.map((item) => without(item, path, depth, budget, level + 1))
    return items.every((item, at) => item === value[at]) ? value : items
  }
  const name = path[depth] as string
  if (!Object.hasOwn(value, name)) return value
  const inner = (value as Record<string, unknown>)[name]
  const kept = without(inner, path, depth + 1, budget, level + 1)
  return kept === inner ? value : { ...value, [name]: kept }
}

/** Longest repr, in characters, before the cut. */
export const MAX_REPR_LENGTH = 1024
const MAX_REPR_DEPTH = 3

/** Text so far, and how much may follow. */
interface Printer {
  text: string
  left: number
  cut: boolean
}

/** Positional arguments as a Python tuple: `(1, 'a')`, `(1,)`, `()`. */
export function reprArgs(args: readonly unknown[], length: number = MAX_REPR_LENGTH): string {
  if (args.length === 0) return '()'
  const printer: Printer = { text: '', left: length, cut: false }
  printItems(printer, args, '(', args.length === 1 ? ',)' : ')', 0)
  return printer.text
}

/** Keyword arguments as a Python dict: `{'a': 1}`. */
export function reprKwargs(kwargs: Readonly<Record<string, unknown>>, length: number = MAX_REPR_LENGTH): string {
  return pythonRepr(kwargs, length)
}

/** Any value as Python would print it. Never throws for values that can be sent. */
export function pythonRepr(value: unknown, length: number = MAX_REPR_LENGTH): string {
  const printer: Printer = { text: '', left: length, cut: false }
  print(printer, value, 0)
  return printer.text
}

function print(printer: Printer, value: unknown, level: number): void {
  if (typeof value === 'string') emitText(printer, value)
  else if (typeof value !== 'object' || value === null) emit(printer, scalar(value))
  else if (Array.isArray(value)) {
    if (level >= MAX_REPR_DEPTH) emit(printer, '[...]')
    else printItems(printer, value, '[', ']', level)
  } else if (value instanceof Date) emit(printer, datetime(value))
  else if (value instanceof PythonValue) emit(printer, pythonValue(value))
  else if (value instanceof Uint8Array) emit(printer, bytes(value, printer.left))
  else if (level >= MAX_REPR_DEPTH) emit(printer, '{...}')
  else printEntries(printer, value as Record<string, unknown>, level)
}

function printItems(printer: Printer, items: readonly unknown[], open: string, close: string, level: number): void {
  emit(printer, open)
  for (let i = 0; i < items.length && !printer.cut; i++) {
    if (i > 0) emit(printer, ', ')
    if (!printer.cut) print(printer, items[i], level + 1)
  }
  emitClose(printer, close)
}

function printEntries(printer: Printer, record: Readonly<Record<string, unknown>>, level: number): void {
  emit(printer, '{')
  let first = true
  for (const key of Object.keys(record)) {
    if (record[key] === undefined) continue
    if (!first) emit(printer, ', ')
    if (printer.cut) break
    first = false
    emitText(printer, key)
    if (!printer.cut) emit(printer, ': ')
    if (!printer.cut) print(printer, record[key], level + 1)
    if (printer.cut) break
  }
  emitClose(printer, '}')
}

/** Append a token, or the mark of the cut in its place when the length is used up. */
function emit(printer: Printer, token: string): void {
  if (printer.left <= 0) cut(printer)
  else append(printer, truncate(token, printer.left))
}

function emitText(printer: Printer, value: string): void {
  if (printer.left <= 0) cut(printer)
  else append(printer, quoted(truncate(value, printer.left)))
}

/** After the cut, what is still open is closed without counting. */
function emitClose(printer: Printer, token: string): void {
  if (printer.cut) printer.text += token
  else emit(printer, token)
}

function append(printer: Printer, text: string): void {
  printer.text += text
  printer.left -= text.length
}

function cut(printer: Printer): void {
  printer.text += ', ...'
  printer.cut = true
}

/** As celery.utils.text.truncate: back to the last space, never through a surrogate pair. */
function truncate(text: string, length: number): string {
  if (text.length < length) return text
  let end = length
  if (isHighSurrogate(text.charCodeAt(end - 1))) end--
  const head = text.slice(0, end)
  const space = head.lastIndexOf(' ')
  return `${space < 0 ? head : head.slice(0, space)}...`
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00
}

const ORDINARY = /^[\x20-\x26\x28-\x5b\x5d-\x7e]*$/
const ESCAPED = /['\\]|(?! )[\p{C}\p{Z}]/gu
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  "'": "\\'",
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/**
 * A Python literal, always in single quotes as Celery writes it; what is not printable is escaped, so that a log line
 * stays one line.
 */
function quoted(text: string): string {
  return ORDINARY.test(text) ? `'${text}'` : `'${text.replace(ESCAPED, escaped)}'`
}

function escaped(character: string): string {
  const short = SHORT_ESCAPES[character]
  if (short !== undefined) return short
  const code = character.codePointAt(0) as number
  const hex = code.toString(16)
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

function scalar(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  return typeof value === 'number' ? float(value) : String(value)
}

/**
 * What Python shows of the number that it will get: a float beyond the safe integers, and with an exponent of two
 * digits.
 */
function float(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  if (Number.isSafeInteger(value)) return String(value)
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const size = Math.abs(value)
  if (size >= 1e16) return value.toExponential()
  if (size < 1e-4) return value.toExponential().replace(/e-(\d)$/, 'e-0$1')
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

function pythonValue(value: PythonValue): string {
  const plain = value.toPlain()
  if (plain instanceof Date) return datetime(plain)
  const maker = {
    uuid: 'UUID',
    decimal: 'Decimal',
    date: 'datetime.date.fromisoformat',
    time: 'datetime.time.fromisoformat',
  }
  return `${maker[value.type as keyof typeof maker]}(${quoted(plain)})`
}

function datetime(date: Date): string {
  const parts = [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
  ]
  const seconds = date.getUTCSeconds()
  const microseconds = date.getUTCMilliseconds() * 1000
  if (seconds > 0 || microseconds > 0) parts.push(seconds)
  if (microseconds > 0) parts.push(microseconds)
  return `datetime.datetime(${parts.join(', ')}, tzinfo=datetime.timezone.utc)`
}

const BYTE_ESCAPES: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r', 39: "\\'", 92: '\\\\' }

function bytes(value: Uint8Array, length: number): string {
  let text = ''
  for (const byte of value.subarray(0, Math.max(0, length))) {
    if (byte in BYTE_ESCAPES) text += BYTE_ESCAPES[byte]
    else text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return value.length > length ? `b'${text}...'` : `b'${text}'`
}
