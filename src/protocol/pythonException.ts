import { CeleriacError } from '../std/errors.ts'
import { type PythonClass, readPythonClass } from '../std/pythonClass.ts'
import { assertEncodable } from './encoding.ts'
import { pythonRepr } from './repr.ts'

/* How Python sees an error of JavaScript: its class there, and its arguments. */

/** Python's builtin for what JavaScript's own classes mean. */
const ANALOGUES: Readonly<Record<string, string>> = {
  TypeError: 'TypeError',
  RangeError: 'ValueError',
  // Nearly always of text that is parsed while a task runs, as JSON; Python's own SyntaxError is about its source.
  SyntaxError: 'ValueError',
  ReferenceError: 'NameError',
  URIError: 'ValueError',
}

/** Python's builtin for an error of the operating system, by its code. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'PermissionError',
  ECONNABORTED: 'ConnectionAbortedError',
  ECONNREFUSED: 'ConnectionRefusedError',
  ECONNRESET: 'ConnectionResetError',
  EEXIST: 'FileExistsError',
  EISDIR: 'IsADirectoryError',
  ENOENT: 'FileNotFoundError',
  ENOTDIR: 'NotADirectoryError',
  EPERM: 'PermissionError',
  EPIPE: 'BrokenPipeError',
  ETIMEDOUT: 'TimeoutError',
}

const MAX_ARGS = 100
/** Longest argument: characters of a text, or of the JSON of anything else. */
const MAX_ARG_LENGTH = 16_384

/**
 * What an error, or its class, says of itself by `pythonClass` and `args`; undefined where it says nothing that can be
 * read. May throw what its getters throw.
 */
export function declaredPython(error: object): (PythonClass & { readonly args?: readonly unknown[] }) | undefined {
  const { pythonClass, args } = error as { pythonClass?: unknown; args?: unknown }
  const own = pythonClass ?? (error.constructor as { pythonClass?: unknown } | undefined)?.pythonClass
  const found = own === undefined ? undefined : readPythonClass(own)
  return found && Array.isArray(args) ? { ...found, args: args.slice(0, MAX_ARGS).map(carried) } : found
}

/**
 * The builtin that an error of JavaScript or of the operating system is to Python; undefined for errors of other
 * classes.
 */
export function builtinOf(error: object, type: string): string | undefined {
  if (!(error instanceof Error) || error instanceof CeleriacError) return undefined
  if (type === 'RangeError' && /call stack/.test(error.message)) return 'RecursionError'
  if (Object.hasOwn(ANALOGUES, type)) return ANALOGUES[type]
  const { code } = error as { code?: unknown }
  return type === 'Error' && typeof code === 'string' && Object.hasOwn(SYSTEM_ERRORS, code)
    ? SYSTEM_ERRORS[code]
    : undefined
}

/** An argument that every serializer carries: what does not fit becomes its repr, as Celery does. */
function carried(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, MAX_ARG_LENGTH).toWellFormed()
  try {
    assertEncodable(value ?? null, 'args', 'json')
    assertEncodable(value ?? null, 'args', 'msgpack')
    const size = typeof value === 'object' ? JSON.stringify(value).length : 0
    return size > MAX_ARG_LENGTH ? pythonRepr(value) : (value ?? null)
  } catch {
    // Said by its repr.
    return safeRepr(value)
  }
}

function safeRepr(value: unknown): string {
  try {
    return typeof value === 'object' || typeof value === 'function'
      ? Object.prototype.toString.call(value)
      : pythonRepr(value).toWellFormed()
  } catch {
    // A hostile object.
    return '<unprintable>'
  }
}
