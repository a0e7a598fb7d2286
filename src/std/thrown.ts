import { shown } from './validate.ts'

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
