import {
  CeleriacError,
  CodecError,
  NotRegistered,
  SoftTimeLimitExceeded,
  TaskRevokedError,
  TimeLimitExceeded,
  WorkerLostError,
} from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import type { ErrorInfo } from './outcome.ts'
import { builtinOf, declaredPython } from './pythonException.ts'
import { pythonRepr } from './repr.ts'
import type { EncodedException, TaskMeta } from './result.ts'
import { FAILURE, RETRY, REVOKED } from './states.ts'

/*
 * Errors as data: anything thrown becomes an ErrorInfo, and that becomes Celery's encoded exception
 * (celery-wire §4.3). A Python client makes a class of `exc_type` where it has none in `exc_module`.
 */

/** Module of our own errors and of those that Python has no class for. */
const OWN_MODULE = 'celeriac.errors'
const MAX_CAUSES = 10
/** Longest message and longest traceback, in characters. */
const MAX_TEXT_LENGTH = 16_384
const CUT_MARK = '\n… (cut)'

/**
 * Python's builtins that may bear the name of an error of ours and are made from one text. Those that end the process
 * are not among them.
 */
const PYTHON_BUILTINS: ReadonlySet<string> = new Set(
  `Exception ArithmeticError AssertionError AttributeError BlockingIOError BrokenPipeError BufferError
  ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError EOFError FileExistsError
  FileNotFoundError FloatingPointError ImportError IndexError InterruptedError IsADirectoryError KeyError LookupError
  MemoryError ModuleNotFoundError NameError NotADirectoryError NotImplementedError OSError OverflowError
  PermissionError ProcessLookupError RecursionError RuntimeError SystemError TimeoutError
  TypeError UnicodeError ValueError ZeroDivisionError`.split(/\s+/),
)

/** JavaScript's own names, which a class that extends them has as well unless it sets its own. */
const JS_ERROR_NAMES: ReadonlySet<string> = new Set(
  'Error TypeError RangeError SyntaxError ReferenceError EvalError URIError AggregateError'.split(' '),
)

/** Describe whatever was thrown: an Error with its causes, a text, an object, nothing at all. Never throws. */
export function errorInfo(error: unknown): ErrorInfo {
  try {
    if (isObject(error)) return objectInfo(error)
  } catch {
    // A proxy or a getter that throws: what follows does not look inside.
    return { type: 'Error', message: 'an unreadable object was thrown', module: OWN_MODULE }
  }
  const message = typeof error === 'string' ? error : `${String(error)} was thrown`
  return { type: 'Error', message: bounded(message), module: OWN_MODULE }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function objectInfo(error: object): ErrorInfo {
  const type = typeName(error)
  const message = bounded(messageOf(error))
  const info: ErrorInfo = { type, message, ...pythonOf(error, type, message) }
  return error instanceof Error || typeof read(error, 'stack') === 'string'
    ? { ...info, traceback: tracebackOf(error) }
    : info
}

/** A property, or undefined where reading it throws. */
function read(target: object, key: string): unknown {
  try {
    return Reflect.get(target, key)
  } catch {
    // A hostile getter counts as absent: describing an error must not fail.
    return undefined
  }
}

function typeName(error: object): string {
  const name = read(error, 'name')
  const named = typeof name === 'string' && name !== '' && typeof error !== 'function' ? name : 'Error'
  if (!JS_ERROR_NAMES.has(named) || !(error instanceof Error)) return bounded(named)
  const maker = read(error, 'constructor')
  const className = typeof maker === 'function' ? read(maker, 'name') : undefined
  return typeof className === 'string' && className !== '' ? bounded(className) : named
}

function messageOf(error: object): string {
  const message = read(error, 'message')
  if (typeof message === 'string' && message !== '') return message
  if (error instanceof Error) return partsOf(error).map(messageOf).join('; ')
  return `${preview(error)} was thrown`
}

function preview(value: object): string {
  try {
    return typeof value === 'function' ? 'a function' : shortened(JSON.stringify(value))
  } catch {
    // Circular, bigint or hostile: say no more than that.
    return 'an object'
  }
}

function shortened(text: string | undefined): string {
  return text === undefined ? 'an object' : text.slice(0, 1000)
}

/** How Python sees it: as the error says itself, as a builtin, or as a class of this name. */
function pythonOf(error: object, type: string, message: string): Pick<ErrorInfo, 'module' | 'pythonType' | 'args'> {
  const declared = safely(() => declaredPython(error))
  if (declared) {
    const { module, name, args } = declared
    const plain = args?.length === 1 && args[0] === message
    return { module, ...(name === type ? {} : { pythonType: name }), ...(args && !plain ? { args } : {}) }
  }
  const builtin = safely(() => builtinOf(error, type))
  if (builtin === undefined) return { module: moduleOf(error, type) }
  return { module: 'builtins', ...(builtin === type ? {} : { pythonType: builtin }) }
}

/** Undefined where it throws: describing an error must not fail. */
function safely<Value>(look: () => Value): Value | undefined {
  try {
    return look()
  } catch {
    // A hostile getter counts as absent.
    return undefined
  }
}

function moduleOf(error: object, type: string): string {
  if (
    error instanceof SoftTimeLimitExceeded ||
    error instanceof TimeLimitExceeded ||
    error instanceof WorkerLostError
  ) {
    return 'billiard.exceptions'
  }
  if (error instanceof NotRegistered || error instanceof TaskRevokedError) return 'celery.exceptions'
  return !(error instanceof CeleriacError) && PYTHON_BUILTINS.has(type) ? 'builtins' : OWN_MODULE
}

/** Stack text, then that of each cause; an AggregateError's parts count as causes. */
function tracebackOf(error: object): string {
  const seen = new Set<unknown>([error])
  const texts = [stackOf(error)]
  const queue = causesOf(error)
  while (queue.length > 0 && texts.length <= MAX_CAUSES) {
    const cause = queue.shift()
    if (seen.has(cause)) continue
    seen.add(cause)
    texts.push(`Caused by: ${isObject(cause) ? stackOf(cause) : String(cause)}`)
    if (isObject(cause)) queue.push(...causesOf(cause))
  }
  return bounded(texts.join('\n'))
}

function stackOf(error: object): string {
  const stack = read(error, 'stack')
  return typeof stack === 'string' && stack !== '' ? stack : `${typeName(error)}: ${messageOf(error)}`
}

function causesOf(error: object): unknown[] {
  const cause = read(error, 'cause')
  return cause === undefined || cause === null ? partsOf(error) : [cause, ...partsOf(error)]
}

function partsOf(error: object): object[] {
  const parts = error instanceof AggregateError ? read(error, 'errors') : undefined
  return Array.isArray(parts) ? parts.slice(0, MAX_CAUSES).filter(isObject) : []
}

/** At most MAX_TEXT_LENGTH characters, and well-formed, so that every serializer carries it. */
function bounded(text: string): string {
  return (
    text.length > MAX_TEXT_LENGTH ? text.slice(0, MAX_TEXT_LENGTH - CUT_MARK.length) + CUT_MARK : text
  ).toWellFormed()
}

/** The error of a task that was revoked, as Celery names it. */
export function revokedError(reason: string): ErrorInfo {
  return { type: 'TaskRevokedError', message: reason, module: 'celery.exceptions' }
}

/** The error of a task that rejected its message, as Celery names it. */
export function rejectedError(reason: string): ErrorInfo {
  return { type: 'Reject', message: reason, module: 'celery.exceptions' }
}

/** As Celery stores it. The traceback is not part of it: it has a field of its own in the meta. */
export function encodeException(error: ErrorInfo): EncodedException {
  const { type, message, module = OWN_MODULE, pythonType = type, args = [message] } = error
  const encoded = { exc_type: pythonType, exc_message: args, exc_module: module }
  // Celery does not look at more than these; for ourselves it stays what it was.
  return pythonType === type && messageText(args) === message ? encoded : { ...encoded, celeriac: { type, message } }
}

/** States whose result is an encoded exception. */
export const ERROR_STATES: readonly string[] = [FAILURE, REVOKED, RETRY]

/** True for one of `ERROR_STATES`. */
export function hasError(state: string): boolean {
  return ERROR_STATES.includes(state)
}

/**
 * Read an encoded exception of any writer; what does not look like one becomes the message of an `Error`. Never throws.
 */
export function decodeException(value: unknown): ErrorInfo {
  if (typeof value === 'string') return { type: 'Error', message: value }
  const {
    exc_type: type,
    exc_message: message,
    exc_module: module,
  } = (isObject(value) ? value : {}) as Partial<EncodedException>
  if (typeof type !== 'string' || type === '') return { type: 'Error', message: pythonRepr(value) }
  const own = ownPart((value as EncodedException).celeriac)
  const text = own?.message ?? messageText(message)
  const args = argsOf(message)
  return {
    type: own?.type ?? type,
    message: text,
    ...(typeof module === 'string' ? { module } : {}),
    ...(own && own.type !== type ? { pythonType: type } : {}),
    ...(args.length === 1 && args[0] === text ? {} : { args }),
  }
}

function ownPart(part: unknown): { readonly type: string; readonly message: string } | undefined {
  const { type, message } = isRecord(part) ? part : {}
  return typeof type === 'string' && typeof message === 'string' ? { type, message } : undefined
}

function argsOf(message: unknown): readonly unknown[] {
  if (Array.isArray(message)) return message
  return message === undefined || message === null || message === '' ? [] : [message]
}

/**
 * Why a task failed, was revoked or is repeated, or why its record cannot be read; undefined where none of these is so.
 */
export function errorOf({
  status,
  result,
  problem,
}: Pick<TaskMeta, 'status' | 'result' | 'problem'>): ErrorInfo | undefined {
  // Of a sealed error the class is known.
  if (problem instanceof CodecError && hasError(status)) return { ...decodeException(result), message: problem.message }
  if (problem) return { type: problem.name, message: problem.message }
  return hasError(status) ? decodeException(result) : undefined
}

/** As Python's str(exception): nothing, the one argument, or the tuple of them. */
function messageText(message: unknown): string {
  if (typeof message === 'string') return message
  if (!Array.isArray(message)) return message === undefined || message === null ? '' : pythonRepr(message)
  if (message.length === 0) return ''
  const [only] = message
  if (message.length > 1) return `(${message.map((part) => pythonRepr(part)).join(', ')})`
  return typeof only === 'string' ? only : pythonRepr(only)
}
