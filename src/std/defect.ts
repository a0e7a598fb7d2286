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
