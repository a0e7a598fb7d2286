import { createHash } from 'node:crypto'
import { pythonRepr } from '../../protocol/repr.ts'

/** Characters of a message that are compared. */
const MAX_LENGTH = 1000
const MAX_TYPE_LENGTH = 200

/** What groups failures. */
export interface Fingerprint {
  /** 16 hexadecimal digits. */
  readonly fingerprint: string
  /** Class of the error. */
  readonly type: string
  readonly message: string
  /** The message without numbers, ids and quotes. */
  readonly pattern: string
}

/** Of an exception as Python prints it: `ValueError('no row 17')`. */
export function fingerprintOf(task: string, exception: string): Fingerprint {
  const { type, message } = partsOf(exception)
  const pattern = patternOf(message)
  const hash = createHash('sha256').update(`${task}\n${type}\n${pattern}`).digest('hex')
  return { fingerprint: hash.slice(0, 16), type, message, pattern }
}

/** What Celery's threads and solo pool send in place of the error. */
const UNNAMED = 'ExceptionWithTraceback()'
const MAX_LINE_LENGTH = 1000

/** The error of an event, as Python prints it; where the event does not name it, by the last line of its traceback. */
export function exceptionIn(exception: unknown, traceback: unknown): unknown {
  if (exception !== UNNAMED || typeof traceback !== 'string') return exception
  const lines = traceback.slice(-8 * MAX_LINE_LENGTH).split('\n')
  const line = lines.findLast((one) => one.trim() !== '' && one.trim() !== '"""')?.slice(0, MAX_LINE_LENGTH) ?? ''
  const [type = '', ...rest] = line.split(': ')
  const name = type.slice(type.lastIndexOf('.') + 1).trim()
  return name === '' || name.includes(' ')
    ? exception
    : `${name}(${rest.length > 0 ? pythonRepr(rest.join(': ')) : ''})`
}

function partsOf(exception: string): { type: string; message: string } {
  const open = exception.indexOf('(')
  const hasClass = open > 0 && exception.endsWith(')')
  const type = (hasClass ? exception.slice(0, open) : (exception.split(':', 1)[0] ?? '')).slice(0, MAX_TYPE_LENGTH)
  const inner = hasClass ? exception.slice(open + 1, -1) : exception.slice(type.length + 1).trim()
  return { type: type === '' ? 'Error' : type, message: unquoted(inner.endsWith(',') ? inner.slice(0, -1) : inner) }
}

/** The text of a Python literal, where all of it is one. */
function unquoted(text: string): string {
  const quote = text[0]
  const isText = text.length >= 2 && (quote === "'" || quote === '"') && text.endsWith(quote)
  return isText ? text.slice(1, -1).replaceAll("\\'", "'") : text
}

/** One pass, whatever the text is. */
function patternOf(message: string): string {
  const text = message.slice(0, MAX_LENGTH)
  let pattern = ''
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string
    const end = isQuote(char) ? endOfQuote(text, at) : endOfWord(text, at)
    const part = text.slice(at, end)
    pattern += isQuote(char) && part.length > 1 ? '?' : hasDigit(part) ? '#' : part
    at = end
  }
  return pattern
}

function isQuote(char: string): boolean {
  return char === "'" || char === '"' || char === '`'
}

/** A quote without an end, as an apostrophe, is a character as others. */
function endOfQuote(text: string, from: number): number {
  const end = text.indexOf(text[from] as string, from + 1)
  return end < 0 ? from + 1 : end + 1
}

/** Letters, digits, `-` and `_` belong together: an id is one word. */
function endOfWord(text: string, from: number): number {
  let at = from
  while (at < text.length && isWordCode(text.charCodeAt(at))) at++
  return Math.max(at, from + 1)
}

function isWordCode(code: number): boolean {
  const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code > 127
  return isLetter || isDigitCode(code) || code === 45 || code === 95
}

function isDigitCode(code: number): boolean {
  return code >= 48 && code <= 57
}

function hasDigit(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (isDigitCode(text.charCodeAt(at))) return true
  return false
}
