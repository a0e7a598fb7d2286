import { shown } from './validate.ts'

/* What was thrown: it may be anything. */

/** How many causes of an error are looked at. */
const MAX_CAUSES = 10

/**
 * What was thrown, as an Error that can be read and logged: itself where it is one, else an Error that says what it is.
 * Anything may be thrown, also what throws when it is looked at. Never throws.
 */
export function asError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error && isReadable(thrown)) return thrown
    return new Error(typeof thrown === 'string' ? thrown : `${shown(thrown)} was thrown`)
  } catch {
    // A revoked Proxy, or a getter that throws: what follows does not look inside.
    return new Error('an unreadable object was thrown')
  }
}

/** Its name, message and stack are texts; reading its other properties, and those of its causes, throws nothing. */
function isReadable(error: Error): boolean {
  if ([error.name, error.message, error.stack ?? ''].some((part) => typeof part !== 'string')) return false
  let one: unknown = error
  for (let depth = 0; depth < MAX_CAUSES && one instanceof Error; depth++) {
    // Enumerable ones, inherited too: a logger reads them all.
    for (const key in one) Reflect.get(one, key)
    one = one.cause
  }
  return true
}

/**
 * The `code` of what was thrown, whatever it is and of whichever copy of this package its class; undefined where it has
 * none.
 */
export function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** A StoreUnavailableError: the same may succeed later. */
export function isStoreAway(error: unknown): boolean {
  return codeOf(error) === 'STORE_UNAVAILABLE'
}

/** Codes of Node for a module that is not there, or cannot be loaded. */
const LOADING_CODES: ReadonlySet<string> = new Set([
  'ERR_DLOPEN_FAILED',
  'ERR_INVALID_MODULE_SPECIFIER',
  'ERR_INVALID_PACKAGE_CONFIG',
  'ERR_MODULE_NOT_FOUND',
  'ERR_PACKAGE_PATH_NOT_EXPORTED',
  'ERR_REQUIRE_ESM',
  'ERR_UNKNOWN_BUILTIN_MODULE',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_WORKER_PATH',
  'MODULE_NOT_FOUND',
])

/**
 * True for an error of a program or its installation: a method that this Node does not have, a module that is not
 * installed. Waiting does not repair it, so it is reported at once, as it is.
 */
export function isDefect(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof SyntaxError) return true
  const { code } = error as NodeJS.ErrnoException
  return code !== undefined && LOADING_CODES.has(code)
}
