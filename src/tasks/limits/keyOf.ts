import type { KeyFunction } from '../../config/task/limitOptions.ts'
import { MAX_LIMIT_NAME_BYTES } from '../../protocol/limits.ts'
import { ArgumentError, ValidationError } from '../../std/errors.ts'
import { asError } from '../../std/thrown.ts'
import { shown } from '../../std/validate.ts'
import { bindCall, type Given } from '../bind.ts'
import type { TaskDefinition } from '../definition.ts'

/**
 * The key of a call, by the function of an option of its task: text of 1 to 255 bytes. The function of an object task
 * gets the input, that of a positional task its positional arguments; keyword arguments are bound to the parameters
 * first, where these are known. Throws ArgumentError where the function throws, ValidationError where it returns
 * anything else, and for arguments that cannot be bound.
 */
export function keyOf(definition: TaskDefinition, option: string, key: KeyFunction, given: Given): string {
  const where = `task ${definition.name}: ${option}: key`
  return checkedKey(called(where, key, bindCall(definition, given)), where, 'a function that returns text')
}

function called(where: string, key: KeyFunction, args: readonly unknown[]): unknown {
  try {
    return key(...args)
  } catch (error) {
    const { message } = asError(error)
    throw new ArgumentError(`${where}: expected a function that returns text, got one that threw: ${message}`, {
      cause: error,
    })
  }
}

/** Throws ValidationError for what is no key: it comes from what the caller gave. */
export function checkedKey(key: unknown, where: string, expected: string): string {
  if (typeof key !== 'string')
    throw refusal(where, `${expected}, got ${key instanceof Promise ? 'a promise' : shown(key)}`)
  if (key === '') throw refusal(where, `text of 1 to ${MAX_LIMIT_NAME_BYTES} bytes, got ""`)
  // Half a character is written as another one: two keys would be one.
  if (!key.isWellFormed()) throw refusal(where, `whole characters, got ${shown(key)}`)
  const bytes = Buffer.byteLength(key)
  if (bytes > MAX_LIMIT_NAME_BYTES)
    throw refusal(where, `at most ${MAX_LIMIT_NAME_BYTES} bytes, got ${bytes}: return a digest of it`)
  return key
}

function refusal(where: string, expected: string): ValidationError {
  const message = `expected ${expected}`
  return new ValidationError(`${where}: ${message}`, [{ path: [], message }])
}
